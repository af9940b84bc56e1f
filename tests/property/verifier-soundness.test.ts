import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Core } from '../../host/core/core.js';
import type { ProgramSpec } from '../../host/program/program-spec.js';
import { profile } from '../../host/profiles/profiles.js';
import type { KernelView } from '../../host/verifier/kernel-view.js';
import { prepare } from '../../host/verifier/prepass/prepare.js';
import { simulate } from '../../host/verifier/simulate.js';
import type { VerifyOptions } from '../../host/verifier/options.js';
import { VerifierError } from '../../host/verifier/verifier-error.js';
import { type ConcreteState, outside } from '../support/abstract-state.js';
import { ModelMemory, modelRun } from '../support/bpf-model.js';
import { kernelBtf } from '../support/golden-kernel.js';
import { code, insn, ldImm64 } from '../support/interp.js';
import { loadCore } from '../support/jit.js';
import { Random } from '../support/random.js';
import { CONSTANTS } from '../support/random-program.js';

// Whole check, in a few minutes: ACCEPTED=200000 node --import tsx --test tests/property/verifier-soundness.test.ts
const ACCEPTED = Number(process.env.ACCEPTED ?? 2000);
const SEED = Number(process.env.SEED ?? 20_240_612);
const SOCKET_FILTER = 1;
const CONTEXT = 0xffff_8880_0000_1000n;
const FRAME_POINTER = 0xffff_c900_0001_0000n;
const STACK = 48;
/** Fields of __sk_buff that hold any 32 bits: len, mark, priority, vlan_tci. */
const FIELDS = [0, 8, 32, 24];
const WRITABLE = [0, 1, 2, 3, 4, 5, 7, 8];
const RUNS = 3;

const ALU = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0];
const JUMPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];

function immediate(random: Random): number {
  const kind = random.below(4);
  if (kind === 0) return random.below(32) - 16;
  if (kind === 1) return random.pick([0, 1, -1, 0x7fffffff, -0x80000000, 0xff, 0xffff]);
  if (kind === 2) return 1 << random.below(32);
  return random.u32() | 0;
}

function randomAlu(random: Random, modern: boolean): Uint8Array {
  const op = random.pick(ALU);
  const klass = random.pick([4, 7]);
  const isX = random.below(2) * 8;
  const dst = random.pick(WRITABLE);
  const src = random.pick(WRITABLE);
  const isShift = op === 0x60 || op === 0x70 || op === 0xc0;
  const isDivision = op === 0x30 || op === 0x90;
  if (isX) {
    const signs = op === 0xb0 && modern && random.below(3) === 0;
    const off = signs ? random.pick(klass === 7 ? [8, 16, 32] : [8, 16]) : 0;
    return insn(op | klass | 8, dst, src, off);
  }
  if (isShift) return insn(op | klass, dst, 0, 0, random.below(klass === 7 ? 64 : 32));
  return insn(op | klass, dst, 0, 0, isDivision ? immediate(random) || 1 : immediate(random));
}

/** A store to the stack or a load from it, of any size, aligned or not. */
function randomStack(random: Random): Uint8Array {
  const log = random.below(4);
  const size = 1 << log;
  const isAligned = random.below(4) > 0;
  const off = isAligned ? -size * (1 + random.below(STACK / size)) : -size - random.below(STACK - size);
  // Memory accesses of the stack must be aligned for pointers to survive; the verifier refuses the rest itself.
  switch (random.below(3)) {
    case 0:
      return insn([0x73, 0x6b, 0x63, 0x7b][log], 10, random.pick(WRITABLE), off);
    case 1:
      return insn([0x72, 0x6a, 0x62, 0x7a][log], 10, 0, off, immediate(random));
    default:
      return insn([0x71, 0x69, 0x61, 0x79][log], random.pick(WRITABLE), 10, off);
  }
}

function randomInsn(random: Random, left: number, modern: boolean): Uint8Array {
  const kind = random.below(10);
  if (kind < 5) return randomAlu(random, modern);
  if (kind < 6) return randomStack(random);
  if (kind < 7) return insn(0x61, random.pick(WRITABLE), 6, random.pick(FIELDS));
  if (kind < 8) return insn(random.pick([0x84, 0x87, 0xd4, 0xdc]), random.pick(WRITABLE), 0, 0, 0);
  const isX = random.below(2) * 8;
  const over = random.below(Math.min(left, 5) + 1);
  const op = random.pick(JUMPS) | random.pick([5, 6]) | isX;
  return isX
    ? insn(op, random.pick(WRITABLE), random.pick(WRITABLE), over)
    : insn(op, random.pick(WRITABLE), 0, over, immediate(random));
}

/** Unknown, partly known and known scalars in all registers, then anything; jumps only go forwards. */
function randomProgram(random: Random, modern: boolean): Uint8Array {
  const parts: Uint8Array[] = [insn(0xbf, 6, 1)];
  for (const register of WRITABLE) {
    const kind = random.below(4);
    if (kind === 0) parts.push(insn(0x61, register, 6, random.pick(FIELDS)));
    else if (kind === 1)
      parts.push(ldImm64(register, random.below(2) ? random.pick(CONSTANTS) : random.u64()));
    else {
      // Two halves: 64 bits of which nothing is known.
      const other = random.pick(WRITABLE);
      parts.push(insn(0x61, register, 6, random.pick(FIELDS)), insn(0x67, register, 0, 0, 32));
      if (other !== register && parts.length > 20) parts.push(insn(0x4f, register, other));
    }
  }
  const count = 4 + random.below(24);
  for (let i = 0; i < count; i++) {
    const one = randomInsn(random, count - 1 - i, modern);
    if ([0xd4, 0xdc].includes(one[0])) one[4] = random.pick([16, 32, 64]);
    parts.push(one);
  }
  return code(...parts, insn(0xb7, 0), insn(0x95));
}

/** One run: what it held before each instruction. */
function trace(insns: Uint8Array, random: Random): Map<number, ConcreteState> {
  const memory = new ModelMemory();
  for (const field of FIELDS)
    memory.write(CONTEXT + BigInt(field), 4, random.below(2) ? random.pick(CONSTANTS) : random.u64());
  const states = new Map<number, ConcreteState>();
  const registers = [0n, CONTEXT, 0n, 0n, 0n, 0n, 0n, 0n, 0n, 0n, FRAME_POINTER];
  let stack = new Uint8Array(STACK + 8);
  let stored = false;
  modelRun(insns, registers, memory, (pc, now) => {
    if (stored) {
      stack = Uint8Array.from({ length: STACK + 8 }, (_, i) =>
        Number(memory.read(FRAME_POINTER - 1n - BigInt(i), 1)),
      );
    }
    const klass = insns[pc * 8] & 7;
    stored = klass === 2 || klass === 3;
    states.set(pc, { registers: now.slice(), stack });
  });
  return states;
}

const specOf = (insns: Uint8Array): ProgramSpec => ({
  name: 'random',
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
});

/** Whether the verifier accepts; throws for anything that is not its verdict. */
function accepts(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof VerifierError) return false;
    throw error;
  }
}

type Observer = NonNullable<VerifyOptions['observe']>;

/** Runs of an accepted program that leave every abstract state of some instruction. */
function violations(core: Core, kernel: KernelView, insns: Uint8Array, random: Random): string[] {
  const prepared = prepare(specOf(insns), kernel);
  // Every path to its end: where states are compared, what nobody needs again may differ.
  const unpruned = { ...prepared, prunePoint: new Uint8Array(prepared.count) };
  const runs = Array.from({ length: RUNS }, () => trace(insns, random));
  const last = runs.map(() => new Map<number, string>());
  const observe: Observer = (env, at) => {
    runs.forEach((states, run) => {
      const state = states.get(at);
      if (state === undefined) return;
      const where = outside(env, state);
      if (where === null) states.delete(at);
      else last[run].set(at, where);
    });
  };
  // A pruned verification that accepts and a whole one that does not would be unsound pruning.
  if (!accepts(() => simulate(unpruned, kernel, { core, observe })))
    return ['refused when all paths are followed'];
  return runs.flatMap((states, run) =>
    [...states.keys()].map((at) => `insn ${at}: ${last[run].get(at) ?? 'never simulated'}`),
  );
}

function kernelOf(version: '6.12' | '6.1'): KernelView {
  const chosen = profile(`linux-${version}`);
  return {
    profile: chosen,
    btf: kernelBtf(version),
    maps: [],
    symbolAddress: (name) => chosen.symbols.address(name) ?? 0n,
  };
}

it('notices a register or a slot that is outside', async () => {
  const core = await loadCore();
  const insns = code(insn(0xb7, 0, 0, 0, 5), insn(0x7b, 10, 0, -8), insn(0x95));
  const kernel = kernelOf('6.12');
  const inside = trace(insns, new Random(1)).get(2)!;
  const r0 = { ...inside, registers: [6n, ...inside.registers.slice(1)] };
  const slot = { ...inside, stack: inside.stack.map((byte) => byte ^ 1) };
  const seen: (string | null)[] = [];
  const observe: Observer = (env, at) => {
    if (at === 2) for (const state of [inside, r0, slot]) seen.push(outside(env, state));
  };
  simulate(prepare(specOf(insns), kernel), kernel, { core, observe });
  assert.equal(seen[0], null);
  assert.match(seen[1]!, /^r0 = 6: tnum/);
  assert.match(seen[2]!, /^fp-8 = \d+: tnum/);
});

for (const version of ['6.12', '6.1'] as const) {
  it(`runs of ${ACCEPTED / 2} accepted programs stay inside the abstract states (${version})`, async (t) => {
    const core = await loadCore();
    const kernel = kernelOf(version);
    const random = new Random(SEED);
    let accepted = 0;
    let generated = 0;
    while (accepted < ACCEPTED / 2) {
      const insns = randomProgram(random, version === '6.12');
      generated++;
      assert.ok(generated < 50 * ACCEPTED, 'enough programs are accepted');
      if (!accepts(() => simulate(prepare(specOf(insns), kernel), kernel, { core }))) continue;
      accepted++;
      const found = violations(core, kernel, insns, random);
      assert.deepEqual(
        found,
        [],
        `program ${generated} of seed ${SEED}: ${Buffer.from(insns).toString('hex')}`,
      );
    }
    t.diagnostic(`${accepted} of ${generated} programs were accepted`);
  });
}
