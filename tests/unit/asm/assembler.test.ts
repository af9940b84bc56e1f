import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../../host/asm/assembler.js';
import { HELPER_COUNT, helperId, helperName } from '../../../host/asm/helper-names.js';
import { disassemble, disassembleAll } from '../../../host/asm/kernel-dialect.js';
import { UsageError } from '../../../host/errors.js';
import { goldens } from '../../support/goldens.js';

const hex = (insns: Uint8Array): string => Buffer.from(insns).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

test('one instruction of each form', () => {
  for (const [text, want] of [
    ['exit', '9500000000000000'],
    ['r1 = 5', 'b701000005000000'],
    ['w1 = -1', 'b4010000ffffffff'],
    ['r1 = 0x10 ll', '18010000100000000000000000000000'],
    ['r1 = 0xffff888000000000', '1801000000000000000000008088ffff'],
    ['r1 = -2 ll', '18010000feffffff00000000ffffffff'],
    ['r1 = map_fd 5', '18110000050000000000000000000000'],
    ['r1 = map_value 5 +8', '18210000050000000000000008000000'],
    ['r1 = btf_id 9', '18310000090000000000000000000000'],
    ['r1 += r2', '0f21000000000000'],
    ['w1 s/= 3', '3401010003000000'],
    ['r1 s%= r2', '9f21010000000000'],
    ['r1 = -r1', '8701000000000000'],
    ['w3 = (s16)w2', 'bc23100000000000'],
    ['r3 = (s32)r2', 'bf23200000000000'],
    ['r4 = be32 r4', 'dc04000020000000'],
    ['r4 = le16 r4', 'd404000010000000'],
    ['r4 = bswap64 r4', 'd704000040000000'],
    ['r1 = addr_space_cast(r2, 0, 1)', 'bf21010001000000'],
    ['r1 = &(void __percpu *)(r2)', 'bf21ffff00000000'],
    ['r1 = *(u64 *)(r1 +48)', '7911300000000000'],
    ['r1 = *(u64 *)(r1 + 0x30)', '7911300000000000'],
    ['r1 = *(u8 *)(r10 -1)', '71a1ffff00000000'],
    ['r1 = *(s32 *)(r2 +4)', '8121040000000000'],
    ['*(u16 *)(r1 +2) = 7', '6a01020007000000'],
    ['*(u64 *)(r10 -8) = r1', '7b1af8ff00000000'],
    ['lock *(u64 *)(r1 +0) += r2', 'db21000000000000'],
    ['r2 = atomic64_fetch_or((u64 *)(r1 +0), r2)', 'db21000041000000'],
    ['r2 = atomic_xchg((u32 *)(r1 -4), r2)', 'c321fcffe1000000'],
    ['r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r3)', 'db310000f1000000'],
    ['r0 = *(u16 *)skb[12]', '280000000c000000'],
    ['r0 = *(u8 *)skb[r7 + -3]', '50700000fdffffff'],
    ['if r1 == 0x1 goto +2', '1501020001000000'],
    ['if w1 s<= w2 goto pc-3', 'de21fdff00000000'],
    ['if r1 & 0xffffffff goto pc+0', '45010000ffffffff'],
    ['goto pc+3', '0500030000000000'],
    ['gotol pc-7', '06000000f9ffffff'],
    ['may_goto pc+2', 'e500020000000000'],
    ['call bpf_map_lookup_elem#1', '8500000001000000'],
    ['call bpf_ktime_get_ns', '8500000005000000'],
    ['call 12', '850000000c000000'],
    ['call unknown#9999', '850000000f270000'],
    ['call bpf_rdonly_cast#300', '852000002c010000'],
    ['call kfunc 300', '852000002c010000'],
    ['call pc+3', '8510000003000000'],
    ['(39) r1 = *(u64 *)(r2 +8)', '3921080000000000'],
    ['(18) r1 = 0x7', '18010000070000000000000000000000'],
    ['3: (b7) r0 = 0                       ; R0_w=0', 'b700000000000000'],
    ['nospec', 'c200000000000000'],
  ]) {
    assert.equal(hex(assemble(text)), want, text);
  }
});

test('labels', () => {
  const insns = assemble(`
    ; sums 1..3
    start: r0 = 0
           r1 = 3 ll        // two slots
    loop:  r0 += r1
           r1 += -1
           if r1 != 0x0 goto loop
           r2 = func twice
           call twice
           gotol out
    twice:
           r0 = r1
    out:   exit
  `);
  assert.deepEqual(disassembleAll(insns), [
    '0: (b7) r0 = 0',
    '1: (18) r1 = 0x3',
    '3: (0f) r0 += r1',
    '4: (07) r1 += -1',
    '5: (55) if r1 != 0x0 goto pc-3',
    '6: (18) r2 = 0x3',
    '8: (85) call pc+1',
    '9: (06) gotol pc+1',
    '10: (bf) r0 = r1',
    '11: (95) exit',
  ]);
});

test('errors name the line', () => {
  for (const [text, line] of [
    ['exit\nr1 = r2 + r3', 2],
    ['r12 = 1', 1],
    ['goto nowhere', 1],
    ['a: exit\na: exit', 2],
    ['r1 = *(u64 *)(r2 +40000)', 1],
    ['r1 ?= 3', 1],
    ['r1 = -r2', 1],
    ['w1 = 0x100000000', 1],
    ['(95) r1 = 1', 1],
  ] as const) {
    assert.throws(
      () => assemble(text),
      (error: unknown) =>
        error instanceof UsageError &&
        error.code === 'USAGE_ASM' &&
        error.place.line === line &&
        /expected .*, found /.test(error.message),
      text,
    );
  }
});

test('what the disassembler prints assembles to the same instruction', () => {
  const seen = new Set<string>();
  for (const kernel of ['6.1', '6.12']) {
    for (const corpus of ['isa', 'probe']) {
      for (const { insns_hex: text, verdict } of goldens(kernel, corpus, 'base')) {
        if (verdict !== 'accept') continue;
        for (let at = 0; at < text.length; at += 16) {
          const slots = text.startsWith('18', at) ? 2 : 1;
          seen.add(text.slice(at, at + 16 * slots));
          at += 16 * (slots - 1);
        }
      }
    }
  }
  for (const insn of seen) {
    const line = disassemble(bytes(insn), 0);
    // Text does not carry the pseudo source of ld_imm64, nor what kind of function an unknown name is.
    if (insn.startsWith('18') || (insn.startsWith('85') && insn[2] !== '0')) continue;
    assert.equal(hex(assemble(line)), insn, line);
  }
  assert.ok(seen.size > 1000, `${seen.size} instructions`);
});

test('helper names', () => {
  for (const [id, name] of [
    [0, 'bpf_unspec'],
    [1, 'bpf_map_lookup_elem'],
    [113, 'bpf_probe_read_kernel'],
    [181, 'bpf_loop'],
    [211, 'bpf_cgrp_storage_delete'],
  ] as const) {
    assert.equal(helperName(id), name);
    assert.equal(helperId(name), id);
    assert.equal(helperId(name.slice(4)), id);
  }
  assert.equal(HELPER_COUNT, 212);
  assert.equal(helperName(212), undefined);
  assert.equal(helperName(-1), undefined);
  assert.equal(helperId('bpf_nothing'), undefined);
});
