import { Core, type CoreSource } from '../core/core.js';
import { UsageError } from '../errors.js';
import { GuestMemory } from '../mm/guest-memory.js';
import { shippedCore } from '../platform/platform.js';
import { profile } from '../profiles/profiles.js';
import { InterpEngine } from './interpreter.js';
import { checkPortable, checkRaw } from './raw-check.js';
import { checkFlow } from './raw-flow.js';
import { type RawRun, type RawRunOptions, runRaw } from './raw-run.js';
import { RawX86 } from './raw-x86.js';
import { checkReserved } from './reserved-fields.js';
import type { Engine } from './run-result.js';
import { WasmEngine } from './wasm-engine.js';

export interface RawMachineOptions extends RawRunOptions {
  /** interp when absent. */
  readonly engine?: Engine;
}

const MIB = 1 << 20;
/** Nothing but the program's memory, stack and image is needed. */
const SMALL = { user: MIB, text: MIB, modules: 32 * MIB };

/** Unmapped bytes between the stacks of engines: as far as an offset reaches. */
const APART = 1 << 16;

/** Runs unverified BPF on bytes: r1 = their address, r2 = their number. Memory-safe, bounded, no kernel around it. */
export class RawMachine {
  readonly #memory: GuestMemory;
  readonly #interp: InterpEngine;
  readonly #wasm: WasmEngine;
  readonly #x86: RawX86;

  private constructor(core: Core) {
    this.#memory = new GuestMemory(core, SMALL);
    const { jit } = profile('linux-6.12');
    const apart = (): void => this.#memory.unmap(this.#memory.alloc('vmalloc', APART), APART);
    apart();
    this.#interp = new InterpEngine(core, this.#memory, jit);
    apart();
    this.#wasm = new WasmEngine(core, this.#memory, jit);
    apart();
    this.#x86 = new RawX86(core, this.#memory, jit);
  }

  static async boot(wasm?: CoreSource): Promise<RawMachine> {
    return RawMachine.on(await Core.load(wasm ?? (await shippedCore())));
  }

  /** A machine on a core of its own. */
  static on(core: Core): RawMachine {
    return new RawMachine(core);
  }

  /**
   * Runs instructions, 8 bytes a slot, on a copy of `bytes`.
   *
   * @throws UsageError USAGE_RESERVED for a field that must be 0, USAGE_INSN for an instruction RFC 9669 lacks,
   * USAGE_HELPER; LimitError LIMIT_STEPS, LIMIT_STACK, LIMIT_MEMORY. A bad access is the result's oops; its `ip` is the
   * slot of the instruction, -1 when the program jumped out of its own code (x86 only, whose return addresses lie in
   * the program's reach).
   */
  run(insns: Uint8Array, bytes: Uint8Array, options: RawMachineOptions = {}): RawRun {
    checkReserved(insns);
    checkPortable(insns);
    checkRaw(insns);
    checkFlow(insns);
    switch (options.engine ?? 'interp') {
      case 'interp':
        return runRaw(this.#interp, this.#memory, insns, bytes, options);
      case 'wasm':
        return runRaw(this.#wasm, this.#memory, insns, bytes, options);
      case 'x86':
        return runRaw(this.#x86, this.#memory, insns, bytes, options);
      default:
        throw new UsageError(
          'USAGE_ENGINE',
          `engine ${String(options.engine)}: expected x86, interp or wasm`,
        );
    }
  }
}
