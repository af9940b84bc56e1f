import { UsageError } from '../errors.js';
import type { FieldInput, KernelObject } from '../mm/kernel-object.js';
import type { ProgramSpec } from '../program/program-spec.js';
import { sampleKernelContext } from '../runtime/context/kernel-context.js';
import type { ProgramContext } from '../runtime/context/program-context.js';
import type { Kernel } from '../runtime/kernel.js';
import { testRunContext } from '../runtime/test-run.js';

/**
 * What programs are run on, as a `.scene.json` says it: kernel objects by type, pointers that lead nowhere, and the
 * runs. In values `$name` is a pointer to that object, `0x...` a number.
 */
export interface Scene {
  readonly objects?: Record<string, { readonly type: string; readonly fields?: Record<string, unknown> }>;
  /** Pointers to memory that was never there. */
  readonly dangling?: readonly string[];
  /** Objects whose memory is taken away once everything points where it should. */
  readonly unmapped?: readonly string[];
  readonly runs?: readonly SceneRun[];
}

export interface SceneRun {
  readonly program: string;
  readonly note?: string;
  /** Arguments of the traced function. */
  readonly args?: readonly unknown[];
  readonly returns?: unknown;
  /** Ethernet frame, hex. */
  readonly frame?: string;
  /** Context bytes, hex. */
  readonly context?: string;
}

/** A run of one program that can be made now. */
export interface PreparedRun {
  readonly program: string;
  readonly note: string;
  readonly context: ProgramContext;
}

const SCHED_CLS = 3;
const SCHED_ACT = 4;
const XDP = 6;
const TRACING = [2, 5, 17, 26, 29];
const RAW_TRACEPOINT_WRITABLE = 24;
/** Types that run on an sk_buff or xdp_buff. */
const PACKETS = [1, 3, 4, 6, 8, 10, 11, 12, 14, 19];
/** Bytes of a context that has no structure, or is it itself (syscall, cgroup device). */
const RAW_CONTEXT = 64;
/** A broadcast IPv4/UDP frame to the discard port. */
const SAMPLE_FRAME =
  'ffffffffffff0200000000010800450000200000000040117ccb7f0000017f0000011f900009000c0000deadbeef000000000000';

/** Reads a scene; `file` names it in errors. @throws UsageError USAGE_SCENE. */
export function parseScene(text: string, file = 'scene'): Scene {
  try {
    return JSON.parse(text) as Scene;
  } catch (error) {
    throw new UsageError('USAGE_SCENE', `${file}: ${(error as Error).message}`, { file }, { cause: error });
  }
}

/**
 * Sets a scene up in a kernel and gives the runs of these programs; without a scene, one run each on samples.
 *
 * @throws UsageError USAGE_SCENE, USAGE_TYPE; BtfError BTF_NO_MEMBER; MemoryError MM_FIELD.
 */
export function sceneRuns(
  kernel: Kernel,
  specs: readonly ProgramSpec[],
  scene?: Scene,
  file = 'scene',
): PreparedRun[] {
  if (scene === undefined)
    return specs.map((spec) => ({ program: spec.name, note: '', context: sample(kernel, spec) }));
  const stage = new Stage(kernel, file, scene);
  const runs: PreparedRun[] = [];
  for (const run of scene.runs ?? []) {
    const spec = specs.find(({ name }) => name === run.program);
    if (spec) runs.push({ program: run.program, note: run.note ?? '', context: stage.context(spec, run) });
  }
  stage.takeAway();
  return runs;
}

function sample(kernel: Kernel, spec: ProgramSpec): ProgramContext {
  if (spec.attach && spec.attach.btfId !== 0)
    return testRunContext(kernel, spec, { kind: spec.attach.kind === 'iter' ? 'iter' : 'attach+trigger' });
  if (TRACING.includes(spec.type)) return kernel.context.tracing([]);
  if (spec.type === RAW_TRACEPOINT_WRITABLE) return kernel.context.tracing([kernel.sample('page')]);
  if (PACKETS.includes(spec.type))
    return testRunContext(kernel, spec, { kind: 'data', data: bytesOf(SAMPLE_FRAME) });
  return sampleKernelContext(kernel, spec.type) ?? kernel.context.raw(new Uint8Array(RAW_CONTEXT));
}

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

class Stage {
  readonly #objects = new Map<string, KernelObject>();
  readonly #dangling = new Map<string, bigint>();

  constructor(
    private readonly kernel: Kernel,
    private readonly file: string,
    private readonly scene: Scene,
  ) {
    for (const name of scene.dangling ?? []) this.#dangling.set(name, kernel.dangling());
    const objects = Object.entries(scene.objects ?? {});
    // Objects first, fields after: they may point at each other in any order.
    for (const [name, { type }] of objects) this.#objects.set(name, kernel.create(type));
    for (const [name, { fields }] of objects)
      for (const [field, value] of Object.entries(fields ?? {}))
        this.#objects.get(name)!.set(field, this.#value(value));
  }

  context(spec: ProgramSpec, run: SceneRun): ProgramContext {
    const { context } = this.kernel;
    if (run.frame !== undefined) {
      const frame = this.#bytes('frame', run.frame);
      if (spec.type === XDP) return context.xdp(frame);
      return context.skb(frame, { socketFilter: spec.type !== SCHED_CLS && spec.type !== SCHED_ACT });
    }
    if (run.context !== undefined) return context.raw(this.#bytes('context', run.context));
    const args = (run.args ?? []).map((value) => this.#argument(value));
    return context.tracing(args, run.returns === undefined ? {} : { returns: this.#argument(run.returns) });
  }

  takeAway(): void {
    for (const name of this.scene.unmapped ?? []) this.kernel.unmap(this.#object(name));
  }

  #bytes(field: string, hex: string): Uint8Array {
    if (/^([0-9a-f]{2})*$/i.test(hex)) return bytesOf(hex);
    throw new UsageError(
      'USAGE_SCENE',
      `${this.file}: ${field}: expected pairs of hex digits, found ${JSON.stringify(hex)}`,
      { file: this.file },
    );
  }

  #object(name: string): KernelObject {
    const object = this.#objects.get(name);
    if (object) return object;
    throw new UsageError('USAGE_SCENE', `${this.file}: expected an object of the scene, found '${name}'`, {
      file: this.file,
    });
  }

  #argument(value: unknown): bigint | KernelObject {
    const field = this.#value(value);
    if (typeof field === 'number' || typeof field === 'boolean') return BigInt(field);
    if (typeof field === 'bigint') return field;
    if (field !== null && typeof field === 'object' && 'address' in field) return field as KernelObject;
    throw new UsageError(
      'USAGE_SCENE',
      `${this.file}: expected a number or $object as argument, found ${JSON.stringify(value)}`,
    );
  }

  #value(value: unknown): FieldInput {
    if (Array.isArray(value)) return value.map((element) => this.#value(element));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.#value(member)]));
    if (typeof value !== 'string') return value as FieldInput;
    if (/^0x[0-9a-f]+$/i.test(value)) return BigInt(value);
    if (!value.startsWith('$')) return value;
    const name = value.slice(1);
    return this.#dangling.get(name) ?? this.#object(name);
  }
}
