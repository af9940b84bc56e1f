// Sections in which what a reader found stays valid, whatever the writer removes meanwhile. Without threads a depth;
// with them every reader writes down the epoch it began in, and the writer ends an epoch with each removal.
import { READER_LINE, READER_SLOTS } from './layout/readers';

const words: usize = memory.data(64 * 63, 64);
let depth: u32 = 0;

function wordOf(slot: u32): usize {
  return words + (<usize>slot + 1) * READER_LINE;
}

/** Begins a section of reader `slot` (0 without threads, where sections nest). */
export function readersEnter(slot: u32): void {
  if (ASC_FEATURE_THREADS) {
    let epoch: u32;
    do {
      // 0 says that there is no section, so epochs are odd.
      epoch = atomic.load<u32>(words) | 1;
      atomic.store<u32>(wordOf(slot), epoch);
    } while ((atomic.load<u32>(words) | 1) !== epoch);
  } else depth++;
}

export function readersLeave(slot: u32): void {
  if (ASC_FEATURE_THREADS) atomic.store<u32>(wordOf(slot), 0);
  else depth--;
}

/** What was just taken out of readers' sight is marked with this: see readersPast. */
export function readersStamp(): u32 {
  if (ASC_FEATURE_THREADS) {
    const epoch = atomic.load<u32>(words);
    atomic.store<u32>(words, epoch + 2);
    return epoch | 1;
  }
  return 0;
}

/** No reader can be at what was marked with `stamp`. */
export function readersPast(stamp: u32): bool {
  if (ASC_FEATURE_THREADS) {
    for (let slot: u32 = 0; slot < <u32>READER_SLOTS; slot++) {
      const epoch = atomic.load<u32>(wordOf(slot));
      if (epoch !== 0 && <i32>(epoch - stamp) <= 0) return false;
    }
    return true;
  }
  return depth === 0;
}
