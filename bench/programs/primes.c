#include "program.h"
/* Primes by trial division: divisions that depend on nothing. */
PROGRAM u64 program(u8 *memory, u64 length) {
  u64 count = 0;
  for (u64 n = 2; n < 12000; n++) {
    u64 d = 2;
    while (d * d <= n && n % d != 0) d++;
    if (d * d > n) count++;
  }
  return count;
}
