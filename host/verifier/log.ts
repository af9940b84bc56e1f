import type { InsnIndex } from '../quantities.js';

/** One line of the verifier's log, kept as data; text is rendered from it (host/verifier/log-text.ts). */
export interface LogRecord {
  /** Lowest log_level that shows the line: 1, 2, or 4 (statistics). */
  readonly level: number;
  readonly insn: InsnIndex;
  readonly text: string;
}
