#include "program.h"
/* Functions that call each other. */
PART u64 step(u64 x, u64 k) { return (x ^ (x >> 7)) * 0x9e3779b97f4a7c15ULL + k; }
PART u64 twice(u64 x, u64 k) { return step(step(x, k) + 1, k) ^ k; }

PROGRAM u64 program(u8 *memory, u64 length) {
  u64 x = 1;
  for (u64 i = 0; i < 100000; i++) x = twice(x, i) + memory[i & 1023];
  return x;
}
