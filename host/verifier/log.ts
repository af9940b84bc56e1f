import type { InsnIndex } from '../quantities.js';

/** One line of the verifier's log, kept as data; text is rendered from it (host/verifier/log-text.ts). */
export interface LogRecord {
  /** Lowest log_level that shows the line: 1, 2, or 4 (statistics). */
  readonly level: number;
  readonly insn: InsnIndex;
  readonly text: string;
}

/** log_level bits of BPF_PROG_LOAD. */
export const LOG_LEVEL1 = 1;
export const LOG_LEVEL2 = 2;
export const LOG_STATS = 4;
/** The beginning is kept where the end does not fit (Linux 6.12). */
export const LOG_FIXED = 8;

const DEFAULT_SIZE = 1 << 20;
/** Column the state after an instruction starts at, and the tab it is rounded to (Linux log format). */
const STATE_COLUMN = 40;
const STATE_TAB = 8;

/** The log of one verification: the end of it is kept, as a rolling buffer does. */
export class Log {
  private records: LogRecord[] = [];
  private size = 0;
  /** Length of the instruction line just printed; -1 = something else was printed since. */
  private insnLength = -1;
  private isOpen = true;
  private hasDropped = false;

  constructor(
    readonly level: number,
    private readonly limit = DEFAULT_SIZE,
    earlier: readonly LogRecord[] = [],
  ) {
    for (const record of earlier) this.push(record);
  }

  get lines(): readonly LogRecord[] {
    return this.records;
  }

  /** Whether every instruction is printed. */
  get verbose(): boolean {
    return this.isOpen && (this.level & LOG_LEVEL2) !== 0;
  }

  /** Whether anything is printed besides errors and the closing line. */
  get tells(): boolean {
    return this.isOpen && (this.level & (LOG_LEVEL1 | LOG_LEVEL2)) !== 0;
  }

  /** Whether lines were dropped, for later ones. */
  get rolled(): boolean {
    return this.hasDropped;
  }

  /** Forgets all, and prints nothing but errors and the closing line until {@link open}. */
  close(): void {
    this.isOpen = false;
    this.forget();
  }

  open(): void {
    this.isOpen = true;
    this.forget();
  }

  private forget(): void {
    this.records = [];
    this.size = 0;
    this.insnLength = -1;
  }

  line(text: string, insn: InsnIndex, level = LOG_LEVEL1): void {
    this.insnLength = -1;
    this.push({ level, insn, text });
  }

  /** An instruction about to be simulated. */
  instruction(text: string, insn: InsnIndex): void {
    this.push({ level: LOG_LEVEL2, insn, text: `${insn}: ${text}` });
    this.insnLength = text.length;
  }

  /** What the last instruction changed: beside it, or on a line of its own when something came between. */
  changes(text: string, next: InsnIndex): void {
    const last = this.records.at(-1);
    if (this.insnLength < 0 || last === undefined) {
      this.push({ level: LOG_LEVEL2, insn: next, text: `${next}:${text}` });
    } else {
      const width = last.text.length;
      const column = Math.ceil(Math.max(width + 1 + STATE_TAB / 2, STATE_COLUMN) / STATE_TAB) * STATE_TAB - 2;
      const joined = `${last.text}${' '.repeat(Math.max(column - width, 0))};${text}`;
      this.size += joined.length - width;
      this.records[this.records.length - 1] = { ...last, text: joined };
    }
    this.insnLength = -1;
  }

  private push(record: LogRecord): void {
    this.records.push(record);
    this.size += record.text.length + 1;
    if (this.size < 2 * this.limit) return;
    this.hasDropped = true;
    let dropped = 0;
    let first = 0;
    while (this.size - dropped > this.limit) dropped += this.records[first++].text.length + 1;
    this.records = this.records.slice(first);
    this.size -= dropped;
  }
}

/** Text of a log: lines that `level` shows, each ended by a newline. Errors and the closing line show at any level. */
export function logText(records: readonly LogRecord[], level: number): string {
  const shown = level === LOG_STATS ? LOG_LEVEL1 : level & (LOG_LEVEL1 | LOG_LEVEL2);
  let text = '';
  for (const record of records) {
    if (record.level === LOG_STATS || record.level <= shown) text += `${record.text}\n`;
  }
  return text;
}
