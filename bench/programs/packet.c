#include "program.h"
/* Five-tuples of 4096 packets of 64 bytes (Ethernet, VLAN, IPv4 or IPv6, TCP or UDP), hashed. */
static inline u32 mix(u32 a, u32 b) {
  a += b;
  a += a << 10;
  return a ^ (a >> 6);
}
static inline u16 be16(const u8 *at) { return __builtin_bswap16(*(const u16 *)at); }
static inline u32 be32(const u8 *at) { return __builtin_bswap32(*(const u32 *)at); }

PROGRAM u64 program(u8 *memory, u64 length) {
  u64 sum = 0;
  for (u64 n = 0; n < 4096; n++) {
    u8 *data = memory + n * 64, *end = data + 64;
    u8 *at = data + 12;
    u16 type = n & 1 ? 0x8100 : n & 2 ? 0x86dd : 0x0800;
    u32 hash = be16(at);
    at += 2;
    if (type == 0x8100) {
      type = n & 4 ? 0x86dd : 0x0800;
      at += 4;
    }
    u8 protocol;
    if (type == 0x0800) {
      if (at + 20 > end) continue;
      protocol = at[9];
      hash = mix(mix(hash, be32(at + 12)), be32(at + 16));
      at += 20;
    } else {
      if (at + 40 > end) continue;
      protocol = at[6];
      for (int i = 0; i < 8; i++) hash = mix(hash, be32(at + 8 + 4 * i));
      at += 40;
    }
    if (at + 4 <= end) hash = mix(hash, be32(at));
    sum += mix(hash, protocol);
  }
  return sum;
}
