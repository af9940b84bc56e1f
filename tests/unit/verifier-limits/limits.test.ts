import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { simulate } from '../../../host/verifier/simulate.js';
import { prepare } from '../../../host/verifier/prepass/prepare.js';
import { VerifierError } from '../../../host/verifier/verifier-error.js';
import type { ProgramSpec } from '../../../host/program/program-spec.js';
import { profile } from '../../../host/profiles/profiles.js';
import type { KernelView } from '../../../host/verifier/kernel-view.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import * as hostile from '../../support/hostile-programs.js';
import { loadCore } from '../../support/jit.js';

const SOCKET_FILTER = 1;
const E2BIG = 7;
const EFAULT = 14;
const EACCES = 13;
const MIB = 1 << 20;
const TOO_LARGE = 'BPF program is too large. Processed 1000001 insn';
const TOO_COMPLEX = 'The sequence of 8193 jumps is too complex.';

interface Case {
  readonly name: string;
  readonly program: () => Uint8Array;
  /** Answers of Linux 6.12 and 6.1; null = accepted, absent = not asked. */
  readonly modern: readonly [errno: number, message: string] | null;
  readonly legacy?: readonly [errno: number, message: string] | null;
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
    memory: 640,
  },
  {
    name: 'may_goto in may_goto, 100 deep',
    program: () => hostile.mayGotoStorm(100),
    modern: [E2BIG, TOO_LARGE],
    memory: 128,
  },
];

function answer(core: Core, version: '6.12' | '6.1', insns: Uint8Array): [number, string] | null {
  const chosen = profile(`linux-${version}`);
  const kernel: KernelView = {
    profile: chosen,
    btf: kernelBtf(version),
    maps: [],
    symbolAddress: (name) => chosen.symbols.address(name) ?? 0n,
  };
  const spec: ProgramSpec = {
    name: 'hostile',
    section: '',
    type: SOCKET_FILTER,
    expectedAttachType: 0,
    flags: 0,
    attach: null,
    license: 'GPL',
    insns,
    maps: [],
    btf: null,
    funcInfo: [],
    lineInfo: [],
  };
  try {
    simulate(prepare(spec, kernel), kernel, { core });
    return null;
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return [error.errno, error.message];
  }
}

describe('limits', () => {
  for (const { name, program, modern, legacy, memory } of CASES) {
    it(name, async () => {
      const core = await loadCore();
      const before = core.exports.heapInUse();
      assert.deepEqual(answer(core, '6.12', program()), modern);
      if (legacy !== undefined) assert.deepEqual(answer(core, '6.1', program()), legacy);
      assert.equal(core.exports.heapInUse(), before, 'memory given back');
      assert.ok(core.memory.buffer.byteLength <= memory * MIB, `at most ${memory} MiB`);
    });
  }
});
