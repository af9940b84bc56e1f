import { readFileSync } from 'node:fs';
import { BPF_DW, BPF_EXIT, BPF_JMP, BPF_LDX, BPF_PROBE_MEM, INSN_SIZE } from '../../assembly/isa.js';
import { Core } from '../../host/core/core.js';
import { compile } from '../../host/jit/compile.js';
import { countExentries } from '../../host/jit/exentries.js';
import { PackImages } from '../../host/jit/pack-images.js';
import { seededRandom } from '../../host/jit/random.js';
import { KsymTable } from '../../host/kallsyms/ksym-table.js';
import { GuestMemory, PAGE_SIZE, RIGHT_R, RIGHT_X } from '../../host/mm/guest-memory.js';
import { profile } from '../../host/profiles/profiles.js';
import { X86Engine } from '../../host/runtime/cpu.js';
import type { BenchRow } from '../ratio.js';
import { timed } from './alternate.js';

const PROGRAMS = 1000;
const ENTRIES = 64;
/** Programs that take their faults in turn. */
const FAULTING = 128;
const ROUNDS_OF_ALL = 100;

/** 64 probing loads from R1, each at an offset of its own, into R0 and R2 to R5. */
function probingProgram(): Uint8Array {
  const insns = new Uint8Array((ENTRIES + 1) * INSN_SIZE);
  const view = new DataView(insns.buffer);
  for (let k = 0; k < ENTRIES; k++) {
    insns[k * INSN_SIZE] = BPF_LDX | BPF_PROBE_MEM | BPF_DW;
    insns[k * INSN_SIZE + 1] = (1 << 4) | [0, 2, 3, 4, 5][k % 5];
    view.setInt16(k * INSN_SIZE + 2, 8 * k, true);
  }
  insns[ENTRIES * INSN_SIZE] = BPF_JMP | BPF_EXIT;
  return insns;
}

/** x86: `rounds` times, calls each function with rdi = `base`. rbx counts; BPF functions keep it. */
function driver(entries: readonly bigint[], base: bigint, rounds: number): Uint8Array {
  const bytes: number[] = [0x53, 0xbb];
  const put = (value: bigint, size: number): void => {
    for (let i = 0; i < size; i++) bytes.push(Number((value >> BigInt(8 * i)) & 255n));
  };
  put(BigInt(rounds), 4);
  const loop = bytes.length;
  for (const entry of entries) {
    bytes.push(0x48, 0xbf);
    put(base, 8);
    bytes.push(0x48, 0xb8);
    put(entry, 8);
    bytes.push(0xff, 0xd0);
  }
  bytes.push(0x48, 0xff, 0xcb, 0x0f, 0x85);
  put(BigInt(loop - bytes.length - 4), 4);
  bytes.push(0x5b, 0xc3);
  return Uint8Array.from(bytes);
}

/**
 * A fault from the load that takes it to the instruction behind it: delivered, looked up, register zeroed, logged. Time
 * with faults less the time of the same loop over mapped memory, per fault.
 */
export async function faultRow(rounds: number, progress: (text: string) => void): Promise<BenchRow> {
  const core = await Core.load(readFileSync(new URL('../../host/core/core.wasm', import.meta.url)));
  const memory = new GuestMemory(core);
  const engine = new X86Engine(core, memory);
  const ksyms = new KsymTable(core, memory);
  const images = new PackImages(memory, { random: seededRandom(1) });
  const insns = probingProgram();
  const entries: bigint[] = [];
  for (let p = 0; p < PROGRAMS; p++) {
    const input = {
      name: 'probe',
      insns,
      stackDepth: 0,
      numExentries: countExentries(insns),
      tailCallReachable: false,
      isSubprogram: false,
      isExceptionCallback: false,
      exceptionBoundary: false,
      isClassic: false,
      arenaKernel: 0n,
      arenaUser: 0n,
    };
    const [image] = compile(core, profile('linux-6.12').jit, [input], images);
    images.finalize(image);
    ksyms.add(image, { name: 'probe', program: p, func: 0 });
    entries.push(image.entry);
  }
  const mapped = memory.alloc('direct', PAGE_SIZE, PAGE_SIZE);
  const dangling = memory.alloc('direct', PAGE_SIZE, PAGE_SIZE);
  memory.unmap(dangling, PAGE_SIZE);
  // Spread over all programs, so that neighbours do not share what they touch.
  const turn = Array.from({ length: FAULTING }, (_, i) => entries[(i * 397) % PROGRAMS]);
  const place = (base: bigint): bigint => {
    const code = driver(turn, base, ROUNDS_OF_ALL);
    const size = Math.ceil(code.length / PAGE_SIZE) * PAGE_SIZE;
    const address = memory.alloc('modules', size, PAGE_SIZE);
    memory.write(address, code);
    memory.protect(address, size, RIGHT_R | RIGHT_X);
    return address;
  };
  const faults = ROUNDS_OF_ALL * FAULTING * ENTRIES;
  const gate = (): never => {
    throw new Error('fault: no helper is called here');
  };
  const measure = (entry: bigint): ((minMs: number) => number) => {
    const run = timed(() => {
      const { oops } = engine.run(entry, [], { gate });
      if (oops !== null) throw new Error(`fault: oops at 0x${oops.ip.toString(16)}`);
    }, faults);
    return (minMs) => run(minMs) as number;
  };
  const without = measure(place(mapped));
  const withFaults = measure(place(dangling));
  const times: number[] = [];
  const ratios: number[] = [];
  for (let round = -1; round < rounds; round++) {
    progress(`fault 1000x64: round ${round + 1} of ${rounds}`);
    const before = without(50);
    const own = withFaults(50);
    const plain = (before + without(50)) / 2;
    if (round < 0) continue;
    times.push(own - plain);
    ratios.push(plain / own);
  }
  times.sort((a, b) => a - b);
  ratios.sort((a, b) => a - b);
  return {
    suite: 'lookup',
    name: 'fault 1000x64',
    baseline: 'the same loop without faults',
    ratio: { min: ratios[0], median: ratios[ratios.length >> 1], max: ratios[ratios.length - 1] },
    rounds,
    value: times[times.length >> 1],
    unit: 'ns/fault',
  };
}
