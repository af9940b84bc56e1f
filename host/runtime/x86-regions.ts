import type { Cpu } from '../core/cpu.js';
import type { GuestAddress } from '../quantities.js';
import { readMicroOp } from '../wasm/x86/micro-op.js';
import { regionModule } from '../wasm/x86/region-module.js';
import { regionAt } from '../wasm/x86/region.js';

/** Instructions between two looks at what runs: at first, and how many times that when nothing new is found. */
const FIRST = 100_000;
const LONGEST = 5;
/** Instructions of the shortest run of the core: below it, it steps one by one. */
const LEAST_SLICE = 4096;
/** Places that are looked at, at most, before code changes. */
const MOST = 1024;

/** Finds the loops that x86 code spends its time in and lets them run as WebAssembly. */
export class X86Regions {
  /** Places that were looked at. */
  readonly #known = new Set<GuestAddress>();
  #generation = 0;
  /** Regions made so far. */
  made = 0;
  #interval: number;
  /** Instructions until the next look. */
  #left: number;

  /** `after`: instructions before the first look. */
  constructor(
    private readonly cpu: Cpu,
    private readonly after = FIRST,
  ) {
    this.#interval = after;
    this.#left = after;
  }

  /**
   * Instructions to run before the CPU comes back. It has to in any case: the JS engine switches to optimised code
   * only then.
   */
  get slice(): number {
    return Math.min(Math.max(this.#left, LEAST_SLICE), LONGEST * FIRST);
  }

  /** So many instructions ran; `isSlice`: in the middle of code. */
  ran(steps: number, isSlice: boolean): void {
    this.#left -= steps;
    if (!isSlice || this.#left > 0) return;
    const isNew = this.#sample(this.cpu.ip);
    this.#interval = isNew ? this.after : Math.min(2 * this.#interval, LONGEST * this.after);
    this.#left = this.#interval;
  }

  /** The CPU is at an instruction when its slice ends: it gets a region when it lies in a loop. True when it got one. */
  #sample(ip: GuestAddress): boolean {
    const { cpu } = this;
    if (cpu.generation !== this.#generation) {
      this.#generation = cpu.generation;
      this.#known.clear();
      cpu.freeRegions();
    }
    if (this.#known.has(ip) || this.#known.size >= MOST) return false;
    this.#known.add(ip);
    const at = cpu.microOpAt(ip);
    if (at === 0) return false;
    const region = regionAt(at, (record) => readMicroOp(cpu.view, record, cpu.singleOp(record)));
    if (!region) return false;
    const run = this.#compile(regionModule(region, cpu.places));
    if (run === null) return false;
    const isIn = cpu.setRegion(at, run);
    this.made += isIn ? 1 : 0;
    return isIn;
  }

  /** Null where modules cannot be compiled at once: the main thread of a page, a content security policy. */
  #compile(bytes: Uint8Array): WebAssembly.ExportValue | null {
    try {
      const module = new WebAssembly.Module(bytes as BufferSource);
      return new WebAssembly.Instance(module, { env: this.cpu.regionImports }).exports.run;
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof WebAssembly.CompileError)) throw error;
      return null;
    }
  }
}
