import {
  FAULT_ADDRESS,
  FAULT_CAPACITY,
  FAULT_COUNT,
  FAULT_ENTRY,
  FAULT_IP,
  FAULT_KIND_AT,
  FAULT_LENGTH,
  FAULT_NONE,
  FAULT_RECORDS,
  FAULT_REGISTER,
  FAULT_SIZE,
} from '../../assembly/layout/fault-log.js';
import { LimitError } from '../errors.js';
import type { GuestAddress } from '../quantities.js';
import type { Core } from './core.js';

const KINDS = ['pf', 'gp', 'guard'] as const;

/** One record of the core's fault log, as the engines push them. */
export interface LoggedFault {
  /** x86: address of the instruction; interpreter: program << 32 | its slot. */
  readonly ip: bigint;
  readonly address: GuestAddress;
  readonly kind: (typeof KINDS)[number];
  /** Offset of the zeroed register in pt_regs; null = none. */
  readonly register: number | null;
  /** Index in the exception table; null = none. */
  readonly entry: number | null;
  /** Bytes skipped. */
  readonly length: number;
}

/** The fault log of one core: what was repaired since the last reset. */
export class FaultLog {
  constructor(readonly core: Core) {}

  reset(): void {
    if (!this.core.exports.faultLogReset())
      throw new LimitError('LIMIT_MEMORY', 'fault log: linear memory of the core is exhausted');
  }

  /** Faults since the last reset, those included that the ring no longer holds. */
  get count(): bigint {
    const log = this.core.exports.faultLog() >>> 0;
    return log === 0 ? 0n : this.core.view.getBigUint64(log + FAULT_COUNT, true);
  }

  /** The records still held, oldest first: at most FAULT_CAPACITY. */
  read(): LoggedFault[] {
    const log = this.core.exports.faultLog() >>> 0;
    const count = this.count;
    const held = Number(count < FAULT_CAPACITY ? count : FAULT_CAPACITY);
    const view = this.core.view;
    const faults: LoggedFault[] = [];
    for (let i = 0; i < held; i++) {
      const index = Number((count - BigInt(held) + BigInt(i)) % BigInt(FAULT_CAPACITY));
      const at = log + FAULT_RECORDS + index * FAULT_SIZE;
      const register = view.getUint32(at + FAULT_REGISTER, true);
      const entry = view.getUint32(at + FAULT_ENTRY, true);
      faults.push({
        ip: view.getBigUint64(at + FAULT_IP, true),
        address: view.getBigUint64(at + FAULT_ADDRESS, true),
        kind: KINDS[view.getUint32(at + FAULT_KIND_AT, true)],
        register: register === FAULT_NONE ? null : register,
        entry: entry === FAULT_NONE ? null : entry,
        length: view.getUint32(at + FAULT_LENGTH, true),
      });
    }
    return faults;
  }
}
