import { INSN_SIZE } from '../../assembly/isa.js';
import type { GuestAddress, InsnIndex } from '../quantities.js';
import { LOOK_UP_LOCALS, lookUpBody } from './address-lookup.js';
import { ByteWriter } from './byte-writer.js';
import { CodeWriter } from './code-writer.js';
import * as E from './environment.js';
import { logBody } from './fault-ring.js';
import { entryBody, type FunctionBody, translateFunction } from './function.js';
import type { ProgramCode } from './function-code.js';
import { GATE_TYPE, TAIL_TYPE } from './host-calls.js';
import * as W from './opcodes.js';
import { parameterCounts } from './parameters.js';
import { type FunctionType, imported, name, newModule, section, typeSection } from './sections.js';

/** A program to translate: a VerifiedProgram, or instructions no verifier saw. */
export interface WasmSource {
  readonly insns: Uint8Array;
  readonly functions: readonly { readonly start: InsnIndex; readonly stackDepth: number }[];
  readonly arena: { readonly kernel: GuestAddress; readonly user: GuestAddress } | null;
}

export interface TranslationOptions {
  /** Names the program in fault records. */
  readonly handle: number;
  /** Values of pointers to the functions. */
  readonly addresses: readonly GuestAddress[];
  /** Helper numbers and pc-relative calls, as a loader submits them; functions share registers. */
  readonly raw: boolean;
  /** A verifier proved every plain access: those through R10 and the context are not checked. */
  readonly verified: boolean;
  /** How many of R1 to R5 function 0 of a verified program is given: 1, the context, when absent. */
  readonly mainArguments?: number;
  /** Slots from which on a function is translated in parts, each a function of the module. */
  readonly partSlots?: number;
  /** Function 0 goes on at this block of its, from the registers in the state record. */
  readonly resume?: InsnIndex;
  /** Number by which the program names a gate to the host. */
  gate(address: GuestAddress): number;
}

const RAW_PARAMETERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const RAW_RESULTS = [0, 1, 2, 3, 4, 5];
const ARGUMENTS = [1, 2, 3, 4, 5];
const ARITIES = [0, 1, 2, 3, 4, 5];

/** Registers that a call from the host gives, in order; generated code takes as many as it has parameters. */
export const argumentsOf = (raw: boolean): readonly number[] => (raw ? RAW_PARAMETERS : ARGUMENTS);

// Types 0 to 5 are entries of functions with that many parameters behind the frame; the functions themselves take the
// fuel too and give back what is left.
const TYPE_TRANSLATE = 8;
const TYPE_TRAP = 9;
const TYPE_LOG = 10;
const TYPE_PART = 11;
const TYPE_FUNCTION = 12;
const TRANSLATE = 0;
const TRAP = 1;
const LOG = 2;
const FIRST_FUNCTION = 3;

/**
 * A WebAssembly module of a BPF program. It imports `env.memory` and `env.table`, which begins with the host's calls,
 * and exports function k as `f<k>`: (frame i32, parameters i64...) -> results i64...
 *
 * @throws UsageError USAGE_INSN for an instruction that the JIT would refuse.
 */
export function translateProgram(
  around: E.WasmEnvironment,
  source: WasmSource,
  options: TranslationOptions,
): Uint8Array {
  const { insns, arena, functions } = source;
  const { raw } = options;
  const slots = insns.length / INSN_SIZE;
  // Without a verifier a function may jump anywhere in the program.
  const ends = functions.map((_, index) => (raw ? slots : (functions[index + 1]?.start ?? slots)));
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const counts = options.verified
    ? parameterCounts(
        view,
        functions.map(({ start }, index) => ({ start, end: ends[index] })),
        options.mainArguments ?? 1,
      )
    : functions.map(() => ARGUMENTS.length);
  const code: ProgramCode = {
    around,
    insns: view,
    handle: options.handle,
    arenaKernel: arena?.kernel ?? 0n,
    arenaUser: ((arena?.user ?? 0n) >> 32n) << 32n,
    raw,
    verified: options.verified,
    functions: functions.map(({ start, stackDepth }, index) => ({
      start,
      frame: (stackDepth + 31) & ~15,
      address: options.addresses[index],
      parameters: raw ? RAW_PARAMETERS : ARGUMENTS.slice(0, counts[index]),
    })),
    results: raw ? RAW_RESULTS : [0],
    hasTailCalls: hasOpcode(insns, TAIL_CALL),
    callsOut: hasOpcode(insns, TAIL_CALL) || hasOpcode(insns, CALL, (bytes) => bytes[1] >> 4 !== 1),
    index: {
      translate: TRANSLATE,
      trap: TRAP,
      log: LOG,
      firstFunction: FIRST_FUNCTION,
    },
    gate: (address) => options.gate(address),
  };
  const mains: FunctionBody[] = [];
  const parts: FunctionBody[] = [];
  functions.forEach((_, index) => {
    const firstPart = FIRST_FUNCTION + functions.length + parts.length;
    const resume = index === 0 ? options.resume : undefined;
    const made = translateFunction(code, index, ends[index], firstPart, options.partSlots, resume);
    mains.push(made.main);
    parts.push(...made.parts);
  });
  return assemble(code, mains, parts);
}

const CALL = 0x85;
const TAIL_CALL = 0xf5;

function hasOpcode(insns: Uint8Array, opcode: number, which = (_: Uint8Array): boolean => true): boolean {
  for (let at = 0; at < insns.length; at += INSN_SIZE)
    if (insns[at] === opcode && which(insns.subarray(at, at + INSN_SIZE))) return true;
  return false;
}

function assemble(
  code: ProgramCode,
  mains: readonly FunctionBody[],
  parts: readonly FunctionBody[],
): Uint8Array {
  const out = newModule();
  const many = (count: number, type: number): number[] => new Array<number>(count).fill(type);
  const { I32, I64 } = W;
  const entryType = (count: number): FunctionType => [
    [I32, ...many(code.raw ? RAW_PARAMETERS.length : count, I64)],
    many(code.results.length, I64),
  ];
  const arity = (func: number): number => (code.raw ? 0 : code.functions[func].parameters.length);
  const types: readonly FunctionType[] = [
    ...ARITIES.map((count) => entryType(count)),
    GATE_TYPE,
    TAIL_TYPE,
    [[I64, I32, I32, I32], [I32]],
    [[I64, I64, I32, I32], []],
    [[I64, I32], []],
    [[I32, I32], [I32]],
    ...ARITIES.map((count) => {
      const [from, results] = entryType(count);
      return [
        [...from, I64],
        [...results, I64],
      ] as const;
    }),
  ];
  typeSection(out, types);
  section(out, 2, (to) => {
    to.u32(2);
    imported(to, 'memory');
    to.op(2, 0);
    to.u32(1);
    imported(to, 'table');
    to.op(1, W.FUNCREF);
    to.op(0, 0);
  });
  section(out, 3, (to) => {
    to.u32(3 + 2 * mains.length + parts.length);
    for (const type of [TYPE_TRANSLATE, TYPE_TRAP, TYPE_LOG]) to.u8(type);
    mains.forEach((_, func) => to.u8(TYPE_FUNCTION + arity(func)));
    for (let at = 0; at < parts.length; at++) to.u8(TYPE_PART);
    mains.forEach((_, func) => to.u8(arity(func)));
  });
  section(out, 7, (to) => {
    to.u32(mains.length);
    mains.forEach((_, index) => {
      name(to, `f${index}`);
      to.u8(0);
      to.u32(FIRST_FUNCTION + mains.length + parts.length + index);
    });
  });
  section(out, 10, (to) => {
    to.u32(3 + 2 * mains.length + parts.length);
    const entries = mains.map((_, func) => entryBody(code, func));
    for (const func of [...helpers(code), ...mains, ...parts, ...entries]) {
      const locals = new ByteWriter();
      const runs = runsOf(func.types);
      locals.u32(runs.length);
      for (const [count, type] of runs) {
        locals.u32(count);
        locals.u8(type);
      }
      to.u32(locals.length + func.body.length);
      to.bytes(locals.view());
      to.bytes(func.body);
    }
  });
  return out.view();
}

/** The functions that every module has: translate, trap, log. */
function helpers(code: ProgramCode): FunctionBody[] {
  const { around, handle } = code;
  const write = (types: readonly number[], emit: (out: CodeWriter) => void): FunctionBody => {
    const out = new CodeWriter();
    emit(out);
    out.u8(W.END);
    return { types, body: out.view() };
  };
  return [
    write(LOOK_UP_LOCALS, (out) => lookUpBody(out, around)),
    write([], (out) => {
      const keep = (opcode: number, at: number, value: () => void): void => {
        out.i32(0);
        value();
        out.memory(opcode, around.state + at);
      };
      keep(W.I64_STORE, E.STATE_ADDRESS, () => out.get(0));
      keep(W.I64_STORE, E.STATE_FUEL, () => out.get(1));
      keep(W.I32_STORE, E.STATE_SLOT, () => out.get(2));
      keep(W.I32_STORE, E.STATE_TRAP, () => out.get(3));
      keep(W.I32_STORE, E.STATE_PROGRAM, () => out.i32(handle));
    }),
    write([W.I32, W.I32], (out) => logBody(out, around, handle)),
  ];
}

function runsOf(types: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const type of types) {
    const last = runs[runs.length - 1];
    if (last?.[1] === type) last[0]++;
    else runs.push([1, type]);
  }
  return runs;
}
