import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disassemble } from '../../../host/asm/kernel-dialect.js';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

// Forms that recorded verifier logs do not hold: what the verifier writes itself, and what no kernel knows.
test('internal and unknown forms', () => {
  for (const [hex, want] of [
    ['3921080000000000', '(39) r1 = *(u64 *)(r2 +8)'],
    ['5121ffff00000000', '(51) r1 = *(s8 *)(r2 -1)'],
    ['b121000000000000', '(b1) r1 = *(u8 *)(r2 +0)'],
    ['bb21080000000000', '(bb) *(u64 *)(r1 +8) = r2'],
    ['ba01080007000000', '(ba) *(u64 *)(r1 +8) = 7'],
    ['fb21080000000000', '(fb) lock *(u64 *)(r1 +8) += r2'],
    ['c200000000000000', '(c2) nospec'],
    ['bf21ffff00000000', '(bf) r1 = &(void __percpu *)(r2)'],
    ['bf21010001000100', '(bf) r1 = addr_space_cast(r2, 1, 1)'],
    ['06000000f9ffffff', '(06) gotol pc-7'],
    ['8510000003000000', '(85) call pc+3'],
    ['85200000e8030000', '(85) call unknown#1000'],
    ['85000000ffffffff', '(85) call unknown#-1'],
    ['e701000000000000', 'BUG_alu64_e7'],
    ['e401000000000000', 'BUG_alu_e4'],
    ['e101000000000000', 'BUG_ldx_e1'],
    ['2201000000000000', 'BUG_st_22'],
    ['2301000000000000', 'BUG_23'],
    ['db2100000c000000', 'BUG_db'],
    ['b801000000000000', 'BUG_ld_b8'],
    ['f501000000000000', 'BUG_f5'],
  ]) {
    assert.equal(disassemble(bytes(hex), 0), want, hex);
  }
});

test('names and values that instructions lack', () => {
  const call = bytes('85200000e803000085000000e8030000');
  const names = {
    kfunc: (id: number) => (id === 1000 ? 'bpf_throw' : undefined),
    helper: (id: number) => (id === 1000 ? 'bpf_mine' : undefined),
  };
  assert.equal(disassemble(call, 0, names), '(85) call bpf_throw#1000');
  assert.equal(disassemble(call, 1, names), '(85) call bpf_mine#1000');
  const wide = bytes('18210000050000000000000008000000');
  assert.equal(disassemble(wide, 0), '(18) r1 = 0x800000005');
  assert.equal(disassemble(wide, 0, { imm64: 0xffff888004ab0010n }), '(18) r1 = 0xffff888004ab0010');
  assert.equal(disassemble(wide.subarray(0, 8), 0), '(18) r1 = 0x5', 'a cut load');
});

test('kernels before ISA version 4 ignore the offset of mov, div and mod', () => {
  for (const [hex, v4, v3] of [
    ['bf21080000000000', '(bf) r1 = (s8)r2', '(bf) r1 = r2'],
    ['bc21100000000000', '(bc) w1 = (s16)w2', '(bc) w1 = w2'],
    ['3701010003000000', '(37) r1 s/= 3', '(37) r1 /= 3'],
    ['9c21010000000000', '(9c) w1 s%= w2', '(9c) w1 %= w2'],
    ['d701000020000000', '(d7) r1 = bswap32 r1', 'BUG_alu64_d7'],
    ['d401000020000000', '(d4) r1 = le32 r1', '(d4) r1 = le32 r1'],
  ]) {
    assert.equal(disassemble(bytes(hex), 0), v4);
    assert.equal(disassemble(bytes(hex), 0, { isaV4: false }), v3);
  }
});
