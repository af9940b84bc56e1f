import type { Core } from '../../../host/core/core.js';
import { KsymTable } from '../../../host/kallsyms/ksym-table.js';
import { GuestMemory, RIGHT_R, RIGHT_W, RIGHT_X } from '../../../host/mm/guest-memory.js';
import { X86Engine } from '../../../host/runtime/cpu.js';
import type { RawFault, RawOops } from '../../../host/runtime/engine.js';
import type { JitImage } from '../../../host/jit/jit-image.js';
import type { Case } from './case.js';
import type { Kernel } from './kernels.js';
import * as L from './layout.js';
import { stubs } from './stubs.js';

const MIB = 1 << 20;
const RIGHTS: Readonly<Record<L.Rights, number>> = { rw: RIGHT_R | RIGHT_W, r: RIGHT_R, none: 0 };

/** What a case came to on the emulated CPU. */
export interface GuestAnswer {
  /** Registers at the end, in the order of struct pt_regs. */
  readonly registers: readonly bigint[];
  /** Digest of the memory compared. */
  readonly digest: number;
  readonly faults: readonly RawFault[];
  /** Null when the image returned; a breakpoint when the case stops before its exit. */
  readonly oops: RawOops | null;
}

const isStub = (ip: bigint): boolean => ip >= L.STUBS && ip < L.STUBS + BigInt(L.STUBS_SIZE);

/** The emulated machine with the area of layout.ts in its user region. */
export class Guest {
  readonly memory: GuestMemory;
  readonly #core: Core;
  readonly #engine: X86Engine;
  readonly #linear: number;
  readonly #state: BigUint64Array;
  readonly #start = stubs('guest');
  #view: Int32Array;
  readonly #ksyms: KsymTable;

  constructor(
    core: Core,
    readonly kernel: Kernel,
  ) {
    this.#core = core;
    this.memory = new GuestMemory(core, {
      user: L.SIZE,
      direct: MIB,
      vmalloc: MIB,
      text: MIB,
      modules: MIB,
    });
    this.#engine = new X86Engine(core, this.memory);
    this.#linear = this.memory.region('user').linear;
    this.#map(L.DATA, L.DATA_PAGES);
    this.#map(L.ARENA, L.ARENA_PAGES);
    this.#map(L.STACK, L.STACK_PAGES);
    this.memory.map(L.STATE, L.STATE_SIZE, RIGHT_R | RIGHT_W);
    this.memory.map(L.OBJECTS, L.OBJECTS_SIZE, RIGHT_R | RIGHT_W);
    this.memory.map(L.CODE, L.CODE_SIZE, RIGHT_R | RIGHT_X);
    this.memory.map(L.STUBS, L.STUBS_SIZE, RIGHT_R | RIGHT_W);
    this.memory.write(L.STUBS, this.#start.bytes);
    this.memory.protect(L.STUBS, L.STUBS_SIZE, RIGHT_R | RIGHT_X);
    this.#state = new BigUint64Array(L.STATE_SIZE >>> 3);
    this.#view = new Int32Array(core.bytes.buffer);
    this.#ksyms = new KsymTable(core, this.memory, kernel.knobs.version);
  }

  #map(base: bigint, pages: readonly L.Rights[]): void {
    pages.forEach((rights, index) => {
      if (rights !== 'none') this.memory.map(base + BigInt(index * L.PAGE), L.PAGE, RIGHTS[rights]);
    });
  }

  setObjects(bytes: Uint8Array): void {
    this.memory.write(L.OBJECTS, bytes);
  }

  /** Puts the images of a batch in place. */
  place(code: Uint8Array): void {
    const size = Math.ceil(code.length / L.PAGE) * L.PAGE;
    this.memory.protect(L.CODE, size, RIGHT_R | RIGHT_W);
    this.memory.write(L.CODE, code);
    this.memory.protect(L.CODE, size, RIGHT_R | RIGHT_X);
  }

  run({ images, registers, seed }: Case): GuestAnswer {
    const ksyms = images.map((image, func) => this.#ksyms.add(image, { name: 'random', program: 1, func }));
    this.#prepare(images[0], registers, seed);
    const run = this.#engine.run(this.#start.start, [], {
      gate: (gate) => {
        throw new Error(`gate 0x${gate.toString(16)} called`);
      },
      gsBase: this.kernel.gs,
      maxSteps: 1_000_000n,
    });
    for (const ksym of ksyms) this.#ksyms.remove(ksym);
    if (run.oops === null) throw new Error('the guest returned without a breakpoint');
    return {
      registers: run.oops.registers ?? [],
      digest: this.#digest(),
      faults: run.faults.filter(({ kind }) => kind !== 'guard'),
      oops: isStub(run.oops.ip) ? null : run.oops,
    };
  }

  /** Linear memory; it moves when it grows. */
  get #words(): Int32Array {
    const { buffer } = this.#core.bytes;
    if (this.#view.buffer !== buffer) this.#view = new Int32Array(buffer);
    return this.#view;
  }

  #at(address: bigint): number {
    return this.#linear + Number(address - L.BASE);
  }

  #prepare(image: JitImage, registers: BigUint64Array, seed: number): void {
    const state = this.#state;
    state[L.STATE_RSP >> 3] = L.STACK_TOP;
    state[L.STATE_ENTRY >> 3] = image.entry;
    state.set(registers, L.STATE_REGISTERS >> 3);
    this.#core.bytes.set(new Uint8Array(state.buffer, 0, L.STATE_OUT), this.#at(L.STATE));
    const words = this.#words;
    L.COMPARED.forEach(({ at, size }, index) => L.fill(words, this.#at(at), size, seed + index));
  }

  #digest(): number {
    const words = this.#words;
    let hash = 0;
    for (const { at, size } of L.COMPARED) hash = L.digest(words, this.#at(at), size, hash);
    return hash >>> 0;
  }

  /** The memory compared, after a case. */
  compared(): Uint8Array[] {
    return L.COMPARED.map(({ at, size }) => this.memory.read(at, size));
  }
}
