#include "program.h"
/* A histogram in an array on the stack. */
PROGRAM u64 program(u8 *memory, u64 length) {
  u32 seen[64];
  u64 sum = 0;
  for (u64 round = 0; round < 40; round++) {
    for (int i = 0; i < 64; i++) *(volatile u32 *)&seen[i] = 0;
    for (u64 i = 0; i < 8192; i++) seen[memory[i] & 63]++;
    for (int i = 0; i < 64; i++) sum = sum * 31 + seen[i];
  }
  return sum;
}
