#include "program.h"
/* Product of two 64 x 64 matrices of 64-bit numbers. */
PROGRAM u64 program(u8 *memory, u64 length) {
  u64 *a = (u64 *)memory, *b = a + 4096, *c = b + 4096;
  for (u32 i = 0; i < 4096; i++) {
    a[i] = i * 7 + 3;
    b[i] = i * 5 + 1;
  }
  for (u32 i = 0; i < 64; i++)
    for (u32 j = 0; j < 64; j++) {
      u64 sum = 0;
      for (u32 k = 0; k < 64; k++) sum += a[i * 64 + k] * b[k * 64 + j];
      c[i * 64 + j] = sum;
    }
  u64 sum = 0;
  for (u32 i = 0; i < 4096; i++) sum = sum * 31 + c[i];
  return sum;
}
