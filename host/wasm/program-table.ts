import type { HostFunctions } from './host-calls.js';

/**
 * What a program calls through: the host's calls, then programs that it went on in by tail call. Each has its own,
 * because a table keeps every instance that imports it, for as long as it lives.
 */
export class ProgramTable {
  readonly table: WebAssembly.Table;
  readonly #entries = new Map<unknown, number>();
  readonly #free: number[] = [];

  constructor(host: HostFunctions) {
    this.table = new WebAssembly.Table({ element: 'anyfunc', initial: host.length });
    for (const [entry, call] of host.entries()) this.table.set(entry, call);
  }

  /** Entry of a function of WebAssembly: a new one when it has none yet. */
  entryOf(run: unknown): number {
    const known = this.#entries.get(run);
    if (known !== undefined) return known;
    const entry = this.#free.pop() ?? this.table.grow(1);
    this.table.set(entry, run);
    this.#entries.set(run, entry);
    return entry;
  }

  remove(run: unknown): void {
    const entry = this.#entries.get(run);
    if (entry === undefined) return;
    this.#entries.delete(run);
    this.table.set(entry, null);
    this.#free.push(entry);
  }
}
