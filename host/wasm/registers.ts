import { BPF_REG_FP } from '../../assembly/isa.js';
import { STACK_REACH } from '../../assembly/layout/interp.js';
import type { CodeWriter } from './code-writer.js';
import type { WasmEnvironment } from './environment.js';
import { I32, I64, I64_ADD } from './opcodes.js';

/**
 * Locals of a generated function. `frame` is STACK_REACH below the linear address of R10, so that an access to the
 * frame is a load with a constant offset; R10 itself is computed where it is used.
 */
export interface Locals {
  readonly frame: number;
  readonly fuel: number;
  readonly window: number;
  readonly windowSize: number;
  readonly address: number;
  readonly value: number;
  readonly index: number;
  readonly place: number;
  readonly label: number;
  readonly tailCalls: number;
  /** Local of each register but R10. */
  readonly registers: readonly number[];
  /** Types of the locals that are not parameters, in order. */
  readonly types: readonly number[];
}

const REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11];

/**
 * Lays out the locals behind the parameters: the frame, then for a function its registers and the fuel, for a part of
 * one the label.
 */
export function layOut(parameters: readonly number[], isPart: boolean): Locals {
  const registers: number[] = [];
  let next = 1;
  for (const register of parameters) registers[register] = next++;
  const last = next++;
  const types: number[] = [];
  const add = (type: number): number => {
    types.push(type);
    return next++;
  };
  for (const register of REGISTERS) registers[register] ??= add(I64);
  return {
    frame: 0,
    fuel: isPart ? add(I64) : last,
    window: add(I64),
    windowSize: add(I64),
    address: add(I64),
    value: add(I64),
    index: add(I32),
    place: add(I32),
    tailCalls: add(I32),
    label: isPart ? last : add(I32),
    registers,
    types,
  };
}

/** Puts a register on the stack. */
export function pushRegister(
  out: CodeWriter,
  locals: Locals,
  around: WasmEnvironment,
  register: number,
): void {
  if (register !== BPF_REG_FP) return out.get(locals.registers[register]);
  out.get(locals.frame);
  out.extend();
  out.big(around.stack - BigInt(around.stackLinear) + BigInt(STACK_REACH));
  out.u8(I64_ADD);
}
