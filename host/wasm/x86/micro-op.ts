import * as U from '../../../assembly/layout/uop.js';
import type { GuestAddress, HostAddress } from '../../quantities.js';

/** A decoded x86 instruction, as assembly/x86/uop.ts draws it. */
export interface MicroOp {
  /** Where the record stands. */
  readonly at: HostAddress;
  /** The operation alone: no pair, no entry of a region. */
  readonly op: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly form: number;
  readonly imm: bigint;
  readonly ip: GuestAddress;
  readonly displacement: number;
  /** Record that a branch goes to; of a compare joined with a jump, that of the jump. 0 = not looked up. */
  readonly target: HostAddress;
}

export const isFused = (op: number): boolean => op >= U.OP_CMPJ && op < U.OP_ENTER;

/** Records that an operation takes. */
export const recordsOf = (op: number): number => (isFused(op) ? 2 : 1);

export function readMicroOp(view: DataView, at: HostAddress, op: number): MicroOp {
  return {
    at,
    op,
    a: view.getUint8(at + U.U_A),
    b: view.getUint8(at + U.U_B),
    c: view.getUint8(at + U.U_C),
    form: view.getUint16(at + U.U_FORM, true),
    imm: view.getBigUint64(at + U.U_IMM, true),
    ip: view.getBigUint64(at + U.U_IP, true),
    displacement: view.getInt32(at + U.U_DISP, true),
    target: view.getUint32(at + (isFused(op) ? U.UOP : 0) + U.U_TARGET, true),
  };
}
