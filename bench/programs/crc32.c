#include "program.h"
/* CRC-32 with a table, which it makes itself. */
PROGRAM u64 program(u8 *memory, u64 length) {
  u32 *table = (u32 *)(memory + length - 1024);
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  u32 crc = ~0u;
  for (u64 i = 0; i < length - 1024; i++) crc = table[(crc ^ memory[i]) & 255] ^ (crc >> 8);
  return (u32)~crc;
}
