import type { InsnIndex } from '../quantities.js';
import type { WasmState } from './wasm-state.js';

/** A slice of a run ended in the main program, which can go on at an instruction. */
export class SliceEnd {
  constructor(
    /** Handle of the program. */
    readonly program: number,
    readonly slot: InsnIndex,
    readonly tailCalls: number,
  ) {}
}

/** Steps of the first slice of a run, and of the later ones. */
const FIRST = 4_000_000n;
const LATER = 50_000_000n;

/**
 * Deals the steps of one run out in slices: a function that is entered anew can be optimised code by then, one that
 * runs cannot become it.
 */
export class Slices {
  #next: bigint;

  /** `steps`: all that there are; `first` and `later`: steps of the first slice and of the others. */
  constructor(
    private readonly state: WasmState,
    readonly steps: bigint,
    first = FIRST,
    private readonly later = LATER,
  ) {
    this.#next = first;
    this.#deal(steps);
  }

  /** The next slice; false when there was nothing behind the last. A round longer than a slice needs a longer one. */
  deal(): boolean {
    if (this.state.reserve <= 0n) return false;
    const left = this.state.allFuel;
    const wasUsed = this.state.fuel < this.#next;
    this.#next = wasUsed ? this.later : 2n * this.#next;
    this.#deal(left);
    return true;
  }

  /** Steps done. */
  get done(): bigint {
    return this.steps - this.state.allFuel;
  }

  #deal(left: bigint): void {
    this.state.fuel = left < this.#next ? left : this.#next;
    this.state.reserve = left - this.state.fuel;
  }
}
