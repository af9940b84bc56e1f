/**
 * Where everything lies, at the same addresses in the guest and in the child process:
 *
 *   0x000000  code      images, readable and executable
 *   0x1e0000  stubs     machine code of the tests: entry, call targets, thunks
 *   0x1f0000  state     what the entry loads; in the process also what it saves
 *   0x200000  data      DATA_PAGES pages, see PAGES; BPF_REG_DATA points to the first
 *   0x240000  arena     4 pages, the last two missing
 *   0x280000  stack     2 pages
 *   0x2c0000  objects   a program array and its programs, the per-CPU area
 *
 * What lies between is never mapped.
 */
export const BASE = 0x7fff00000000n;
export const SIZE = 0x400000;
export const PAGE = 4096;

export const CODE = BASE;
export const CODE_SIZE = 0x1e0000;
export const STUBS = BASE + 0x1e0000n;
export const STUBS_SIZE = PAGE;
export const STATE = BASE + 0x1f0000n;
export const STATE_SIZE = 2 * PAGE;
export const DATA = BASE + 0x200000n;
export const ARENA = BASE + 0x240000n;
export const STACK = BASE + 0x280000n;
export const OBJECTS = BASE + 0x2c0000n;
export const OBJECTS_SIZE = PAGE;

export type Rights = 'rw' | 'r' | 'none';
/** The data pages: with holes, and one that cannot be written. */
export const DATA_PAGES: readonly Rights[] = ['rw', 'none', 'rw', 'none', 'r', 'rw'];
export const ARENA_PAGES: readonly Rights[] = ['rw', 'rw', 'none', 'none'];
export const STACK_PAGES: readonly Rights[] = ['rw', 'rw'];

/** rsp before the call: the call pushes its return address below. */
export const STACK_TOP = STACK + BigInt(STACK_PAGES.length * PAGE) - 64n;

/** Memory that is filled before each case and compared after it. */
export const COMPARED: readonly { readonly name: string; readonly at: bigint; readonly size: number }[] = [
  { name: 'data', at: DATA, size: 256 },
  { name: 'end of the first data page', at: DATA + BigInt(PAGE - 64), size: 64 },
  { name: 'data page 2', at: DATA + BigInt(2 * PAGE), size: 64 },
  { name: 'arena', at: ARENA, size: 256 },
  { name: 'end of the arena', at: ARENA + BigInt(2 * PAGE - 64), size: 64 },
  { name: 'stack', at: STACK_TOP - 1024n, size: 1024 + 32 },
  { name: 'objects', at: OBJECTS, size: 64 },
];

/** Words of the state page. Inputs: */
export const STATE_RSP = 0;
export const STATE_ENTRY = 8;
/** Registers by x86 number; rax and rsp are not taken from here. */
export const STATE_REGISTERS = 16;
/** Outputs, in the process only: registers by x86 number, flags, number of faults, signal that ended the case. */
export const STATE_OUT = 256;
export const STATE_FLAGS = STATE_OUT + 128;
export const STATE_FAULTS = STATE_OUT + 136;
export const STATE_SIGNAL = STATE_OUT + 144;
export const STATE_OUT_SIZE = 152;
/** For the signal handler: address and number of entries of each exception table, at most TABLES, then 0. */
export const STATE_TABLES = 512;
export const TABLES = 2;
/** rsp of the process while a case runs. */
export const STATE_HOST_RSP = 600;
/** One record per fault: rip, cr2, trap number, error code. */
export const STATE_LOG = PAGE;
export const LOG_RECORD = 32;
export const LOG_RECORDS = 128;

/** A word of the state page, as an address. */
export const state = (offset: number): bigint => STATE + BigInt(offset);

/** Fills memory before a case, the same in both places. */
export function fill(words: Int32Array, at: number, size: number, seed: number): void {
  let x = seed | 1;
  for (let word = at >>> 2; word < (at + size) >>> 2; word++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[word] = x;
  }
}

/** A number for the content of memory. */
export function digest(words: Int32Array, at: number, size: number, before: number): number {
  let hash = before;
  for (let word = at >>> 2; word < (at + size) >>> 2; word++)
    hash = Math.imul(hash ^ words[word], 0x9e3779b1) ^ (hash >>> 15);
  return hash;
}
