#include "program.h"
/* Atomic additions and exchanges on 64 counters. */
PROGRAM u64 program(u8 *memory, u64 length) {
  u64 *counters = (u64 *)memory;
  u64 sum = 0;
  for (u64 i = 0; i < 64; i++) counters[i] = 0;
  for (u64 i = 0; i < 100000; i++) {
    __sync_fetch_and_add(&counters[i & 63], i);
    if ((i & 7) == 0) sum += __sync_fetch_and_add(&counters[(i >> 3) & 63], 1);
  }
  for (u64 i = 0; i < 64; i++) sum = sum * 31 + counters[i];
  return sum;
}
