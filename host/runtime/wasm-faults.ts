import * as I from '../../assembly/isa.js';
import { PF_PRESENT, PF_WRITE } from '../../assembly/layout/mmu.js';
import { type GuestMemory, PAGE_SIZE, RIGHT_R, RIGHT_W } from '../mm/guest-memory.js';
import { countExentries } from '../jit/exentries.js';
import type { JitKnobs } from '../profiles/profile.js';
import type { GuestAddress, InsnIndex } from '../quantities.js';
import { FAULTS_HELD, FAULT_SIZE_LOG } from '../wasm/environment.js';
import { Insn } from '../wasm/insn.js';
import type { RawFault, RawOops } from './engine.js';
import type { WasmProgram } from './wasm-programs.js';
import type { WasmState } from './wasm-state.js';

/** Leaves every nested call when a fault is fatal. */
export class OopsSignal {
  constructor(readonly oops: RawOops) {}
}

/** What an instruction does to memory. */
export interface AccessSite {
  readonly size: number;
  readonly access: 'read' | 'write';
  /** An atomic that begins with a plain load. */
  readonly alsoReads: boolean;
}

export function siteOf({ source }: WasmProgram, slot: InsnIndex): AccessSite & { readonly insn: Insn } {
  const { insns } = source;
  const insn = new Insn(new DataView(insns.buffer, insns.byteOffset, insns.byteLength)).at(slot);
  const loads = insn.klass === I.BPF_LDX;
  const isAtomic = insn.klass === I.BPF_STX && insn.mode === I.BPF_ATOMIC;
  const fetches = (insn.imm & I.BPF_FETCH) !== 0 && insn.imm < I.BPF_XCHG && insn.imm !== I.BPF_FETCH;
  return {
    insn,
    size: 1 << insn.widthLog,
    access: loads ? 'read' : 'write',
    alsoReads: isAtomic && fetches,
  };
}

const isCanonical = (address: GuestAddress): boolean =>
  BigInt.asUintN(64, BigInt.asIntN(48, address)) === address;

/** The fault that an access meets; null = none. */
export function faultAt(
  memory: GuestMemory,
  address: GuestAddress,
  { size, access, alsoReads }: AccessSite,
): Pick<RawOops, 'kind' | 'access' | 'address' | 'errorCode'> | null {
  const last = BigInt.asUintN(64, address + BigInt(size - 1));
  if (!isCanonical(address) || !isCanonical(last)) {
    // An error code of #GP says nothing about the access; a fetching atomic reads first all the same.
    return { kind: 'gp', access: 'read', address, errorCode: 0 };
  }
  const checks: readonly ['read' | 'write', number, number][] = [
    ...(alsoReads || access === 'read' ? [['read', RIGHT_R, 0] as const] : []),
    ...(access === 'write' ? [['write', RIGHT_W, PF_WRITE] as const] : []),
  ].map(([kind, right, code]) => [kind, right, code]);
  for (const [kind, right, code] of checks)
    for (const at of pagesOf(address, last)) {
      const rights = memory.rights(at);
      if ((rights & right) === 0)
        return { kind: 'pf', access: kind, address: at, errorCode: rights === 0 ? code : code | PF_PRESENT };
    }
  return null;
}

const PAGE_MASK = ~BigInt(PAGE_SIZE - 1);

function pagesOf(address: GuestAddress, last: GuestAddress): GuestAddress[] {
  const page = BigInt.asUintN(64, last & PAGE_MASK);
  return BigInt.asUintN(64, address & PAGE_MASK) === page ? [address] : [address, page];
}

/** Offsets in struct pt_regs of R0 to R9. */
const PT_REGS = [80, 112, 104, 96, 88, 72, 40, 16, 8, 0];
const VSYSCALL = 0xffffffffff600000n;
const USER_LIMIT = 1n << 47n;
const USER_LIMIT_LA57 = 1n << 56n;

/** Faults that generated code logged, as records. */
export class WasmFaults {
  readonly #limit: GuestAddress;
  #seen = 0;
  /** The newest FAULTS_HELD. */
  #records: RawFault[] = [];
  /** All, those forgotten included. */
  count = 0;

  constructor(
    private readonly state: WasmState,
    private readonly memory: GuestMemory,
    private readonly jit: JitKnobs,
    private readonly program: (handle: number) => WasmProgram | undefined,
  ) {
    this.#limit = jit.la57 ? USER_LIMIT_LA57 : USER_LIMIT;
    this.#seen = state.faults;
  }

  reset(): void {
    this.#seen = this.state.faults;
    this.#records = [];
    this.count = 0;
  }

  /** Takes over what was logged; done before anything can change pages. */
  drain(): void {
    const { state } = this;
    const fresh = (state.faults - this.#seen) >>> 0;
    if (fresh === 0) return;
    const held = Math.min(fresh, FAULTS_HELD);
    const view = state.bytes;
    for (let at = held; at > 0; at--) {
      const index = (state.faults - at) & (FAULTS_HELD - 1);
      const record = state.environment.faults + (index << FAULT_SIZE_LOG);
      const found = this.#record(
        view.getBigUint64(record, true),
        view.getUint32(record + 8, true),
        view.getUint32(record + 12, true),
      );
      if (found) this.#records.push(found);
    }
    if (this.#records.length > FAULTS_HELD) this.#records = this.#records.slice(-FAULTS_HELD);
    this.#seen = state.faults;
    this.count += fresh;
  }

  since(count: number): RawFault[] {
    const fresh = this.count - count;
    return fresh === 0 ? [] : this.#records.slice(-fresh);
  }

  #record(address: GuestAddress, slot: InsnIndex, handle: number): RawFault | null {
    const program = this.program(handle);
    if (!program) return null;
    const { insn, ...site } = siteOf(program, slot);
    const loads = insn.klass === I.BPF_LDX;
    const register = loads ? PT_REGS[insn.dst] : null;
    const place = { ip: BigInt(slot), program: handle, length: 0, register };
    const isProbe = loads && (insn.mode === I.BPF_PROBE_MEM || insn.mode === I.BPF_PROBE_MEMSX);
    if (isProbe && this.#isRefused(address, insn.off)) return { ...place, kind: 'guard', address, entry: -1 };
    const fault = faultAt(this.memory, address, site);
    const kind = fault?.kind === 'gp' ? 'gp' : 'pf';
    return { ...place, kind, address: fault?.address ?? address, entry: this.#entry(program, slot) };
  }

  /** Whether the guard in front of a probe load keeps it from running. */
  #isRefused(address: GuestAddress, off: number): boolean {
    switch (this.jit.version) {
      case '6.12':
        return address >= VSYSCALL || address <= this.#limit;
      case '6.1': {
        const source = BigInt.asUintN(64, address - BigInt(off));
        const least = this.#limit + BigInt(Math.abs(off));
        return source < least || address < source;
      }
      case '5.5':
        return false;
    }
  }

  /** Instructions with an exception entry in front of this one in its function. */
  #entry({ source }: WasmProgram, slot: InsnIndex): number {
    const { insns, functions } = source;
    let start = 0;
    for (const func of functions) if (func.start <= slot) start = func.start;
    return countExentries(insns.subarray(start * I.INSN_SIZE, slot * I.INSN_SIZE));
  }
}
