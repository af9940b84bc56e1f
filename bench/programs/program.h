/* Programs of `npm run bench -- run`: u64 program(memory, length), the same source for BPF and for this computer. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#define PROGRAM __attribute__((section("bench"), used))
#define PART static __attribute__((noinline, section("bench")))
