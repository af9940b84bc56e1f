// Calls of functions, helpers and, through prog arrays, programs.
import * as I from '../../assembly/isa.js';
import * as E from './environment.js';
import type { FunctionCode } from './function-code.js';
import type { Insn } from './insn.js';
import { GATE_ENTRY, TAIL_ENTRY } from './host-calls.js';
import * as W from './opcodes.js';

/** Types of the host's calls in every module. */
export const TYPE_GATE = 6;
export const TYPE_TAIL = 7;

/** False when there is no such function. */
export function callFunction(from: FunctionCode, insn: Insn): boolean {
  const { out, locals, code, around } = from;
  const callee = code.raw
    ? code.functions.findIndex(({ start }) => start === insn.slot + 1 + insn.imm)
    : insn.off;
  if (code.functions[callee] === undefined) return false;
  const savesTailCalls = code.hasTailCalls && around.version !== '6.12';
  const frame = (): void => {
    out.get(locals.frame);
    out.i32(from.frame);
    out.u8(W.I32_SUB);
  };
  // A verifier bounds the frames below a function; the host keeps room for them.
  if (!from.isVerified) {
    frame();
    out.tee(locals.place);
    out.i32(around.stackLinear);
    out.u8(W.I32_LT_S);
    out.op(W.IF, W.VOID);
    out.i64(0);
    from.trap(E.TRAP_STACK);
    out.u8(W.END);
  }
  if (savesTailCalls) {
    out.i32(0);
    out.memory(W.I32_LOAD, around.state + E.STATE_TAIL_CALLS);
    out.set(locals.tailCalls);
  }
  if (from.isVerified) frame();
  else out.get(locals.place);
  for (const register of code.functions[callee].parameters) from.push(register);
  from.pushFuel(1);
  from.call(code.index.firstFunction + callee);
  from.popFuel(1);
  for (const register of [...code.results].reverse()) from.pop(register);
  if (savesTailCalls) {
    out.i32(0);
    out.get(locals.tailCalls);
    out.memory(W.I32_STORE, around.state + E.STATE_TAIL_CALLS);
  }
  if (code.callsOut) from.loadWindow();
  return true;
}

/** Tells the host where the stack goes on below this frame. */
function saveStack(from: FunctionCode): void {
  const { out, locals, around } = from;
  out.i32(0);
  out.get(locals.frame);
  out.i32(from.frame);
  out.u8(W.I32_SUB);
  out.memory(W.I32_STORE, around.state + E.STATE_STACK);
}

/** False for a helper that is named in no known way. */
export function callGate(from: FunctionCode, insn: Insn): boolean {
  const { out, code, around } = from;
  if (insn.src !== 0 && (insn.src !== I.BPF_PSEUDO_KFUNC_CALL || code.raw)) return false;
  const address = BigInt.asUintN(64, BigInt(insn.imm) + (code.raw ? 0n : around.callBase));
  from.saveFuel(1);
  saveStack(from);
  for (let register = 1; register <= 5; register++) {
    out.i32(0);
    from.push(register);
    out.memory(W.I64_STORE, around.state + E.STATE_ARGUMENTS + 8 * (register - 1));
  }
  out.i32(code.handle);
  out.i32(code.gate(address));
  from.callHost(GATE_ENTRY, TYPE_GATE);
  from.pop(0);
  from.loadFuel(1);
  from.loadWindow();
  return true;
}

/** The host picks the program; it runs in this frame and its R0 is this function's. */
export function tailCall(from: FunctionCode): void {
  const { out, locals, code } = from;
  from.saveFuel(1);
  saveStack(from);
  out.i32(code.handle);
  from.push(2);
  from.push(3);
  out.i32(from.slot);
  from.callHost(TAIL_ENTRY, TYPE_TAIL);
  out.tee(locals.index);
  out.i32(0);
  out.u8(W.I32_GE_S);
  out.op(W.IF, W.VOID);
  out.get(locals.frame);
  const { parameters } = code.functions[0];
  for (const register of parameters) from.push(register);
  out.get(locals.index);
  out.u8(W.CALL_INDIRECT);
  out.u32(code.raw ? 0 : parameters.length);
  out.u8(0);
  for (const register of [...code.results].reverse()) from.pop(register);
  from.loadFuel(1);
  from.exit();
  out.u8(W.END);
  from.loadWindow();
}
