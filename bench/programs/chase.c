#include "program.h"
/* A list of 4096 indices in an order that looks random: every load waits for the one before. */
PROGRAM u64 program(u8 *memory, u64 length) {
  u64 *next = (u64 *)memory;
  for (u64 i = 0; i < 4096; i++) next[i] = (i * 2654435761u + 12345) & 4095;
  u64 at = 0, sum = 0;
  for (u64 i = 0; i < 600000; i++) {
    at = next[at];
    sum += at;
  }
  return sum;
}
