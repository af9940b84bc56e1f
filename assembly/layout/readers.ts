// Sections of readers on other threads: one word per reader, each in a cache line of its own.
//
//   +0 epoch u32   +64, +128, ... epoch a reader's section began in, 0 = in none

export const READER_SLOTS = 62;
export const READER_LINE = 64;
