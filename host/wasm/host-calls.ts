// Calls of generated code to the host. They go through the first entries of each program's table: a module that
// imports functions takes twice as long to become an instance.
import type { ByteWriter } from './byte-writer.js';
import { CALL, END, I32, I64, LOCAL_GET } from './opcodes.js';
import { type FunctionType, imported, name, newModule, section, typeSection } from './sections.js';

/** Entries of a table. */
export const GATE_ENTRY = 0;
export const TAIL_ENTRY = 1;

/** gate(handle, number of the gate) -> R0. */
export const GATE_TYPE: FunctionType = [[I32, I32], [I64]];
/** tail(handle, array, index, slot) -> entry in the table, or -1. */
export const TAIL_TYPE: FunctionType = [[I32, I64, I64, I32], [I32]];

/** What the host answers; `index` is that of a tail call, its lower half. */
export interface HostCalls {
  gate(handle: number, number: number): bigint;
  tail(handle: number, array: bigint, index: bigint, slot: number): number;
}

/** The host's functions as functions of WebAssembly, by their entries in a table. */
export type HostFunctions = readonly (() => unknown)[];

export function hostFunctions(calls: HostCalls): HostFunctions {
  const module = new WebAssembly.Module(hostCallsModule() as BufferSource);
  const { exports } = new WebAssembly.Instance(module, {
    env: {
      gate: (handle: number, number: number) => calls.gate(handle >>> 0, number),
      tail: (handle: number, array: bigint, index: bigint, slot: number) =>
        calls.tail(handle >>> 0, BigInt.asUintN(64, array), BigInt.asUintN(32, index), slot),
    },
  });
  const functions: (() => unknown)[] = [];
  functions[GATE_ENTRY] = exports.gate as () => unknown;
  functions[TAIL_ENTRY] = exports.tail as () => unknown;
  return functions;
}

function hostCallsModule(): Uint8Array {
  const names = ['gate', 'tail'];
  const types = [GATE_TYPE, TAIL_TYPE];
  const out = newModule();
  const each = (id: number, write: (to: ByteWriter, index: number) => void): void =>
    section(out, id, (to) => {
      to.u32(names.length);
      for (let index = 0; index < names.length; index++) write(to, index);
    });
  typeSection(out, types);
  each(2, (to, index) => {
    imported(to, names[index]);
    to.op(0, index);
  });
  each(3, (to, index) => to.u8(index));
  each(7, (to, index) => {
    name(to, names[index]);
    to.op(0, names.length + index);
  });
  each(10, (to, index) => {
    const parameters = types[index][0].length;
    to.u32(1 + 2 * parameters + 3);
    to.u8(0);
    for (let at = 0; at < parameters; at++) to.op(LOCAL_GET, at);
    to.op(CALL, index);
    to.u8(END);
  });
  return out.view();
}
