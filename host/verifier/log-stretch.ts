import type { Log } from './log.js';

/**
 * Which part of a verification its log tells of. Printing costs several times what verifying does, so a log that
 * begins to lose its beginning is given up, and the end is printed when the program is verified again: `next`.
 */
export class LogStretch {
  private cutAt = 0;
  private last = 0;

  /** `from`: instructions processed before anything is printed; 0 = all is. `mayCut`: only the end is asked for. */
  constructor(
    readonly from = 0,
    private readonly mayCut = false,
  ) {}

  /** The log has lost its beginning when `processed` instructions were. */
  cut(processed: number, log: Log): void {
    if (!this.mayCut || this.cutAt !== 0) return;
    this.cutAt = processed;
    log.close();
  }

  end(processed: number): void {
    this.last = processed;
  }

  /** The stretch that a second verification has to tell of; null = all that is wanted is printed. */
  get next(): LogStretch | null {
    return this.cutAt === 0 ? null : new LogStretch(Math.max(1, this.last - this.cutAt));
  }
}
