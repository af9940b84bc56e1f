// What code does with a fault that is repaired: one record in the fault ring, without a call where code is hot.
import type { CodeWriter } from './code-writer.js';
import * as E from './environment.js';
import * as W from './opcodes.js';
import type { Locals } from './registers.js';

/** Appends the address local and an instruction to the ring; slot null = the function's parameter. */
export function logAt(
  out: CodeWriter,
  { index, place, address: from }: Pick<Locals, 'index' | 'place' | 'address'>,
  around: E.WasmEnvironment,
  program: number,
  slot: number | null,
): void {
  out.i32(0);
  out.memory(W.I32_LOAD, around.state + E.STATE_FAULTS);
  out.tee(index);
  out.i32(E.FAULTS_HELD - 1);
  out.u8(W.I32_AND);
  out.i32(E.FAULT_SIZE_LOG);
  out.u8(W.I32_SHL);
  out.tee(place);
  out.get(from);
  out.memory(W.I64_STORE, around.faults);
  out.get(place);
  if (slot === null) {
    out.get(SLOT_PARAMETER);
    out.extend();
    out.big(BigInt(program) << 32n);
    out.u8(W.I64_OR);
  } else out.big((BigInt(program) << 32n) | BigInt(slot));
  out.memory(W.I64_STORE, around.faults + 8);
  out.i32(0);
  out.get(index);
  out.i32(1);
  out.u8(W.I32_ADD);
  out.memory(W.I32_STORE, around.state + E.STATE_FAULTS);
}

const SLOT_PARAMETER = 1;

/** Body of log(address i64, slot i32), with two i32 locals behind its parameters. */
export function logBody(out: CodeWriter, around: E.WasmEnvironment, program: number): void {
  logAt(out, { address: 0, index: 2, place: 3 }, around, program, null);
}
