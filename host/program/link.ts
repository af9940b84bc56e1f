import * as isa from '../../assembly/isa.js';
import { readInsn, writeInsn } from '../asm/insn.js';
import type { Btf } from '../btf/btf.js';
import type { BtfExt, FuncInfoRecord, LineInfoRecord } from '../btf/btf-ext.js';
import { BtfKind } from '../btf/types.js';
import type { ObjectFile } from '../elf/object-file.js';
import type { InsnIndex } from '../quantities.js';
import {
  type CodeFunction,
  type FunctionReference,
  type FunctionTable,
  programError,
  TEXT_SECTION,
} from './functions.js';
import type { FuncInfo, LineInfo } from './program-spec.js';

const CALL = isa.BPF_JMP | isa.BPF_CALL;
const LD_IMM64 = isa.BPF_LD | isa.BPF_IMM | isa.BPF_DW;
const EXCEPTION_CALLBACK = 'exception_callback:';
const MAX_LINKED_INSNS = isa.BPF_MAXINSNS * 4;

export interface LinkedProgram {
  readonly insns: Uint8Array;
  readonly funcInfo: readonly FuncInfo[];
  readonly lineInfo: readonly LineInfo[];
}

/**
 * A program with its own copy of every function it uses behind it, in the order of their discovery: after a function
 * was appended its own calls come first, then the rest of its caller's.
 *
 * @throws ProgramError when a call does not meet the start of a function.
 */
export function linkProgram(
  program: CodeFunction,
  functions: FunctionTable,
  btf: Btf | null,
  info: CodeInfo,
): LinkedProgram {
  const placed: CodeFunction[] = [];
  const startOf = new Map<CodeFunction, InsnIndex>();
  let length = 0;
  const place = (each: CodeFunction): void => {
    startOf.set(each, length);
    placed.push(each);
    length += each.insns.length / isa.INSN_SIZE;
    if (length > MAX_LINKED_INSNS) {
      const expected = `at most ${MAX_LINKED_INSNS} instructions with subprograms, found ${length}`;
      throw programError('PROGRAM_SIZE', program.section.name, program.start * isa.INSN_SIZE, expected);
    }
  };
  // Depth first, without recursion: call chains are as long as the object has functions.
  const discover = (root: CodeFunction): void => {
    const path = [{ code: root, calls: referencesOf(root), next: 0 }];
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const call = top.calls[top.next++];
      if (call === undefined) {
        path.pop();
        continue;
      }
      const callee = resolve(top.code, call.index, call.reference, functions);
      if (startOf.has(callee)) continue;
      place(callee);
      path.push({ code: callee, calls: referencesOf(callee), next: 0 });
    }
  };
  place(program);
  discover(program);
  const handler = exceptionCallback(program, functions, btf);
  if (handler !== null && !startOf.has(handler)) {
    place(handler);
    discover(handler);
  }

  const insns = new Uint8Array(length * isa.INSN_SIZE);
  for (const each of placed) {
    const start = startOf.get(each)!;
    insns.set(each.insns, start * isa.INSN_SIZE);
    for (const { index, reference } of referencesOf(each)) {
      const at = start + index;
      const insn = readInsn(insns, at);
      const src = insn.opcode === CALL ? isa.BPF_PSEUDO_CALL : isa.BPF_PSEUDO_FUNC;
      const callee = startOf.get(resolve(each, index, reference, functions))!;
      writeInsn(insns, at, { ...insn, src, imm: callee - at - 1 });
    }
  }
  return {
    insns,
    funcInfo: placed.flatMap((each) => info.funcInfo(each, startOf.get(each)!)),
    lineInfo: placed.flatMap((each) => info.lineInfo(each, startOf.get(each)!)),
  };
}

/** Functions that can be loaded by themselves: those outside of .text that are global, or that nothing calls. */
export function programsOf(functions: FunctionTable): CodeFunction[] {
  const callees = new Set<CodeFunction | undefined>();
  for (const code of functions.all) {
    for (const { reference } of referencesOf(code))
      callees.add(functions.at(reference.section, reference.start));
  }
  return functions.all.filter(
    (code) => code.section.name !== TEXT_SECTION && !(code.isStatic && callees.has(code)),
  );
}

interface Call {
  readonly index: InsnIndex;
  readonly reference: FunctionReference;
}

/** Calls and function addresses in order; a call without a relocation stays in its section. */
function referencesOf(code: CodeFunction): Call[] {
  const calls: Call[] = [];
  const count = code.insns.length / isa.INSN_SIZE;
  for (let index = 0; index < count; index++) {
    const reference = code.references.get(index);
    const insn = readInsn(code.insns, index);
    if (reference !== undefined) calls.push({ index, reference });
    else if (insn.opcode === CALL && insn.src === isa.BPF_PSEUDO_CALL) {
      calls.push({
        index,
        reference: { section: code.section.index, start: code.start + index + insn.imm + 1 },
      });
    }
    if (insn.opcode === LD_IMM64) index++;
  }
  return calls;
}

function resolve(
  from: CodeFunction,
  index: InsnIndex,
  to: FunctionReference,
  functions: FunctionTable,
): CodeFunction {
  const callee = functions.at(to.section, to.start);
  if (callee?.start === to.start) return callee;
  const found = callee === undefined ? 'none' : `the middle of ${callee.name}`;
  const expected = `a function at slot ${to.start} of section ${to.section}, found ${found}`;
  throw programError('PROGRAM_CALL', from.section.name, (from.start + index) * isa.INSN_SIZE, expected);
}

/** The function that a tag `exception_callback:name` on the program names: the kernel calls it, no instruction does. */
function exceptionCallback(
  program: CodeFunction,
  functions: FunctionTable,
  btf: Btf | null,
): CodeFunction | null {
  const id = btf?.find(program.name, BtfKind.FUNC) ?? 0;
  if (btf === null || id === 0) return null;
  const tag = btf
    .declTags(id)
    .find(({ name, component }) => component === -1 && name.startsWith(EXCEPTION_CALLBACK));
  if (tag === undefined) return null;
  const name = tag.name.slice(EXCEPTION_CALLBACK.length);
  const handler = functions.all.find((each) => each.name === name && each.section.name === TEXT_SECTION);
  if (handler !== undefined) return handler;
  const expected = `function ${name} in .text as exception callback, found none`;
  throw programError('PROGRAM_CALL', program.section.name, program.start * isa.INSN_SIZE, expected);
}

/** func_info and line_info of each function, offsets as in the object. */
export class CodeInfo {
  private readonly funcs = new Map<CodeFunction, FuncInfoRecord[]>();
  private readonly lines = new Map<CodeFunction, LineInfoRecord[]>();

  constructor(object: ObjectFile, functions: FunctionTable, ext: BtfExt | null) {
    if (ext === null) return;
    sortOut(object, functions, ext.funcInfo, this.funcs);
    sortOut(object, functions, ext.lineInfo, this.lines);
  }

  /** Of a function that starts at slot `start` of the linked program. */
  funcInfo(code: CodeFunction, start: InsnIndex): FuncInfo[] {
    const records = this.funcs.get(code) ?? [];
    return records.map(({ offset, type }) => ({ insn: start + offset / isa.INSN_SIZE - code.start, type }));
  }

  /** Of a function that starts at slot `start` of the linked program. */
  lineInfo(code: CodeFunction, start: InsnIndex): LineInfo[] {
    const records = this.lines.get(code) ?? [];
    return records.map(({ offset, file, line, column, source }) => {
      return { insn: start + offset / isa.INSN_SIZE - code.start, file, line, column, source };
    });
  }
}

function sortOut<T extends { readonly offset: number }>(
  object: ObjectFile,
  functions: FunctionTable,
  from: ReadonlyMap<string, readonly T[]>,
  into: Map<CodeFunction, T[]>,
): void {
  for (const [name, records] of from) {
    const section = object.section(name);
    for (const record of records) {
      const slot = record.offset / isa.INSN_SIZE;
      const code = section === undefined ? undefined : functions.at(section.index, slot);
      if (code === undefined || !Number.isInteger(slot)) {
        throw programError(
          'PROGRAM_INFO',
          name,
          record.offset,
          'an instruction of a function for .BTF.ext, found none',
        );
      }
      const known = into.get(code);
      if (known === undefined) into.set(code, [record]);
      else known.push(record);
    }
  }
}
