import { readFileSync } from 'node:fs';
import { Core } from '../host/core/core.js';
import { CoreJit } from '../host/core/jit.js';
import { compile } from '../host/jit/compile.js';
import { countExentries } from '../host/jit/exentries.js';
import type { ImagePlacement, ImageSource } from '../host/jit/image-source.js';
import type { JitInput } from '../host/jit/jit-image.js';
import { jitParameters } from '../host/jit/parameters.js';
import { profile } from '../host/profiles/profiles.js';
import { Random } from '../tests/support/random.js';
import type { Suite } from './main.js';
import { type BenchRow, compare, type Work } from './ratio.js';

const KNOBS = profile('linux-6.12').jit;
const ADDRESS = 0xffffffffc0000008n;
/** Sizes, and how many programs of it are compiled in turn: a CPU learns the branches of one small program by heart. */
const SIZES = [
  [256, 256],
  [4096, 16],
  [60_000, 1],
] as const;
const LARGEST = 1_000_000;
/** Bytes of memory an instruction may take. */
const MEMORY = 64;

/**
 * Images are not put anywhere, and all made in one buffer: where they come to lie is not the compiler's work. Notes
 * how much the core holds at its peak.
 */
class NoImages implements ImageSource {
  peak = 0n;
  #rw = new Uint8Array(0);

  constructor(readonly core: Core) {}

  allocate(length: number): ImagePlacement {
    const inUse = this.core.exports.heapInUse();
    if (inUse > this.peak) this.peak = inUse;
    if (this.#rw.length < length) this.#rw = new Uint8Array(length);
    return { address: ADDRESS, region: { address: ADDRESS, size: length }, rw: this.#rw.subarray(0, length) };
  }

  release(): void {}
  finalize(): void {}
  free(): void {}
}

/** One instruction: opcode, dst and src, off, imm. */
type Insn = readonly [opcode: number, registers: number, off: number, imm: number];

/** What programs are made of, in random order: what clang makes of probing programs, a branch in every five. */
const MIXED: readonly Insn[] = [
  [0xbf, 0x16, 0, 0],
  [0x79, 0x62, 24, 0],
  [0x15, 0x02, 3, 0],
  [0x39, 0x23, 344, 0],
  [0x07, 0x03, 0, 8],
  [0x57, 0x03, 0, 0xffff],
  [0x2d, 0x32, 6, 0],
  [0x0f, 0x34, 0, 0],
  [0x7b, 0x4a, -8, 0],
  [0xb7, 0x05, 0, 100],
  [0x61, 0xa0, -16, 0],
  [0x67, 0x00, 0, 3],
  [0x1d, 0x54, -9, 0],
  [0xaf, 0x45, 0, 0],
  [0x73, 0x5a, -24, 0],
  [0x05, 0x00, 1, 0],
];
const PROBES: readonly Insn[] = [[0x79 & ~0x40, 0x21, 344, 0]];
const BRANCHES: readonly Insn[] = [[0x1d, 0x21, 1, 0]];

function program(count: number, pattern: readonly Insn[], seed = 1): JitInput {
  const insns = new Uint8Array(count * 8);
  const view = new DataView(insns.buffer);
  const random = new Random(seed);
  for (let slot = 0; slot < count - 1; slot++) {
    const [opcode, registers, off, imm] = random.pick(pattern);
    const target = slot + 1 + off;
    const isJump = (opcode & 7) === 5;
    insns[slot * 8] = opcode;
    insns[slot * 8 + 1] = registers;
    view.setInt16(slot * 8 + 2, isJump && (target < 0 || target >= count) ? 0 : off, true);
    view.setInt32(slot * 8 + 4, imm, true);
  }
  insns[(count - 1) * 8] = 0x95;
  return input(insns);
}

/** Branches over almost what a short one reaches: each shrinks only after those behind it did, from the end on. */
function cascade(links: number): JitInput {
  const insns = new Uint8Array((3 * links + 19) * 8);
  const view = new DataView(insns.buffer);
  const link: readonly Insn[] = [
    [0x07, 0x01, 0, 1],
    [0x61, 0x62, 24, 0],
    [0x45, 0x02, 18, 0x100],
  ];
  for (let slot = 0; slot < insns.length / 8 - 1; slot++) {
    const [opcode, registers, off, imm] = slot < 3 * links ? link[slot % 3] : MIXED[0];
    insns[slot * 8] = opcode;
    insns[slot * 8 + 1] = registers;
    view.setInt16(slot * 8 + 2, off, true);
    view.setInt32(slot * 8 + 4, imm, true);
  }
  insns[insns.length - 8] = 0x95;
  return input(insns);
}

function input(insns: Uint8Array): JitInput {
  return {
    name: 'bench',
    insns,
    stackDepth: 32,
    numExentries: countExentries(insns),
    tailCallReachable: false,
    isSubprogram: false,
    isExceptionCallback: false,
    exceptionBoundary: false,
    isClassic: false,
    arenaKernel: 0n,
    arenaUser: 0n,
  };
}

const insnsOf = (programs: readonly JitInput[]): number =>
  programs.reduce((sum, { insns }) => sum + insns.length / 8, 0);

/** Compiles every program once. */
function compiling(
  core: Core,
  name: string,
  programs: readonly JitInput[],
): Work & { readonly images: NoImages } {
  const images = new NoImages(core);
  return {
    name,
    count: insnsOf(programs),
    images,
    run: () => {
      for (const given of programs) compile(core, KNOBS, [given], images);
    },
  };
}

/** One emit pass over each program, its sizes known. */
function emitting(core: Core, programs: readonly JitInput[]): Work & { release(): void } {
  const jobs = programs.map((given) => new CoreJit(core, jitParameters(KNOBS, given)));
  for (const job of jobs) if (job.size() !== null) throw new Error('bench: a program does not compile');
  return {
    name: 'one emit pass',
    count: insnsOf(programs),
    run: () => {
      for (const job of jobs) job.emit();
    },
    release: () => {
      for (const job of jobs) job.release();
    },
  };
}

/** Bytes of core memory per instruction while compiling, against what is allowed. */
function memoryRow(core: Core, name: string, given: JitInput): BenchRow {
  const work = compiling(core, name, [given]);
  const before = core.exports.heapInUse();
  work.run();
  const bytes = Number(work.images.peak - before) / work.count;
  const ratio = MEMORY / bytes;
  return {
    suite: 'jit',
    name,
    baseline: `${MEMORY} bytes`,
    ratio: { min: ratio, median: ratio, max: ratio },
    rounds: 1,
    value: bytes,
    unit: 'bytes/insn',
  };
}

export const rows: Suite['rows'] = async function* ({ quick, progress }) {
  const core = await Core.load(readFileSync(new URL('../host/core/core.wasm', import.meta.url)));
  const rounds = quick ? 3 : 15;
  const options = (name: string): Parameters<typeof compare>[4] => ({
    rounds,
    minMs: quick ? 20 : 100,
    onRound: (done) => progress(`jit: ${name}, round ${done} of ${rounds}`),
  });
  const against = (name: string, programs: readonly JitInput[]): BenchRow => {
    const baseline = emitting(core, programs);
    try {
      return compare('jit', compiling(core, name, programs), baseline, 'M insn/s', options(name));
    } finally {
      baseline.release();
    }
  };
  for (const [size, count] of SIZES)
    yield against(
      `compile ${size}`,
      Array.from({ length: count }, (_, seed) => program(size, MIXED, seed + 1)),
    );
  yield against('compile 60000 probe loads', [program(60_000, PROBES)]);
  yield against('compile 60000 branches', [program(60_000, BRANCHES)]);
  yield against('compile 3000 in 17 passes', [cascade(1000)]);
  const grown = compiling(core, `compile ${LARGEST}`, [program(LARGEST, MIXED)]);
  const usual = compiling(core, 'compile 60000', [program(60_000, MIXED)]);
  yield compare('jit', grown, usual, 'M insn/s', options(grown.name));
  yield memoryRow(core, 'memory 60000', program(60_000, MIXED));
  yield memoryRow(core, 'memory 60000 probe loads', program(60_000, PROBES));
  yield memoryRow(core, 'memory 60000 branches', program(60_000, BRANCHES));
};
