#include "program.h"
/* Shell sort of 16384 numbers that it makes. */
PROGRAM u64 program(u8 *memory, u64 length) {
  u32 *a = (u32 *)memory, seed = 1;
  u32 n = 16384;
  for (u32 i = 0; i < n; i++) {
    seed = seed * 1664525 + 1013904223;
    a[i] = seed >> 8;
  }
  for (u32 gap = n / 2; gap > 0; gap /= 2)
    for (u32 i = gap; i < n; i++) {
      u32 v = a[i], j = i;
      while (j >= gap && a[j - gap] > v) {
        a[j] = a[j - gap];
        j -= gap;
      }
      a[j] = v;
    }
  u64 sum = 0;
  for (u32 i = 0; i < n; i++) sum = sum * 31 + a[i];
  return sum;
}
