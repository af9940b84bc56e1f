import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BPF_CALL, BPF_JMP, BPF_PSEUDO_CALL, INSN_SIZE } from '../../assembly/isa.js';
import { ObjectFile } from '../../host/elf/object-file.js';
import type { JitInput } from '../../host/jit/jit-image.js';

const FOLDER = new URL('../programs/', import.meta.url);
const SECTION = 'bench';
const MAX_STACK = 512;

/** A program of bench/programs in the form the JIT takes. */
export interface BenchProgram {
  readonly name: string;
  /** C source, for the compiler of this computer. */
  readonly source: string;
  readonly insns: Uint8Array;
  readonly functions: readonly {
    readonly start: number;
    readonly end: number;
    readonly stackDepth: number;
  }[];
}

export function benchPrograms(): BenchProgram[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.c'))
    .map((file) => readProgram(file.slice(0, -2)));
}

function readProgram(name: string): BenchProgram {
  const object = ObjectFile.parse(readFileSync(new URL(`${name}.o`, FOLDER)));
  const section = object.section(SECTION);
  if (!section) throw new Error(`${name}.o: no section ${SECTION}`);
  const insns = Uint8Array.from(section.data);
  const starts = functionStarts(insns);
  const slots = insns.length / INSN_SIZE;
  const view = new DataView(insns.buffer);
  for (const slot of calls(insns)) {
    const target = slot + 1 + view.getInt32(slot * INSN_SIZE + 4, true);
    view.setInt16(slot * INSN_SIZE + 2, starts.indexOf(target), true);
    view.setInt32(slot * INSN_SIZE + 4, 1, true);
  }
  return {
    name,
    source: fileURLToPath(new URL(`${name}.c`, FOLDER)),
    insns,
    functions: starts.map((start, index) => ({
      start,
      end: starts[index + 1] ?? slots,
      stackDepth: MAX_STACK,
    })),
  };
}

/** The same with every load made a PROBE_MEM load. */
export function probing(program: BenchProgram): BenchProgram {
  const insns = program.insns.slice();
  for (let at = 0; at < insns.length; at += INSN_SIZE) {
    if (insns[at] === 0x18) at += INSN_SIZE;
    else if ((insns[at] & 0xe7) === 0x61) insns[at] = (insns[at] & 0x1f) | 0x20;
  }
  return { ...program, insns };
}

export function jitInputsOf({ insns, functions }: BenchProgram): JitInput[] {
  return functions.map(({ start, end, stackDepth }, index) => ({
    name: `f${index}`,
    insns: insns.slice(start * INSN_SIZE, end * INSN_SIZE),
    stackDepth,
    numExentries: 0,
    tailCallReachable: false,
    isSubprogram: index > 0,
    isExceptionCallback: false,
    exceptionBoundary: false,
    isClassic: false,
    arenaKernel: 0n,
    arenaUser: 0n,
  }));
}

function* calls(insns: Uint8Array): Generator<number> {
  for (let at = 0; at < insns.length; at += INSN_SIZE)
    if (insns[at] === 0x18) at += INSN_SIZE;
    else if (insns[at] === (BPF_JMP | BPF_CALL) && insns[at + 1] >> 4 === BPF_PSEUDO_CALL)
      yield at / INSN_SIZE;
}

function functionStarts(insns: Uint8Array): number[] {
  const view = new DataView(insns.buffer);
  const starts = new Set([0]);
  for (const slot of calls(insns)) starts.add(slot + 1 + view.getInt32(slot * INSN_SIZE + 4, true));
  return [...starts].sort((a, b) => a - b);
}
