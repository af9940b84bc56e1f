#include "program.h"
/* Compares strings of up to 64 bytes, byte by byte. */
PROGRAM u64 program(u8 *memory, u64 length) {
  u64 sum = 0;
  for (u64 i = 0; i < 64; i++)
    for (u64 k = 0; k < 64; k++) *(volatile u8 *)&memory[i * 64 + k] = k == 63 ? 0 : 'a' + (k == (i & 31) + 30);
  for (u64 i = 0; i < 4096; i++) {
    u8 *a = memory + (i & 63) * 64, *b = memory + ((i + 7) & 63) * 64;
    u64 k = 0;
    while (k < 64 && a[k] != 0 && a[k] == b[k]) k++;
    sum = sum * 31 + k;
  }
  return sum;
}
