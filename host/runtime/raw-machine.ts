import { Core, type CoreSource } from '../core/core.js';
import { GuestMemory } from '../mm/guest-memory.js';
import { platform } from '../platform/platform.js';
import { profile } from '../profiles/profiles.js';
import { InterpEngine } from './interpreter.js';
import { type RawRun, type RawRunOptions, runRaw } from './raw-run.js';
import { checkReserved } from './reserved-fields.js';

const MIB = 1 << 20;
/** Nothing but the program's memory and stack is needed. */
const SMALL = { user: MIB, text: MIB, modules: MIB };

/** Runs unverified BPF on bytes: r1 = their address, r2 = their number. Memory-safe, bounded, no kernel around it. */
export class RawMachine {
  readonly #memory: GuestMemory;
  readonly #engine: InterpEngine;

  private constructor(core: Core) {
    this.#memory = new GuestMemory(core, SMALL);
    this.#engine = new InterpEngine(core, this.#memory, profile('linux-6.12').jit);
  }

  static async boot(wasm?: CoreSource): Promise<RawMachine> {
    return new RawMachine(await Core.load(wasm ?? (await platform().coreWasm())));
  }

  /**
   * Runs instructions, 8 bytes a slot, on a copy of `bytes`.
   *
   * @throws UsageError USAGE_RESERVED for a field that must be 0, USAGE_INSN, USAGE_HELPER; LimitError LIMIT_STEPS,
   * LIMIT_STACK. A bad access is the result's oops.
   */
  run(insns: Uint8Array, bytes: Uint8Array, options: RawRunOptions = {}): RawRun {
    checkReserved(insns);
    return runRaw(this.#engine, this.#memory, insns, bytes, options);
  }
}
