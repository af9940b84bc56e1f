import { type LogRecord, logText } from './log.js';

/**
 * What a log buffer of `size` bytes, a NUL at the end included, has room for; null = everything. Linux 6.12 keeps the
 * end of the text, 6.1 its beginning.
 */
export function cutLog(
  records: readonly LogRecord[],
  level: number,
  size: number,
  keepsEnd: boolean,
): readonly LogRecord[] | null {
  const text = logText(records, level);
  const room = size - 1;
  if (text.length <= room) return null;
  const kept: LogRecord[] = [];
  let left = room;
  for (const record of keepsEnd ? records.toReversed() : records) {
    if (left <= 0) break;
    if (logText([record], level) === '') continue;
    const { text: line } = record;
    const part = keepsEnd ? line.slice(Math.max(line.length - left + 1, 0)) : line.slice(0, left);
    kept.push({ ...record, text: part });
    left -= record.text.length + 1;
  }
  return keepsEnd ? kept.reverse() : kept;
}
