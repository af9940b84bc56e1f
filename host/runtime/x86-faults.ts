import { PF_FETCH, PF_WRITE, VECTOR_BP, VECTOR_DE, VECTOR_PF, VECTOR_UD } from '../../assembly/layout/mmu.js';
import type { Cpu } from '../core/cpu.js';
import type { FaultLog } from '../core/fault-log.js';
import type { RawFault, RawOops } from './engine.js';

const KERNEL_CS = 0x10n;
const KERNEL_SS = 0x18n;
/** Words of struct pt_regs. */
const ORIG_AX = 15;
const CS = 17;
const SS = 20;

const KINDS = new Map<number, RawOops['kind']>([
  [VECTOR_PF, 'pf'],
  [VECTOR_UD, 'ud'],
  [VECTOR_DE, 'de'],
  [VECTOR_BP, 'bp'],
]);

/** The fault that stopped the CPU for good. */
export function oopsOf(cpu: Cpu): RawOops {
  const { vector, address, errorCode } = cpu.fault;
  const registers = cpu.registers();
  registers[ORIG_AX] = BigInt(errorCode);
  registers[CS] = KERNEL_CS;
  registers[SS] = KERNEL_SS;
  return {
    kind: KINDS.get(vector) ?? 'gp',
    access: accessOf(vector, errorCode),
    ip: cpu.ip,
    address,
    errorCode,
    registers,
  };
}

function accessOf(vector: number, errorCode: number): RawOops['access'] {
  if (vector === VECTOR_UD || vector === VECTOR_BP || (errorCode & PF_FETCH) !== 0) return 'fetch';
  return (errorCode & PF_WRITE) !== 0 ? 'write' : 'read';
}

/** What was logged since the log had `count` records, as far as it holds them. */
export function faultsSince(log: FaultLog, count: bigint): RawFault[] {
  const fresh = Number(log.count - count);
  if (fresh === 0) return [];
  return log
    .read()
    .slice(-fresh)
    .map(({ kind, ip, address, register, entry, length }) => ({
      kind,
      ip,
      address,
      register,
      entry: entry ?? -1,
      length,
    }));
}
