import type { KsymHit } from '../kallsyms/ksym-table.js';
import type { KernelVersion } from '../profiles/profile.js';
import type { GuestAddress, InsnIndex } from '../quantities.js';
import type { OopsRecord } from './run-result.js';

/** An exception the CPU met and nothing repaired. */
export interface Trap {
  readonly kind: OopsRecord['kind'];
  readonly access: OopsRecord['access'];
  readonly ip: GuestAddress;
  /** CR2; 0 for exceptions without an address. A general protection fault gives the address used, if known. */
  readonly address: GuestAddress;
  readonly errorCode: number;
  /** General registers by x86 name (rax ... r15), for the register dump. */
  readonly registers?: Readonly<Record<string, bigint>>;
}

// Error code of a page fault (Intel SDM vol. 3A 4.7).
const PF_PRESENT = 1;
const PF_WRITE = 2;
const PF_RESERVED = 8;
const PF_FETCH = 16;
const NULL_PAGE = 4096n;

const hex16 = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(16, '0');

function pageFault(trap: Trap): string[] {
  const code = trap.errorCode;
  const access = code & PF_FETCH ? 'instruction fetch' : code & PF_WRITE ? 'write access' : 'read access';
  const reason = !(code & PF_PRESENT)
    ? 'not-present page'
    : code & PF_RESERVED
      ? 'reserved bit violation'
      : 'permissions violation';
  const address = BigInt.asUintN(64, trap.address);
  return [
    address < NULL_PAGE
      ? `BUG: kernel NULL pointer dereference, address: ${hex16(address)}`
      : `BUG: unable to handle page fault for address: ${hex16(address)}`,
    `#PF: supervisor ${access} in kernel mode`,
    `#PF: error_code(0x${code.toString(16).padStart(4, '0')}) - ${reason}`,
  ];
}

function generalProtection(trap: Trap, version: KernelVersion): string[] {
  if (version === '5.5') return ['general protection fault: 0000 [#1] SMP'];
  const prefix = version === '6.12' ? 'Oops: ' : '';
  const address = BigInt.asUintN(64, trap.address).toString(16);
  return [
    `${prefix}general protection fault, probably for non-canonical address 0x${address}: 0000 [#1] SMP`,
  ];
}

const OTHER: Partial<Record<OopsRecord['kind'], string>> = {
  ud: 'invalid opcode: 0000 [#1] SMP',
  de: 'divide error: 0000 [#1] SMP',
  bp: 'int3: 0000 [#1] SMP',
};

const REGISTER_ROWS = [
  ['rax', 'rbx', 'rcx'],
  ['rdx', 'rsi', 'rdi'],
  ['rbp', 'r8', 'r9'],
  ['r10', 'r11', 'r12'],
  ['r13', 'r14', 'r15'],
];

function registerDump(registers: Readonly<Record<string, bigint>>): string[] {
  const label = (name: string): string => name.toUpperCase().replace(/^R(\d)$/, 'R0$1');
  return REGISTER_ROWS.map((row) =>
    row.map((name) => `${label(name)}: ${hex16(registers[name] ?? 0n)}`).join(' '),
  );
}

/** The kernel's log lines for an exception that no table entry repairs; `at` = the symbol `trap.ip` lies in. */
export function oopsLines(trap: Trap, at: KsymHit | null, version: KernelVersion = '6.12'): string[] {
  const head =
    trap.kind === 'pf'
      ? pageFault(trap)
      : trap.kind === 'gp'
        ? generalProtection(trap, version)
        : [OTHER[trap.kind] ?? trap.kind];
  const cr2 = trap.kind === 'pf' ? trap.address : 0n;
  return [
    ...head,
    `RIP: 0010:${at?.text ?? `0x${BigInt.asUintN(64, trap.ip).toString(16)}`}`,
    ...(trap.registers ? registerDump(trap.registers) : []),
    `CR2: ${hex16(cr2)}`,
  ];
}

/** The record of an oops. `insn` is the slot of VerifiedProgram.insns the trapping instruction came from. */
export function oopsRecord(
  trap: Trap,
  at: KsymHit | null,
  insn: InsnIndex,
  version: KernelVersion = '6.12',
): OopsRecord {
  return {
    kind: trap.kind,
    access: trap.access,
    ip: trap.ip,
    address: trap.address,
    errorCode: trap.errorCode,
    func: at?.ksym.func ?? 0,
    insn,
    lines: oopsLines(trap, at, version),
  };
}
