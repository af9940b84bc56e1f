import assert from 'node:assert/strict';
import { assemble } from '../../../host/asm/assembler.js';
import { Btf } from '../../../host/btf/btf.js';
import { BtfKind } from '../../../host/btf/types.js';
import { FaultlineError } from '../../../host/errors.js';
import type { BpfMap } from '../../../host/maps/bpf-map.js';
import type { KernelObject } from '../../../host/mm/kernel-object.js';
import { MAP_FD_BASE, type MapSpec, type ProgramSpec } from '../../../host/program/program-spec.js';
import type { ProgramContext } from '../../../host/runtime/context/program-context.js';
import type { Kernel } from '../../../host/runtime/kernel.js';
import type { LoadedProgram } from '../../../host/runtime/loaded-program.js';
import type { Engine, RunResult } from '../../../host/runtime/run-result.js';
import { Snapshot } from '../../../host/runtime/snapshot.js';
import { VerifierError } from '../../../host/verifier/verifier-error.js';
import { CTypes } from '../../support/c-types.js';
import { testKernel } from '../../support/kernel.js';
import { Random } from '../../support/random.js';
import { CALLS, type Facts, type Kind, MAPS, randomProgram, SIZES } from './program.js';
import { number64 } from './values.js';

export type Version = '6.12' | '6.1';

/** What happened so far. */
export interface Tally {
  cases: number;
  /** Programs that the verifier did not take. */
  refused: number;
  faults: number;
  guards: number;
  oopses: number;
  /** Runs that ended in an error every engine gives. */
  errors: number;
  steps: number;
}

/** Changes what an engine did: maps, or the result when it answers one. */
export type Disturbance = (engine: Engine, result: RunResult, maps: readonly BpfMap[]) => RunResult | void;

const TRACING = 26;
const RAW_TP = 23;
const SCHED_CLS = 3;
const ENGINES: readonly Engine[] = ['x86', 'interp', 'wasm'];
const MAX_STEPS = 3_000_000n;
const MAP_TYPES = { out: 2, array: 2, hash: 1, percpuArray: 6, percpuHash: 5, calls: 3 } as const;

const mapSpec = (name: keyof typeof MAPS): MapSpec => ({
  name,
  type: MAP_TYPES[name],
  keySize: 4,
  valueSize: name === 'calls' ? 4 : SIZES[name],
  maxEntries: name === 'out' ? 1 : name === 'calls' ? CALLS + 1 : 4,
  flags: 0,
  extra: 0n,
});
const NAMES = Object.keys(MAPS) as (keyof typeof MAPS)[];

/** Programs that are called by tail call; they count in the out value, fault, and go on to others. */
const TARGETS: readonly string[] = [
  'r0 = 3\nexit',
  // Calls itself, until 33 tail calls are done.
  `r6 = r1
  *(u32 *)(r10 -4) = 0
  r1 = map_fd 0
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out
  r7 = *(u64 *)(r0 +0)
  r7 += 3
  *(u64 *)(r0 +0) = r7
  r1 = r6
  r2 = map_fd 5
  r3 = r7
  r3 &= 7
  call bpf_tail_call
  out: r0 = 5
  exit`,
  `r2 = map_fd 5
  r3 = 0
  call bpf_tail_call
  r0 = 6
  exit`,
  `r6 = r1
  call helper
  r1 = r6
  r2 = map_fd 5
  r3 = 1
  call bpf_tail_call
  r0 = 7
  exit
  helper: r0 = 1
  exit`,
];

/** One kernel, with everything that random programs work on. */
export class Machine {
  readonly tally: Tally = { cases: 0, refused: 0, faults: 0, guards: 0, oopses: 0, errors: 0, steps: 0 };
  readonly #maps: readonly BpfMap[];
  readonly #tasks: readonly KernelObject[];
  readonly #pointers: readonly bigint[];
  readonly #contexts: Readonly<Record<Kind, ProgramContext>>;
  readonly #facts: Facts;
  readonly #targets: Readonly<Record<Kind, readonly LoadedProgram[]>>;
  /** Called after each run, to see that differences are noticed. */
  disturb: Disturbance | null = null;
  /** What programs were refused for, how often, and the first seed. */
  readonly refusals = new Map<string, { count: number; readonly seed: number }>();

  static async create(version: Version): Promise<Machine> {
    const MIB = 1 << 20;
    return new Machine(
      await testKernel(version, { memory: { user: MIB, direct: 8 * MIB, vmalloc: 8 * MIB } }),
      version,
    );
  }

  private constructor(
    private readonly kernel: Kernel,
    readonly version: Version,
  ) {
    this.#maps = NAMES.map((name) => kernel.createMap(mapSpec(name)));
    this.#tasks = [81, 82, 83].map((pid) =>
      kernel.create('task_struct', { pid, tgid: pid, comm: `task${pid}` }),
    );
    const freed = kernel.create('task_struct', { pid: 80 });
    kernel.unmap(freed);
    this.#pointers = [
      ...this.#tasks.map(({ address }) => address),
      ...this.#tasks.map(({ address }) => address),
      freed.address,
      kernel.dangling(),
      0n,
      8n,
      0xfffffffffffffff2n,
      0x7fff00001000n,
      0x7ffffffff000n,
      0x800000000000n,
      0x800000001000n,
      0xffff7fffffffffffn,
      0xdead000000000100n,
      0xffffffffff600000n,
      0xffffffffff5ff000n,
      0xffff888000000000n - 4096n,
    ];
    this.#contexts = {
      tp: kernel.context.tracing([this.#tasks[0]!, 0]),
      skb: kernel.context.skb(Uint8Array.from({ length: 60 }, (_, at) => at * 7)),
    };
    this.#facts = this.#readFacts();
    const load = (kind: Kind): LoadedProgram[] =>
      TARGETS.map((text) => kernel.load(this.#spec(kind, withMaps(text)), this.#maps));
    this.#targets = { tp: load('tp'), skb: load('skb') };
  }

  #readFacts(): Facts {
    const { btf } = this.kernel;
    const task = btf.find('task_struct', BtfKind.STRUCT);
    const offset = (name: string): number => btf.member(task, name).bitOffset / 8;
    return {
      v4: this.version === '6.12',
      bpfThrow: this.version === '6.12' ? btf.find('bpf_throw', BtfKind.FUNC) : 0,
      pointers: ['real_parent', 'parent', 'group_leader'].map(offset),
      numbers: [
        [offset('pid'), 4],
        [offset('tgid'), 4],
        [offset('start_time'), 8],
        [offset('flags'), 4],
        [offset('prio'), 4],
      ],
    };
  }

  #spec(kind: Kind, text: string): ProgramSpec {
    const insns = assemble(text);
    return {
      name: 'random',
      section: '',
      type: kind === 'tp' ? TRACING : SCHED_CLS,
      expectedAttachType: kind === 'tp' ? RAW_TP : 0,
      flags: 0,
      attach: kind === 'tp' ? { kind: 'raw_tp', target: 'sched_process_exec', btfId: 0 } : null,
      license: 'GPL',
      insns,
      maps: NAMES.map(mapSpec),
      btf: TYPES.btf,
      funcInfo: [
        { insn: 0, type: TYPES.main },
        ...functionStarts(insns).map((insn) => ({ insn, type: TYPES.other })),
      ],
      lineInfo: [],
    };
  }

  /** Runs the program of one seed on every engine; throws where they do not agree. False when it was refused. */
  run(seed: number): boolean {
    const random = new Random(Math.imul(seed + 1, 0x9e3779b1));
    const kind = random.pick(['tp', 'skb'] as const);
    const text = withMaps(randomProgram(random, kind, this.#facts));
    let program: LoadedProgram;
    try {
      program = this.kernel.load(this.#spec(kind, text), this.#maps);
    } catch (error) {
      if (!(error instanceof VerifierError)) throw new Error(`seed ${seed}:\n${text}`, { cause: error });
      this.tally.refused++;
      const why = error.message.replace(/[-\d]+/g, 'N');
      const known = this.refusals.get(why);
      if (known) known.count++;
      else this.refusals.set(why, { count: 1, seed });
      return false;
    }
    try {
      this.#compare(program, kind, random, `linux-${this.version}, seed ${seed}:\n${text}`);
    } finally {
      program.close();
    }
    this.tally.cases++;
    return true;
  }

  #compare(program: LoadedProgram, kind: Kind, random: Random, note: string): void {
    assert.equal(program.jitError, null, note);
    this.#setUp(kind, random);
    const start = new Snapshot(this.kernel.memory, this.#maps);
    const [x86, interp, wasm] = ENGINES.map((engine, at) => {
      if (at > 0) start.restore();
      return this.#outcome(program, kind, engine);
    });
    assert.deepEqual(interp!.told, x86!.told, `x86 and interp, ${note}`);
    assert.deepEqual(wasm!.told, interp!.told, `interp and wasm, ${note}`);
    assert.equal(wasm!.steps, interp!.steps, `steps of interp and wasm, ${note}`);
    this.#count(interp!.result);
  }

  /** What maps, tasks and slots hold before a program runs. */
  #setUp(kind: Kind, random: Random): void {
    const { memory } = this.kernel;
    const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => random.below(256));
    const [out, array, hash, percpuArray, percpuHash, calls] = this.#maps as [
      BpfMap,
      BpfMap,
      BpfMap,
      BpfMap,
      BpfMap,
      BpfMap,
    ];
    out.update(0, bytes(SIZES.out));
    for (let key = 0; key < 4; key++) {
      array.update(key, bytes(SIZES.array));
      percpuArray.update(key, bytes(SIZES.percpuArray));
    }
    for (const map of [hash, percpuHash]) {
      for (const [key] of [...map.entries()]) map.delete(key);
      for (let key = 0; key < 4; key++) if (random.below(2) === 0) map.update(key, bytes(map.spec.valueSize));
    }
    this.#targets[kind].forEach((target, slot) => calls.update(slot, target));
    for (const task of this.#tasks) {
      for (const off of this.#facts.pointers)
        memory.writeUint(task.address + BigInt(off), 8, random.pick(this.#pointers));
      for (const [off, size] of this.#facts.numbers)
        memory.writeUint(task.address + BigInt(off), size, BigInt.asUintN(8 * size, number64(random)));
    }
  }

  #outcome(
    program: LoadedProgram,
    kind: Kind,
    engine: Engine,
  ): { told: unknown; steps: bigint; result: RunResult | null } {
    let result: RunResult | null = null;
    let error: string | null = null;
    try {
      result = program.run(this.#contexts[kind], { engine, maxSteps: MAX_STEPS });
      result = this.disturb?.(engine, result, this.#maps) ?? result;
    } catch (thrown) {
      if (!(thrown instanceof FaultlineError)) throw thrown;
      error = thrown.code;
    }
    const maps = this.#maps.map((map) =>
      map.spec.name === 'calls' ? null : [...map.entries()].map(hexEntry),
    );
    const oops = result?.oops;
    return {
      told: {
        error,
        r0: result?.r0,
        faults: result?.faults,
        oops: oops && { ...oops, lines: oops.lines.filter((line) => !/^R[A-Z\d]+: /.test(line)) },
        output: result?.output && hex(result.output),
        trace: result?.trace,
        maps,
      },
      steps: result?.steps ?? 0n,
      result,
    };
  }

  #count(result: RunResult | null): void {
    const { tally } = this;
    if (!result) tally.errors++;
    tally.steps += Number(result?.steps ?? 0n);
    for (const { kind } of result?.faults ?? []) {
      if (kind === 'guard') tally.guards++;
      else tally.faults++;
    }
    if (result?.oops) tally.oopses++;
  }
}

function types(): { readonly btf: Btf; readonly main: number; readonly other: number } {
  const c = new CTypes('int random(void *ctx); static int other(int value);');
  const [main, other] = c.functions;
  return { btf: Btf.parse(c.bytes()), main: main!.id, other: other!.id };
}
const TYPES = types();

/** Slots behind calls and function addresses, ascending. */
function functionStarts(insns: Uint8Array): number[] {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const starts = new Set<number>();
  for (let at = 0; at < insns.length; at += 8) {
    const src = insns[at + 1]! >> 4;
    const isWide = insns[at] === 0x18;
    if (isWide ? src === 4 : insns[at] === 0x85 && src === 1)
      starts.add(at / 8 + 1 + view.getInt32(at + 4, true));
    if (isWide) at += 8;
  }
  return [...starts].sort((a, b) => a - b);
}

const withMaps = (text: string): string =>
  text.replaceAll(/map_fd (\d+)/g, (_, index: string) => `map_fd ${MAP_FD_BASE + Number(index)}`);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const hexEntry = ([key, value]: readonly [Uint8Array, Uint8Array]): string => `${hex(key)}=${hex(value)}`;
