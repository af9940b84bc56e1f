import type { Btf } from '../btf/btf.js';
import type { Core } from '../core/core.js';
import type { Helper, RunScope } from '../helpers/helper.js';
import { jiffiesAt } from '../helpers/clock.js';
import { FixedImages } from '../jit/fixed-images.js';
import type { ImageSource } from '../jit/image-source.js';
import { PackImages } from '../jit/pack-images.js';
import { PageImages } from '../jit/page-images.js';
import { seededRandom } from '../jit/random.js';
import { type KsymHit, KsymTable } from '../kallsyms/ksym-table.js';
import type { BpfMap } from '../maps/bpf-map.js';
import { mapLayout } from '../maps/map-layout.js';
import { GuestMemory, type RegionName } from '../mm/guest-memory.js';
import type { FieldInput, FieldValue, KernelObject, TypedMemory } from '../mm/kernel-object.js';
import { kernelConfig } from '../profiles/kernel-config.js';
import type { Profile } from '../profiles/profile.js';
import { MapType } from '../program/map-types.js';
import { type ObjectOptions, readObjectSpec } from '../program/object-spec.js';
import type { MapSpec, ObjectSpec, ProgramSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import type { KernelView } from '../verifier/kernel-view.js';
import type { VerifiedProgram } from '../verifier/verified-program.js';
import { verify } from '../verifier/verify.js';
import { ContextFactory } from './contexts.js';
import { Engines } from './engines.js';
import { RunEnvironment } from './environment.js';
import { KernelText } from './kernel-text.js';
import type { LinkedProgram } from './linked-program.js';
import { link, unlink } from './linker.js';
import { LoadedObject } from './loaded-object.js';
import { LoadedProgram, type ProgramHost } from './loaded-program.js';
import { ObjectFactory } from './objects.js';
import { MapTable } from './map-table.js';
import { oopsRecord } from './oops.js';
import { PerCpuArea } from './per-cpu.js';
import { PokeTable } from './poke.js';
import { ProgramTable } from './program-table.js';
import type { Engine } from './run-result.js';
import { Samples } from './samples.js';
import { Snapshot } from './snapshot.js';
import { Tiers } from './tiers.js';

/** Module area kept for images at given addresses. */
const FIXED_AREA = 2 << 20;

export interface LoadOptions {
  /** log_level of BPF_PROG_LOAD. */
  readonly logLevel?: number;
  /** Where the images of functions go; absent ones where there is room. */
  readonly imageAddresses?: readonly (GuestAddress | undefined)[];
  /** Loaded program whose function this one replaces (freplace) or traces (fentry, fexit); absent: the kernel's. */
  readonly target?: LoadedProgram;
}

export interface KernelParts {
  readonly core: Core;
  readonly profile: Profile;
  readonly btf: Btf;
  readonly memory?: Partial<Record<RegionName, number>>;
  readonly seed: number;
}

/** A booted kernel: memory, symbols, engines, and what was loaded and created. See bootKernel. */
export class Kernel implements TypedMemory {
  readonly core: Core;
  readonly profile: Profile;
  /** BTF of the kernel. */
  readonly btf: Btf;
  readonly memory: GuestMemory;
  readonly text: KernelText;
  readonly ksyms: KsymTable;
  /** Makes contexts to run programs on. */
  readonly context: ContextFactory;
  /** Lines of bpf_trace_printk, of all runs. */
  readonly trace: string[] = [];
  readonly #seed: number;
  readonly #objects: ObjectFactory;
  readonly #perCpu: PerCpuArea;
  readonly #maps: MapTable;
  readonly #programs: ProgramTable;
  readonly #engines: Engines;
  readonly #tiers: Tiers;
  readonly #images: ImageSource;
  readonly #pokes: PokeTable;
  readonly #host: ProgramHost;
  readonly #samples: Samples;
  #current: KernelObject;

  constructor({ core, profile, btf, memory, seed }: KernelParts) {
    this.core = core;
    this.profile = profile;
    this.btf = btf;
    this.#seed = seed;
    this.memory = new GuestMemory(core, memory);
    const fixed = this.memory.alloc('modules', FIXED_AREA, FIXED_AREA);
    this.memory.unmap(fixed, FIXED_AREA);
    this.text = new KernelText(this.memory, profile, btf);
    this.memory.writeUint(this.text.address('jiffies'), 8, jiffiesAt(60_000_000_000n));
    this.ksyms = new KsymTable(core, this.memory, profile.version);
    this.#objects = new ObjectFactory(this);
    this.context = new ContextFactory(this, this.#objects);
    this.#perCpu = new PerCpuArea(this.memory, btf, profile);
    this.#programs = new ProgramTable(this.ksyms);
    this.#engines = new Engines(core, this.memory, profile, this.#perCpu.base, this.#programs);
    this.#tiers = new Tiers((program) => this.#engines.translated(program));
    const random = seededRandom(seed);
    this.#images =
      profile.version === '5.5'
        ? new PageImages(this.memory, { random })
        : new PackImages(this.memory, { random });
    const entryAt = (address: GuestAddress): GuestAddress | null =>
      this.#programs.at(address)?.images[0]?.entry ?? null;
    this.#pokes = new PokeTable(this.memory, profile.jit, entryAt);
    this.#maps = new MapTable({
      memory: this.memory,
      layout: mapLayout(profile, btf),
      perCpuOffset: this.#perCpu.base,
      lastType: profile.version === '6.1' ? MapType.USER_RINGBUF : undefined,
      slotChanged: (map, index) => this.#pokes.update(map, index),
    });
    this.#host = this.#programHost();
    this.#samples = new Samples(this.#objects);
    const self = this.#objects.create('task_struct', { pid: 1000, tgid: 1000, comm: 'faultline' });
    this.#current = this.#samples.fill('task_struct', self);
    this.#perCpu.currentTask = this.#current.address;
  }

  /**
   * A zeroed kernel structure with the given members set: numbers, enumerator names, text, arrays, nested objects,
   * and objects or addresses for pointers.
   *
   * @throws UsageError USAGE_TYPE; BtfError BTF_NO_MEMBER; MemoryError MM_FIELD for a value that does not fit.
   * @example
   * const init = kernel.create('task_struct', { pid: 1, comm: 'init' });
   * const task = kernel.create('task_struct', { pid: 7, real_parent: init });
   */
  create(type: string, fields: { readonly [path: string]: FieldInput } = {}): KernelObject {
    return this.#objects.create(type, fields);
  }

  /** An object of this type, always the same, pointers that are never NULL set: a stand-in where any object does. */
  sample(type: string): KernelObject {
    return this.#samples.of(type);
  }

  /** The structure `type` at an address. */
  at(type: string, address: GuestAddress): KernelObject {
    return this.#objects.at(type, address);
  }

  /** A field of an object; the path goes through pointers. */
  read(object: KernelObject, path: string): FieldValue {
    return object.get(path);
  }

  /** Takes an object's memory away, so that pointers to it fault. */
  unmap(object: KernelObject): void {
    this.#objects.unmap(object);
  }

  /** Gives an object of `create` back. */
  release(object: KernelObject): void {
    this.#objects.release(object);
  }

  /** A pointer to nothing: a direct-map address that is not mapped. */
  dangling(): GuestAddress {
    return this.#objects.dangling();
  }

  /** The running task. */
  get current(): KernelObject {
    return this.#current;
  }

  set current(task: KernelObject) {
    this.#current = task;
    this.#perCpu.currentTask = task.address;
  }

  /** Address of a kernel function or variable; the same one for the same name. */
  symbolAddress(name: string): GuestAddress {
    return this.text.address(name);
  }

  /** Gives a helper or kfunc another behaviour in this kernel, or adds one. */
  defineHelper(symbol: string, helper: Helper): void {
    this.text.define(symbol, helper);
  }

  /** BPF_MAP_CREATE. @throws MapError. */
  createMap(spec: MapSpec, inner?: BpfMap): BpfMap {
    return this.#maps.create(spec, inner);
  }

  /** Takes a map out of the kernel. */
  closeMap(map: BpfMap): void {
    this.#maps.close(map);
  }

  /** The open map whose struct bpf_map lies at an address. */
  mapAt(address: GuestAddress): BpfMap | undefined {
    return this.#maps.at(address);
  }

  /**
   * Creates the maps of an object and loads its programs. Programs that the verifier refuses are kept with their
   * error.
   *
   * @throws ElfError, BtfError, ProgramError when the object cannot be read; MapError when a map cannot be made.
   */
  loadObject(object: ObjectSpec | Uint8Array, options: ObjectOptions & LoadOptions = {}): LoadedObject {
    const spec =
      object instanceof Uint8Array
        ? readObjectSpec(object, this.btf, {
            symbols: (name) => this.text.address(name),
            ...options,
            kconfig: { ...kernelConfig(this.profile.version), ...options.kconfig },
          })
        : object;
    return new LoadedObject(this, spec, options);
  }

  /** What the verifier sees of this kernel with these maps. */
  view(maps: readonly BpfMap[]): KernelView {
    return {
      profile: this.profile,
      btf: this.btf,
      maps,
      symbolAddress: (name) => this.text.address(name),
    };
  }

  /**
   * Verifies a program, compiles it, puts it in place and registers it; `maps` in the order of `spec.maps`, made when
   * absent. A program that the JIT refuses runs on the interpreter.
   *
   * @throws VerifierError with errno and log when the program is rejected.
   */
  load(spec: ProgramSpec, maps?: readonly BpfMap[], options: LoadOptions = {}): LoadedProgram {
    const used = maps ?? spec.maps.map((map) => this.createMap(map));
    const { target, logLevel = 0 } = options;
    const view = this.view(used);
    const around = target === undefined ? view : { ...view, target: target.verified };
    const verified = verify(spec, around, { core: this.core, logLevel });
    return this.loadVerified(verified, used, options);
  }

  /** The same for a program that is already verified. */
  loadVerified(verified: VerifiedProgram, maps: readonly BpfMap[], options: LoadOptions = {}): LoadedProgram {
    const addresses = options.imageAddresses;
    const source = addresses?.some((address) => address !== undefined)
      ? new FixedImages(this.memory, addresses, this.#images)
      : this.#images;
    const linked = link(this.#linkSurroundings(), this.#programs.nextId(), verified, maps, source);
    this.#programs.add(linked, source);
    return new LoadedProgram(this.#host, linked);
  }

  /** The loaded function an address lies in. */
  lookup(address: GuestAddress): KsymHit | null {
    return this.ksyms.lookup(address);
  }

  #linkSurroundings(): Parameters<typeof link>[0] {
    return {
      core: this.core,
      memory: this.memory,
      profile: this.profile,
      ksyms: this.ksyms,
      pokes: this.#pokes,
      cpu: this.#engines.x86,
      interp: this.#engines.interp,
    };
  }

  #programHost(): ProgramHost {
    return {
      memory: this.memory,
      engines: this.#engines,
      programs: this.#programs,
      tiers: this.#tiers,
      environment: (engine, scope) => this.#environment(engine, scope),
      gate: (address) => this.text.helper(address),
      oops: (trap, insn) => oopsRecord(trap, this.ksyms.lookup(trap.ip), insn, this.profile.version),
      snapshot: () => new Snapshot(this.memory, this.#maps.all()),
      unload: (program) => this.#unload(program),
    };
  }

  #environment(engine: Engine, scope: RunScope): RunEnvironment {
    const around = {
      memory: this.memory,
      btf: this.btf,
      text: this.text,
      objects: this.#objects,
      perCpuOffset: this.#perCpu.base,
      currentTask: this.#current.address,
      trace: this.trace,
      mapAt: (address: GuestAddress) => this.#maps.at(address),
    };
    const call = (entry: GuestAddress, args: readonly bigint[]): bigint =>
      this.#engines.callback(engine, entry, args);
    return new RunEnvironment(around, scope, call, this.#seed);
  }

  #unload(program: LinkedProgram): void {
    const source = this.#programs.remove(program);
    if (!source) return;
    this.#tiers.forget(program);
    this.#engines.forget(program);
    unlink(this.#linkSurroundings(), program, source);
  }
}
