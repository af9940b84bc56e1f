import type { LinkedProgram } from './linked-program.js';
import type { Engine } from './run-result.js';

/**
 * Instructions after which a program is hot: about as many as the interpreter runs in the time that translating takes,
 * which grows with the program.
 */
export const HOT_STEPS = 200_000n;
export const HOT_STEPS_PER_SLOT = 1000n;

/**
 * Chooses the engine of programs that are run without naming one: the interpreter, which starts at once, until a
 * program has run so much that WebAssembly pays.
 */
export class Tiers {
  readonly #steps = new Map<LinkedProgram, bigint>();
  /** Programs that cannot be translated here. */
  readonly #untranslatable = new Set<LinkedProgram>();

  /** `translate` throws when the program cannot be translated. */
  constructor(private readonly translate: (program: LinkedProgram) => void) {}

  choose(program: LinkedProgram): Engine {
    if ((this.#steps.get(program) ?? 0n) < threshold(program) || this.#untranslatable.has(program))
      return 'interp';
    try {
      this.translate(program);
      return 'wasm';
    } catch (error) {
      // Hosts limit the modules they compile at once, or forbid compiling at all.
      if (!(error instanceof RangeError || error instanceof WebAssembly.CompileError)) throw error;
      this.#untranslatable.add(program);
      return 'interp';
    }
  }

  /** Notes BPF instructions that a program ran. */
  note(program: LinkedProgram, steps: bigint): void {
    this.#steps.set(program, (this.#steps.get(program) ?? 0n) + steps);
  }

  forget(program: LinkedProgram): void {
    this.#steps.delete(program);
    this.#untranslatable.delete(program);
  }
}

const threshold = ({ verified }: LinkedProgram): bigint =>
  HOT_STEPS + HOT_STEPS_PER_SLOT * BigInt(verified.insns.length / 8);
