import type { Random } from '../../support/random.js';

/** Lines of a program, with labels that are new each time. */
export class Writer {
  readonly lines: string[] = [];
  #labels = 0;

  constructor(readonly random: Random) {}

  line(...texts: readonly string[]): void {
    this.lines.push(...texts);
  }

  label(name: string): void {
    this.lines.push(`${name}:`);
  }

  newLabel(what: string): string {
    return `${what}_${this.#labels++}`;
  }

  /** How often things go one way. */
  oneIn(n: number): boolean {
    return this.random.below(n) === 0;
  }

  get text(): string {
    return this.lines.join('\n');
  }
}

/** `(r10 -8)`, `(r1 +0)`. */
export const at = (base: number, off: number): string => `(r${base} ${off < 0 ? off : `+${off}`})`;
