import { Core } from '../host/core/core.js';
import { prepare } from '../host/verifier/prepass/prepare.js';
import { simulate } from '../host/verifier/simulate.js';
import { VerifierError } from '../host/verifier/verifier-error.js';
import * as hostile from '../tests/support/hostile-programs.js';
import { loadCase, type VerifierCase } from '../tests/support/verifier-cases.js';
import type { BenchRow } from './ratio.js';

/** Seconds that a program may take which goes on until the limit of 1,000,000 instructions. */
const LIMIT = 3;
const TOO_LARGE = 'BPF program is too large. Processed 1000001 insn';

type Program = Partial<VerifierCase>;

const ENDLESS: Readonly<Record<string, Program>> = {
  'a loop of 2^31 rounds': { bytes: hostile.countingLoop() },
  '2^40 paths': { bytes: hostile.branchBomb(40) },
  '2^1000 paths': { bytes: hostile.branchBomb(1000) },
  'calls in calls': { bytes: hostile.callTree(7, 6) },
  'iterators in iterators': { text: hostile.iteratorStorm(20), type: 'SCHED_CLS' },
  'callbacks in callbacks': { text: hostile.callbackStorm(6), c: hostile.callbackTypes(6) },
  'full stacks on many paths': { bytes: hostile.fullStacks(3000) },
  'frames of 128 bytes, 8 deep, on many paths': { bytes: hostile.fullFrames(8, 16, 3000) },
};

/** Instructions of programs whose memory is compared: each is a jump to the next one. */
const SHORT = 100_000;
const LONG = 900_000;

/** Processor time of this process, seconds. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** What the verifier answers, its seconds, and the bytes that the core's memory grew by. */
function outcome(core: Core, program: Program): { answer: string | null; seconds: number; bytes: number } {
  const { spec, kernel } = loadCase({ rule: '', ...program }, '6.12');
  const before = core.memory.buffer.byteLength;
  const start = cpuSeconds();
  let answer: string | null = null;
  try {
    simulate(prepare(spec, kernel), kernel, { core });
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    answer = error.message;
  }
  return { answer, seconds: cpuSeconds() - start, bytes: core.memory.buffer.byteLength - before };
}

const row = (
  name: string,
  baseline: string,
  ratios: readonly number[],
  value: number,
  unit: string,
): BenchRow => {
  const sorted = [...ratios].sort((a, b) => a - b);
  return {
    suite: 'verify',
    name,
    baseline,
    ratio: { min: sorted[0], median: sorted[sorted.length >> 1], max: sorted[sorted.length - 1] },
    rounds: ratios.length,
    value,
    unit,
  };
};

/** Programs that end at the limit, and how memory grows with the length of a program. */
export async function* limitRows(module: Uint8Array, rounds: number): AsyncGenerator<BenchRow> {
  const core = await Core.load(module);
  for (const [name, program] of Object.entries(ENDLESS)) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const { answer, seconds } = outcome(core, program);
      if (answer !== TOO_LARGE) throw new Error(`bench: ${name}: expected '${TOO_LARGE}', found '${answer}'`);
      times.push(seconds);
    }
    const ratios = times.map((seconds) => LIMIT / seconds);
    yield row(`limit: ${name}`, `${LIMIT} s`, ratios, Math.min(...times), 's');
  }
  const each = async (count: number): Promise<number> =>
    outcome(await Core.load(module), { bytes: hostile.jumps(count) }).bytes / count;
  const [short, long] = [await each(SHORT), await each(LONG)];
  yield row(`memory ${LONG} jumps`, `the same of ${SHORT}`, [short / long], long, 'bytes/insn');
}
