import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Core } from '../../host/core/core.js';
import { Btf } from '../../host/btf/btf.js';
import type { KernelView } from '../../host/verifier/kernel-view.js';
import type { ProgramSpec } from '../../host/program/program-spec.js';
import { prepare } from '../../host/verifier/prepass/prepare.js';
import { simulate } from '../../host/verifier/simulate.js';
import type { VerifyOptions } from '../../host/verifier/options.js';
import { VerifierError } from '../../host/verifier/verifier-error.js';
import { outsideFrames } from '../support/abstract-frames.js';
import { CTypes } from '../support/c-types.js';
import { ConcreteMachine, type Moment, OutsideAccess } from '../support/concrete-machine.js';
import { loadCore } from '../support/jit.js';
import { Random } from '../support/random.js';
import {
  DECLARATIONS,
  MAP_ENTRIES,
  MAP_VALUE_SIZE,
  type RandomVerified,
  randomVerified,
} from '../support/random-verified.js';
import { MAP, loadCase } from '../support/verifier-cases.js';

// Whole check, in a quarter of an hour: ACCEPTED=200000 node --import tsx --test tests/property/verifier-paths.test.ts
const ACCEPTED = Number(process.env.ACCEPTED ?? 300);
const SEED = Number(process.env.SEED ?? 20_261_124);
const RUNS = 3;
/** Moments of one run at one instruction that are looked for. */
const MOMENTS = 6;
/** Instructions that programs may take to verify here. */
const SIMULATED = 20_000;
const RANGE_WITHIN = 2;

const types = new CTypes(DECLARATIONS);
const btf = Btf.parse(types.bytes());
const { kernel: KERNEL } = loadCase(
  { rule: '', maps: [{ type: MAP.ARRAY, value: MAP_VALUE_SIZE, max: MAP_ENTRIES }] },
  '6.12',
);

const { spec } = loadCase({ rule: '', type: 'SCHED_CLS', bytes: new Uint8Array() }, '6.12');
const SPEC: ProgramSpec = { ...spec, maps: KERNEL.maps.map((map) => map.spec), btf };

function specOf({ insns, functions }: RandomVerified): ProgramSpec {
  const funcInfo = types.functions
    .map(({ name, id }) => ({ insn: name === 'main' ? 0 : (functions[name] ?? -1), type: id }))
    .filter(({ insn }) => insn >= 0)
    .sort((a, b) => a.insn - b.insn);
  return { ...SPEC, insns, funcInfo };
}

type Observer = NonNullable<VerifyOptions['observe']>;
class TooLong extends Error {}

/** The verdict: null = accepted; anything but a verdict is thrown. */
function refusal(run: () => void): string | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof VerifierError) return error.message;
    throw error;
  }
}

/**
 * A core for which a path ends only where an earlier state covers all of it, needed or not: whatever a run meets is
 * then inside some state that was looked at.
 */
function strict(core: Core): Core {
  const { exports } = core;
  const all: object = {
    ...exports,
    frameCovers: (old: number, cur: number, how: number) =>
      exports.frameCovers(old, cur, how === 0 ? RANGE_WITHIN : how),
    placeExcludes: () => 0,
    frameClean: () => undefined,
  };
  return new Proxy(core, {
    get: (target, name) => {
      if (name === 'exports') return all;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Instructions that call global functions: these are verified apart from their callers. */
function globalCalls({ insns, functions }: RandomVerified): ReadonlySet<number> {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const calls = new Set<number>();
  for (let pc = 0; pc * 8 < insns.length; pc++) {
    const isCall = insns[pc * 8] === 0x85 && insns[pc * 8 + 1] >> 4 === 1;
    if (isCall && pc + 1 + view.getInt32(pc * 8 + 4, true) === functions['g']) calls.add(pc);
  }
  return calls;
}

/** Moments of some runs, by instruction; or the access that was outside all memory. */
function momentsOf(
  program: RandomVerified,
  random: Random,
  change: (moment: Moment) => Moment,
): { moments: Map<number, Moment[]>; outside: string[] } {
  const moments = new Map<number, Moment[]>();
  const outside: string[] = [];
  for (let run = 0; run < RUNS; run++) {
    const counts = new Map<number, number>();
    const machine = new ConcreteMachine(program.insns, random, (pc, moment) => {
      const count = counts.get(pc) ?? 0;
      counts.set(pc, count + 1);
      if (count >= MOMENTS) return;
      const known = moments.get(pc);
      if (known === undefined) moments.set(pc, [change(moment())]);
      else known.push(change(moment()));
    });
    try {
      machine.run();
    } catch (error) {
      if (!(error instanceof OutsideAccess)) throw error;
      outside.push(error.message);
    }
  }
  return { moments, outside };
}

/** What is wrong with an accepted program; null = only its accesses could be looked at. */
function violations(
  core: Core,
  program: RandomVerified,
  kernel: KernelView,
  random: Random,
  change: (moment: Moment) => Moment = (moment) => moment,
): string[] | null {
  const { moments, outside } = momentsOf(program, random, change);
  if (outside.length > 0) return outside;
  const globals = globalCalls(program);
  const last = new Map<Moment, string>();
  const observe: Observer = (env, at) => {
    if (env.processed > SIMULATED) throw new TooLong();
    const left = moments.get(at);
    if (left === undefined) return;
    const still = left.filter((moment) => {
      const where = outsideFrames(env, moment, ConcreteMachine.visible(moment, globals));
      if (where !== null && where !== 'other calls') last.set(moment, where);
      return where !== null;
    });
    if (still.length > 0) moments.set(at, still);
    else moments.delete(at);
  };
  try {
    // Where nothing is forgotten, paths may be too many, or some that no run takes are looked at in vain.
    if (
      refusal(() => simulate(prepare(specOf(program), kernel), kernel, { core: strict(core), observe })) !==
      null
    )
      return null;
  } catch (error) {
    if (error instanceof TooLong) return null;
    throw error;
  }
  return [...moments].flatMap(([at, left]) =>
    left.map((moment) => `insn ${at}: ${last.get(moment) ?? 'never simulated'}`),
  );
}

it('notices values outside of the states', async () => {
  const core = await loadCore();
  const random = new Random(SEED);
  let noticed = 0;
  for (let i = 0; i < 20; i++) {
    const program = randomVerified(random);
    if (refusal(() => simulate(prepare(specOf(program), KERNEL), KERNEL, { core })) !== null) continue;
    const found = violations(core, program, KERNEL, random, (moment) => ({
      ...moment,
      packetEnd: moment.packetEnd - 1n,
      frames: moment.frames.map((frame) => ({
        ...frame,
        registers: frame.registers.map((value) => value ^ (1n << 62n)),
      })),
    }));
    if (found !== null && found.length > 0) noticed++;
  }
  assert.ok(noticed >= 5, `${noticed} programs`);
});

it(`runs of ${ACCEPTED} accepted programs with calls, loops, maps and packets stay inside their states`, async (t) => {
  const core = await loadCore();
  const random = new Random(SEED);
  let accepted = 0;
  let generated = 0;
  let partial = 0;
  while (accepted < ACCEPTED) {
    const program = randomVerified(random);
    generated++;
    assert.ok(generated < 50 * ACCEPTED, 'enough programs are accepted');
    const refused = refusal(() => simulate(prepare(specOf(program), KERNEL), KERNEL, { core }));
    if (refused !== null) {
      if (process.env.WHY) console.log(refused.split('\n').at(-1));
      continue;
    }
    accepted++;
    const found = violations(core, program, KERNEL, random);
    if (found === null) {
      partial++;
      continue;
    }
    const hex = Buffer.from(program.insns).toString('hex');
    assert.deepEqual(
      found,
      [],
      `program ${generated} of seed ${SEED}: ${JSON.stringify(program.functions)} ${hex}`,
    );
  }
  t.diagnostic(`${accepted} of ${generated} programs were accepted, of ${partial} the states are too many`);
  assert.ok(partial < accepted / 4, 'states of most programs are looked at');
});
