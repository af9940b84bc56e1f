import { Core, type CoreSource } from '../core/core.js';
import { GuestMemory } from '../mm/guest-memory.js';
import { platform } from '../platform/platform.js';
import { profile } from '../profiles/profiles.js';
import { InterpEngine } from './interpreter.js';
import { type RawRun, type RawRunOptions, runRaw } from './raw-run.js';
import { checkReserved } from './reserved-fields.js';
import { WasmEngine } from './wasm-engine.js';

export interface RawMachineOptions extends RawRunOptions {
  /** interp when absent. */
  readonly engine?: 'interp' | 'wasm';
}

const MIB = 1 << 20;
/** Nothing but the program's memory and stack is needed. */
const SMALL = { user: MIB, text: MIB, modules: MIB };

/** Runs unverified BPF on bytes: r1 = their address, r2 = their number. Memory-safe, bounded, no kernel around it. */
export class RawMachine {
  readonly #memory: GuestMemory;
  readonly #interp: InterpEngine;
  readonly #wasm: WasmEngine;

  private constructor(core: Core) {
    this.#memory = new GuestMemory(core, SMALL);
    const { jit } = profile('linux-6.12');
    this.#interp = new InterpEngine(core, this.#memory, jit);
    this.#wasm = new WasmEngine(core, this.#memory, jit);
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
  run(insns: Uint8Array, bytes: Uint8Array, options: RawMachineOptions = {}): RawRun {
    checkReserved(insns);
    return options.engine === 'wasm'
      ? runRaw(this.#wasm, this.#memory, insns, bytes, options)
      : runRaw(this.#interp, this.#memory, insns, bytes, options);
  }
}
