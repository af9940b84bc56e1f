// From a guest address to a linear one: the region by bits 30 to 39, then the rights of the pages touched.
import type { CodeWriter } from './code-writer.js';
import * as E from './environment.js';
import * as W from './opcodes.js';
import type { Locals } from './registers.js';

/** What a lookup is for. */
export interface Lookup {
  /** Bytes. */
  readonly size: number;
  readonly right: number;
  /** Linear address of the region table. */
  readonly regions: number;
}

/** Leaves the linear address in the place local; `missed` gets a condition on the stack that must not hold. */
export function lookUp(
  out: CodeWriter,
  locals: Pick<Locals, 'address' | 'index' | 'place' | 'value'>,
  around: E.WasmEnvironment,
  lookup: Lookup,
  missed: () => void,
): void {
  const { size, right, regions } = lookup;
  find(out, locals, { table: regions, add: () => undefined }, missed);
  rightsAt(out, locals, around);
  if (size > 1) {
    out.get(locals.place);
    out.i32(size - 1);
    out.u8(W.I32_ADD);
    rightsOf(out, around);
    out.u8(W.I32_AND);
  }
  out.i32(right);
  out.op(W.I32_AND, W.I32_EQZ);
  missed();
}

/** The same as a function: translate(address i64, size - 1 i32, right i32, regions i32) -> linear address, or 0. */
export function lookUpBody(out: CodeWriter, around: E.WasmEnvironment): void {
  const [last, right, regions] = [1, 2, 3];
  const locals = { address: 0, index: 4, place: 5, value: 6 };
  const missed = (): void => {
    out.op(W.IF, W.VOID);
    out.i32(0);
    out.op(W.RETURN, W.END);
  };
  const add = (): void => {
    out.get(regions);
    out.u8(W.I32_ADD);
  };
  find(out, locals, { table: 0, add }, missed);
  rightsAt(out, locals, around);
  out.get(locals.place);
  out.get(last);
  out.u8(W.I32_ADD);
  rightsOf(out, around);
  out.u8(W.I32_AND);
  out.get(right);
  out.op(W.I32_AND, W.I32_EQZ);
  missed();
  out.get(locals.place);
}

/** Locals of the function behind its parameters. */
export const LOOK_UP_LOCALS: readonly number[] = [W.I32, W.I32, W.I64];

/** Leaves the linear address in the place local, when the address lies in a region. */
function find(
  out: CodeWriter,
  { address, index, place, value }: Pick<Locals, 'address' | 'index' | 'place' | 'value'>,
  regions: { readonly table: number; readonly add: () => void },
  missed: () => void,
): void {
  out.get(address);
  out.get(address);
  out.i64(E.REGION_SHIFT);
  out.op(W.I64_SHR_U, W.I32_WRAP);
  out.i32(E.REGION_MASK);
  out.u8(W.I32_AND);
  regions.add();
  out.tee(index);
  out.memory(W.I64_LOAD, regions.table + E.REGION_BASE);
  out.u8(W.I64_SUB);
  out.tee(value);
  out.get(index);
  out.memory(W.I64_LOAD32_U, regions.table + E.REGION_BYTES);
  out.u8(W.I64_GE_U);
  missed();
  out.get(value);
  out.wrap();
  out.get(index);
  out.memory(W.I32_LOAD, regions.table + E.REGION_LINEAR);
  out.u8(W.I32_ADD);
  out.set(place);
}

function rightsAt(out: CodeWriter, { place }: Pick<Locals, 'place'>, around: E.WasmEnvironment): void {
  out.get(place);
  rightsOf(out, around);
}

/** Rights of the page of the linear address on the stack. */
function rightsOf(out: CodeWriter, around: E.WasmEnvironment): void {
  out.i32(12);
  out.u8(W.I32_SHR_U);
  out.memory(W.I32_LOAD8_U, around.rights);
}
