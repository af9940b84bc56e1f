import { INSN_SIZE } from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import { checkOf } from './access.js';
import { CodeWriter } from './code-writer.js';
import { nodesInLoops, orderOf } from './dominators.js';
import * as E from './environment.js';
import { basicBlocks, type FlowNode } from './flow-graph.js';
import { FunctionCode, type ProgramCode } from './function-code.js';
import * as W from './opcodes.js';
import { CONTEXT, Provenance, provenance } from './provenance.js';
import { makeReducible } from './reducible.js';
import { layOut, type Locals } from './registers.js';
import { guardLoops } from './guards.js';
import { Insn } from './insn.js';
import { stackify } from './stackify.js';
import { planSteps } from './steps.js';
import { unrollLoops } from './unroll.js';
import { ENTRY_BITS, type Part, partsOf } from './split.js';

/** Code of one function of the module: its locals and its body, END included. */
export interface FunctionBody {
  readonly types: readonly number[];
  readonly body: Uint8Array;
}

/** A BPF function; `parts` are the pieces that it runs when it is too big for one. */
export interface TranslatedFunction {
  readonly main: FunctionBody;
  readonly parts: readonly FunctionBody[];
}

/** Slots from which on a function is translated in parts. */
const PART_SLOTS = 16_384;
/** Slots up to which a function translates addresses inline outside its loops too. */
const SMALL = 1024;
/** Blocks of the largest function or part whose loops are unrolled. */
const UNROLLED = 2000;

/**
 * `firstPart` is the number that the module will give the first part. `resume`: the function goes on at that block,
 * from the registers in the state record.
 */
export function translateFunction(
  code: ProgramCode,
  func: number,
  end: number,
  firstPart: number,
  partSlots = PART_SLOTS,
  resume?: InsnIndex,
): TranslatedFunction {
  const { start } = code.functions[func];
  const blocks = basicBlocks(code.insns, start, end);
  const atStart = new Provenance(code.functions.length === 1);
  if (code.verified && func === 0) atStart.set(1, CONTEXT);
  const pointers = provenance(code.insns, blocks.nodes, atStart);
  if (end - start <= partSlots) {
    const first = resume === undefined ? 0 : blocks.starts.indexOf(resume);
    const nodes = [
      ...blocks.nodes,
      { kind: 'code' as const, start, end: start, edges: [{ to: first, label: -1 }] },
    ];
    const locals = layOut(code.functions[func].parameters, false);
    const main = body(
      code,
      func,
      pointers,
      nodes,
      nodes.length - 1,
      locals,
      end - start <= SMALL,
      returnResults,
      { canPause: func === 0, resumes: resume !== undefined },
    );
    return { main, parts: [] };
  }
  const { parts, entry } = partsOf(blocks, partSlots);
  return {
    main: driver(code, func, entry, parts.length, firstPart),
    parts: parts.map((part) => partBody(code, func, pointers, part)),
  };
}

function body(
  code: ProgramCode,
  func: number,
  pointers: ReadonlyMap<number, Provenance>,
  nodes: FlowNode[],
  root: number,
  locals: Locals,
  isSmall: boolean,
  exit: (code: FunctionCode) => void,
  { canPause, resumes }: { readonly canPause: boolean; readonly resumes: boolean } = NEITHER,
): FunctionBody {
  makeReducible(nodes, root);
  if (nodes.length <= UNROLLED) {
    unrollLoops(nodes, root);
    guardLoops(nodes, root, code.insns, {
      pointers,
      isVerified: code.verified,
      callsOut: code.callsOut,
    });
  }
  const order = orderOf(nodes, root);
  const looping = nodesInLoops(order);
  const counts = Int32Array.from(nodes, ({ start, end }) => instructions(code.insns, start, end));
  const first = order.order.find((node) => counts[node] > 0) ?? -1;
  const writer = new FunctionCode(code, locals, func, {
    hot: (node) => isSmall || looping[node] === 1,
    steps: planSteps(nodes, root, order, counts),
    entry: calls(code.insns, nodes) ? first : -1,
    pointers,
    usesWindow: usesWindow(code, nodes, pointers),
    pause: canPause ? (at) => moveRegisters(at, false) : null,
    exit,
    leave,
  });
  writer.loadWindow();
  if (resumes) moveRegisters(writer, true);
  if (exit === returnFromPart) {
    writer.loadFuel(0);
    moveRegisters(writer, true);
  }
  stackify(writer.out, nodes, root, order, writer);
  writer.out.op(W.UNREACHABLE, W.END);
  return { types: locals.types, body: writer.out.view().slice() };
}

const NEITHER = { canPause: false, resumes: false };

function instructions(insns: DataView, start: number, end: number): number {
  let count = 0;
  for (let slot = start; slot < end; slot++) {
    if (insns.getUint8(slot * INSN_SIZE) === LD_IMM64) slot++;
    count++;
  }
  return count;
}

/** Whether some access is neither in the frame nor proved. */
function usesWindow(
  code: ProgramCode,
  nodes: readonly FlowNode[],
  pointers: ReadonlyMap<number, Provenance>,
): boolean {
  const insn = new Insn(code.insns);
  const state = new Provenance();
  return nodes.some(({ start, end }) => {
    const atStart = pointers.get(start);
    if (!atStart) return false;
    state.assign(atStart);
    for (let slot = start; slot < end; slot++) {
      insn.at(slot);
      if (insn.opcode === LD_IMM64) slot++;
      else if (checkOf(insn, state, code.verified) === 'window') return true;
      state.apply(insn);
    }
    return false;
  });
}

const LD_IMM64 = 0x18;
const LOCAL_CALL = 0x85;

function calls(insns: DataView, nodes: readonly FlowNode[]): boolean {
  return nodes.some(({ start, end }) => {
    for (let slot = start; slot < end; slot++)
      if (insns.getUint8(slot * INSN_SIZE) === LOCAL_CALL && insns.getUint8(slot * INSN_SIZE + 1) >> 4 === 1)
        return true;
    return false;
  });
}

function returnResults(code: FunctionCode): void {
  for (const register of code.code.results) code.push(register);
  code.pushFuel(1);
  code.out.u8(W.RETURN);
}

const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11];
const RETURNED = -1;

/** Registers to the state record, or from there. */
function moveRegisters(code: FunctionCode, load: boolean): void {
  for (const register of ALL) {
    code.out.i32(0);
    if (!load) code.push(register);
    code.out.memory(load ? W.I64_LOAD : W.I64_STORE, registerAt(code.around, register));
    if (load) code.pop(register);
  }
}

const registerAt = (around: E.WasmEnvironment, register: number): number =>
  around.state + E.STATE_REGISTERS + 8 * register;

function leave(code: FunctionCode): void {
  code.saveFuel(0);
  moveRegisters(code, false);
  code.getLabel();
  code.out.u8(W.RETURN);
}

function returnFromPart(code: FunctionCode): void {
  code.saveFuel(1);
  moveRegisters(code, false);
  code.out.i32(RETURNED);
  code.out.u8(W.RETURN);
}

function partBody(
  code: ProgramCode,
  func: number,
  pointers: ReadonlyMap<number, Provenance>,
  part: Part,
): FunctionBody {
  return body(code, func, pointers, part.nodes, part.root, layOut([], true), false, returnFromPart);
}

/** Calls part after part until one returns from the function. */
function driver(
  code: ProgramCode,
  func: number,
  entry: number,
  parts: number,
  firstPart: number,
): FunctionBody {
  const out = new CodeWriter();
  const { results, around } = code;
  const { parameters } = code.functions[func];
  const fuel = 1 + parameters.length;
  const next = fuel + 1;
  out.i32(0);
  out.get(fuel);
  out.memory(W.I64_STORE, around.state + E.STATE_FUEL);
  parameters.forEach((register, at) => {
    out.i32(0);
    out.get(1 + at);
    out.memory(W.I64_STORE, registerAt(around, register));
  });
  for (const register of ALL) {
    if (parameters.includes(register)) continue;
    out.i32(0);
    out.i64(0);
    out.memory(W.I64_STORE, registerAt(around, register));
  }
  out.i32(entry);
  out.set(next);
  out.op(W.LOOP, W.VOID);
  out.op(W.BLOCK, W.VOID);
  for (let part = 0; part < parts; part++) out.op(W.BLOCK, W.VOID);
  out.get(next);
  out.i32(ENTRY_BITS);
  out.u8(W.I32_SHR_U);
  out.u8(W.BR_TABLE);
  out.u32(parts - 1);
  for (let part = 0; part < parts; part++) out.u32(part);
  for (let part = 0; part < parts; part++) {
    out.u8(W.END);
    out.get(0);
    out.get(next);
    out.i32((1 << ENTRY_BITS) - 1);
    out.u8(W.I32_AND);
    out.u8(W.CALL);
    out.u32(firstPart + part);
    out.set(next);
    out.u8(W.BR);
    out.u32(parts - 1 - part);
  }
  out.u8(W.END);
  out.get(next);
  out.i32(RETURNED);
  out.u8(W.I32_NE);
  out.op(W.BR_IF, 0);
  out.u8(W.END);
  for (const register of results) {
    out.i32(0);
    out.memory(W.I64_LOAD, registerAt(around, register));
  }
  out.i32(0);
  out.memory(W.I64_LOAD, around.state + E.STATE_FUEL);
  out.u8(W.END);
  return { types: [W.I32], body: out.view().slice() };
}

/** A function as the host and tail calls enter it: the fuel is in the state record. */
export function entryBody(code: ProgramCode, func: number): FunctionBody {
  const out = new CodeWriter();
  const { parameters } = code.functions[func];
  const fuel = 1 + parameters.length;
  for (let at = 0; at < fuel; at++) out.get(at);
  out.i32(0);
  out.memory(W.I64_LOAD, code.around.state + E.STATE_FUEL);
  out.u8(W.CALL);
  out.u32(code.index.firstFunction + func);
  out.set(fuel);
  out.i32(0);
  out.get(fuel);
  out.memory(W.I64_STORE, code.around.state + E.STATE_FUEL);
  out.u8(W.END);
  return { types: [W.I64], body: out.view() };
}
