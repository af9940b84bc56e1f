import type { BenchRow } from '../ratio.js';
import type { Machines } from './contenders.js';
import { threadMs } from './thread-time.js';

const SIZES = [100, 10_000];
const RUNS = 20;
/** Translations before the first measured one: by then V8 has optimised the translator. */
const WARM_UP: Record<number, number> = { 100: 200, 10_000: 20 };
/** What a first result may take, ms. */
const LIMITS: Record<number, number> = { 100: 1, 10_000: 20 };

/**
 * From a verified program to what it returns, with a translator that has run before; each program is another one.
 * Processor time of the thread that does it.
 */
export async function* firstResults({ wasm, context }: Machines): AsyncGenerator<BenchRow> {
  let seed = 1;
  for (const size of SIZES) {
    const times: number[] = [];
    for (let at = 0; at < WARM_UP[size] + RUNS; at++) {
      const insns = straightProgram(size, seed++);
      const source = { insns, functions: [{ start: 0, stackDepth: 512 }], arena: null };
      const start = threadMs();
      const program = wasm.load(source, 1 << 20, [0n], { verified: true });
      wasm.run(program, [context], { gate: () => 0n });
      times.push(threadMs() - start);
      wasm.unload(program);
      // Optimised code arrives from another thread.
      await new Promise((resume) => setTimeout(resume, 0));
    }
    const sorted = times.slice(WARM_UP[size]).sort((a, b) => a - b);
    const limit = LIMITS[size];
    yield {
      suite: 'run',
      name: `first-result ${size}`,
      baseline: `${limit} ms`,
      ratio: { min: limit / sorted[RUNS - 1], median: limit / sorted[RUNS >> 1], max: limit / sorted[0] },
      rounds: RUNS,
      value: sorted[RUNS >> 1],
      unit: 'ms',
    };
  }
}

/** Arithmetic, jumps forwards, loads and stores on the stack. */
function straightProgram(slots: number, seed: number): Uint8Array {
  const insns = new Uint8Array(slots * 8);
  const view = new DataView(insns.buffer);
  const put = (slot: number, opcode: number, registers: number, off: number, imm: number): void => {
    insns[slot * 8] = opcode;
    insns[slot * 8 + 1] = registers;
    view.setInt16(slot * 8 + 2, off, true);
    view.setInt32(slot * 8 + 4, imm, true);
  };
  put(0, 0xb7, 0, 0, seed);
  for (let slot = 1; slot < slots - 1; slot++) {
    const kind = slot % 9;
    if (kind === 3) put(slot, 0x15, 0, Math.min(4, slots - 2 - slot), slot * 7);
    else if (kind === 5) put(slot, 0x7b, 0x0a, -8 * (1 + (slot % 60)), 0);
    else if (kind === 7 && slot > 700) put(slot, 0x79, 0xa3, -8 * (1 + (slot % 60)), 0);
    else put(slot, [0x07, 0x67, 0xa7, 0x27][slot & 3], 0, 0, (slot & 30) | 1);
  }
  put(slots - 1, 0x95, 0, 0, 0);
  return insns;
}
