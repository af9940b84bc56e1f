#include "program.h"
/* Sieve of Eratosthenes: byte stores with a stride. */
PROGRAM u64 program(u8 *memory, u64 length) {
  u64 n = 200000, count = 0;
  for (u64 i = 0; i < n; i++) *(volatile u8 *)&memory[i] = 1;
  for (u64 i = 2; i * i < n; i++)
    if (memory[i])
      for (u64 j = i * i; j < n; j += i) memory[j] = 0;
  for (u64 i = 2; i < n; i++) count += memory[i];
  return count;
}
