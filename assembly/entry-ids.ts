// Ids of exception entries: each image owns a run of consecutive ids, and a word per IDS_PER_OWNER ids leads back to
// the image's entry block. Ids are dense, given back with the image and handed out again.
//
//   owner word: address of the block; of a free run's first word: next free run of its class << 1 | 1
import { heapAlloc, heapFree } from './heap';
import { FAULT_MISS, IDS_PER_OWNER } from './layout/fault-map';

const CLASSES: usize = 128;
const FIRST_CAPACITY: u32 = 256;
/** Ids stay below the flag that records mark side blocks with. */
const MAX_OWNERS: u32 = 0x7fffffff / IDS_PER_OWNER;

/** First word + 1 of the first free run of each class. */
const freeRuns: usize = memory.data(128 * 4);
let owners: usize = 0;
let capacity: u32 = 0;
/** Words ever handed out since there was none in use. */
let top: u32 = 0;
let runs: u32 = 0;

function classOf(words: u32): u32 {
  if (words <= 4) return words - 1;
  const log = 31 - clz(words - 1);
  return (log - 2) * 4 + (((words - 1) >> (log - 2)) & 3) + 4;
}

function classWords(klass: u32): u32 {
  if (klass < 4) return klass + 1;
  return (((klass - 4) & 3) + 5) << ((klass - 4) >> 2);
}

function wordsOf(count: u32): u32 {
  return (count + IDS_PER_OWNER - 1) / IDS_PER_OWNER;
}

function ownerWord(word: u32): usize {
  return owners + ((<usize>word) << 2);
}

function grow(words: u32): bool {
  let wanted = capacity === 0 ? FIRST_CAPACITY : capacity;
  while (wanted < words) wanted += wanted >> 1;
  if (wanted > MAX_OWNERS) return false;
  const made = heapAlloc((<usize>wanted) << 2);
  if (made === 0) return false;
  memory.copy(made, owners, (<usize>top) << 2);
  heapFree(owners);
  owners = made;
  capacity = wanted;
  return true;
}

/** First of `count` (not 0) consecutive ids that lead to `block`; FAULT_MISS when linear memory is exhausted. */
export function idsTake(count: u32, block: usize): u32 {
  const klass = classOf(wordsOf(count));
  const list = freeRuns + ((<usize>klass) << 2);
  let word = load<u32>(list);
  if (word !== 0) {
    word--;
    store<u32>(list, load<u32>(ownerWord(word)) >> 1);
  } else {
    const words = classWords(klass);
    if (top + words > capacity && !grow(top + words)) return FAULT_MISS;
    word = top;
    top += words;
  }
  runs++;
  const end = ownerWord(word + classWords(klass));
  for (let at = ownerWord(word); at !== end; at += 4) store<u32>(at, <u32>block);
  return word * IDS_PER_OWNER;
}

/** Gives back the run of `count` ids from `first`. */
export function idsGive(first: u32, count: u32): void {
  if (--runs === 0) {
    heapFree(owners);
    owners = 0;
    capacity = 0;
    top = 0;
    memory.fill(freeRuns, 0, CLASSES * 4);
    return;
  }
  const word = first / IDS_PER_OWNER;
  const klass = classOf(wordsOf(count));
  const list = freeRuns + ((<usize>klass) << 2);
  const end = ownerWord(word + classWords(klass));
  for (let at = ownerWord(word); at !== end; at += 4) store<u32>(at, 1);
  store<u32>(ownerWord(word), (load<u32>(list) << 1) | 1);
  store<u32>(list, word + 1);
}

/** Block that an id leads to, or 0: the id is nobody's. */
export function idsOwner(id: u32): usize {
  const word = id / IDS_PER_OWNER;
  if (word >= top) return 0;
  const block = load<u32>(ownerWord(word));
  return (block & 1) !== 0 ? 0 : <usize>block;
}

/** Bytes of the owner words. */
export function idsBytes(): u32 {
  return capacity << 2;
}
