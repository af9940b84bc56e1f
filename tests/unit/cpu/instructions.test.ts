import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { CF, OF, type RegisterName, type Registers, SF, TestCpu, WORD, ZF } from '../../support/cpu.js';

const X = 0x1122334455667788n;
const Y = 0xfedcba9876543210n;
const ONES = (1n << 64n) - 1n;
const low32 = (value: bigint): bigint => BigInt.asUintN(32, value);

interface Case {
  readonly name: string;
  readonly code: string;
  readonly before?: Registers;
  readonly after: Registers;
  /** Flags that must be set, of those in `of`. */
  readonly flags?: { readonly set: bigint; readonly of: bigint };
}

const flags = (set: bigint, of: bigint): { set: bigint; of: bigint } => ({ set, of });
const ARITHMETIC = CF | ZF | SF | OF;

const CASES: readonly Case[] = [
  // Moves.
  { name: 'mov rdi,rsi', code: '4889f7', before: { rsi: X }, after: { rdi: X } },
  { name: 'mov edi,edi clears the upper half', code: '89ff', before: { rdi: Y }, after: { rdi: low32(Y) } },
  { name: 'mov r8d,ebx', code: '4189d8', before: { rbx: Y, r8: X }, after: { r8: low32(Y) } },
  { name: 'mov rax,[8b form]', code: '488bc7', before: { rdi: X }, after: { rax: X } },
  { name: 'mov edi,7', code: 'bf07000000', before: { rdi: ONES }, after: { rdi: 7n } },
  { name: 'mov edi,-1 is zero-extended', code: 'bfffffffff', after: { rdi: 0xffffffffn } },
  { name: 'mov rdi,-1', code: '48c7c7ffffffff', after: { rdi: ONES } },
  { name: 'mov r14,-1', code: '49c7c6ffffffff', after: { r14: ONES } },
  { name: 'movabs rdi', code: '48bf1032547698badcfe', after: { rdi: Y } },
  { name: 'movsx rdi,sil', code: '480fbefe', before: { rsi: 0x80n }, after: { rdi: ONES - 127n } },
  { name: 'movsx edi,sil', code: '400fbefe', before: { rsi: 0x80n }, after: { rdi: 0xffffff80n } },
  {
    name: 'movsx esp-numbered byte without REX is ah',
    code: '0fbefc',
    before: { rax: 0x8000n },
    after: { rdi: 0xffffff80n },
  },
  { name: 'movsx r13,r14w', code: '4d0fbfee', before: { r14: 0x8000n }, after: { r13: ONES - 0x7fffn } },
  { name: 'movsx edi,si', code: '0fbffe', before: { rsi: 0x18000n }, after: { rdi: 0xffff8000n } },
  {
    name: 'movsxd rdi,esi',
    code: '4863fe',
    before: { rsi: 0x180000000n },
    after: { rdi: 0xffffffff80000000n },
  },
  { name: 'movzx edi,di', code: '0fb7ff', before: { rdi: X }, after: { rdi: 0x7788n } },
  { name: 'movzx eax,sil', code: '400fb6c6', before: { rsi: X }, after: { rax: 0x88n } },
  {
    name: 'mov ax,di leaves the rest',
    code: '6689f8',
    before: { rax: X, rdi: Y },
    after: { rax: 0x1122334455663210n },
  },
  {
    name: 'mov al,bl leaves the rest',
    code: '88d8',
    before: { rax: X, rbx: Y },
    after: { rax: 0x1122334455667710n },
  },
  { name: 'mov cl,0x12', code: 'b112', before: { rcx: X }, after: { rcx: 0x1122334455667712n } },
  { name: 'xchg rax,rbx', code: '4887d8', before: { rax: X, rbx: Y }, after: { rax: Y, rbx: X } },
  {
    name: 'lea rax,[rdi+rsi*8+16]',
    code: '488d44f710',
    before: { rdi: 0x100n, rsi: 3n },
    after: { rax: 0x128n },
  },
  { name: 'lea rax,[rip+1]', code: '488d0501000000', after: { rax: 0xffffffffc0000008n } },

  // Addition, subtraction, logic.
  {
    name: 'add rdi,rsi',
    code: '4801f7',
    before: { rdi: X, rsi: Y },
    after: { rdi: BigInt.asUintN(64, X + Y) },
    flags: flags(CF, ARITHMETIC),
  },
  {
    name: 'add edi,esi',
    code: '01f7',
    before: { rdi: 0xffffffffn, rsi: 1n },
    after: { rdi: 0n },
    flags: flags(CF | ZF, ARITHMETIC),
  },
  {
    name: 'add rax,imm8',
    code: '4883c005',
    before: { rax: (1n << 63n) - 1n },
    after: { rax: (1n << 63n) + 4n },
    flags: flags(SF | OF, ARITHMETIC),
  },
  {
    name: 'add rax,imm32 short form',
    code: '4805e8030000',
    before: { rax: 1n },
    after: { rax: 1001n },
    flags: flags(0n, ARITHMETIC),
  },
  {
    name: 'add rdi,imm32',
    code: '4881c7e8030000',
    before: { rdi: ONES },
    after: { rdi: 999n },
    flags: flags(CF, ARITHMETIC),
  },
  {
    name: 'sub rdi,-128',
    code: '4883ef80',
    before: { rdi: 0n },
    after: { rdi: 128n },
    flags: flags(CF, ARITHMETIC),
  },
  {
    name: 'sub r11,r10',
    code: '4d29d3',
    before: { r11: 1n, r10: 2n },
    after: { r11: ONES },
    flags: flags(CF | SF, ARITHMETIC),
  },
  {
    name: 'and r14d,imm32',
    code: '4181e6ff000000',
    before: { r14: Y },
    after: { r14: 0x10n },
    flags: flags(0n, ARITHMETIC),
  },
  {
    name: 'or rdi,imm32',
    code: '4881cf127f0000',
    before: { rdi: 1n << 63n },
    after: { rdi: (1n << 63n) | 0x7f12n },
    flags: flags(SF, ARITHMETIC),
  },
  {
    name: 'xor r13d,r8d',
    code: '4531c5',
    before: { r13: Y, r8: Y },
    after: { r13: 0n },
    flags: flags(ZF, ARITHMETIC),
  },
  { name: 'xor edi,edi', code: '31ff', before: { rdi: X }, after: { rdi: 0n }, flags: flags(ZF, ARITHMETIC) },
  {
    name: 'add al,bl',
    code: '00d8',
    before: { rax: 0x1ffn, rbx: 1n },
    after: { rax: 0x100n },
    flags: flags(CF | ZF, ARITHMETIC),
  },
  {
    name: 'sub ax,bx',
    code: '6629d8',
    before: { rax: 0x10000n, rbx: 1n },
    after: { rax: 0x1ffffn },
    flags: flags(CF | SF, ARITHMETIC),
  },
  {
    name: 'neg rdi',
    code: '48f7df',
    before: { rdi: 1n },
    after: { rdi: ONES },
    flags: flags(CF | SF, ARITHMETIC),
  },
  {
    name: 'neg r13d of the least number',
    code: '41f7dd',
    before: { r13: 0x80000000n },
    after: { r13: 0x80000000n },
    flags: flags(CF | SF | OF, ARITHMETIC),
  },
  { name: 'not rax', code: '48f7d0', before: { rax: X }, after: { rax: X ^ ONES } },
  {
    name: 'cmp rdi,rsi',
    code: '4839f7',
    before: { rdi: 5n, rsi: 5n },
    after: { rdi: 5n },
    flags: flags(ZF, ARITHMETIC),
  },
  {
    name: 'cmp edi,imm8',
    code: '83ff05',
    before: { rdi: 4n },
    after: { rdi: 4n },
    flags: flags(CF | SF, ARITHMETIC),
  },
  {
    name: 'cmp rax,imm32',
    code: '4881f8e8030000',
    before: { rax: 1n << 63n },
    after: {},
    flags: flags(OF, ARITHMETIC),
  },
  {
    name: 'test rdi,imm32',
    code: '48f7c708000000',
    before: { rdi: 7n },
    after: {},
    flags: flags(ZF, ARITHMETIC),
  },
  {
    name: 'test r14d,edi',
    code: '4185fe',
    before: { r14: ONES, rdi: 0x80000000n },
    after: {},
    flags: flags(SF, ARITHMETIC),
  },
  {
    name: 'inc keeps the carry',
    code: '4883c0ff48ffc0',
    before: { rax: 1n },
    after: { rax: 1n },
    flags: flags(CF, CF | ZF),
  },

  // Shifts and rotates.
  {
    name: 'shl rdi,1',
    code: '48d1e7',
    before: { rdi: 3n << 62n },
    after: { rdi: 1n << 63n },
    flags: flags(CF | SF, ARITHMETIC),
  },
  { name: 'shl rdi,32', code: '48c1e720', before: { rdi: Y }, after: { rdi: BigInt.asUintN(64, Y << 32n) } },
  {
    name: 'sar r13d,4',
    code: '41c1fd04',
    before: { r13: 0x80000008n },
    after: { r13: 0xf8000000n },
    flags: flags(CF | SF, CF | ZF | SF),
  },
  {
    name: 'shr rdi,cl with a count above 63',
    code: '48d3ef',
    before: { rdi: X, rcx: 68n },
    after: { rdi: X >> 4n },
  },
  {
    name: 'shl r11,cl',
    code: '49d3e3',
    before: { r11: X, rcx: 8n },
    after: { r11: BigInt.asUintN(64, X << 8n) },
  },
  {
    name: 'shr edi,cl by 0 still clears the upper half',
    code: 'd3ef',
    before: { rdi: Y, rcx: 32n },
    after: { rdi: low32(Y) },
  },
  {
    name: 'a shift by 0 keeps the flags',
    code: '31c048d3ef',
    before: { rdi: X, rcx: 64n },
    after: { rdi: X },
    flags: flags(ZF, ARITHMETIC),
  },
  { name: 'shlx rdi,rdi,rsi', code: 'c4e2c9f7ff', before: { rdi: X, rsi: 65n }, after: { rdi: X << 1n } },
  {
    name: 'shrx r13d,r13d,r14d',
    code: 'c4420bf7ed',
    before: { r13: Y, r14: 33n },
    after: { r13: low32(Y) >> 1n },
  },
  {
    name: 'sarx rcx,rcx,rax',
    code: 'c4e2faf7c9',
    before: { rcx: Y, rax: 4n },
    after: { rcx: BigInt.asUintN(64, BigInt.asIntN(64, Y) >> 4n) },
  },
  { name: 'ror di,8', code: '66c1cf08', before: { rdi: X }, after: { rdi: 0x1122334455668877n } },
  { name: 'rol rdi,32', code: '48c1c720', before: { rdi: X }, after: { rdi: 0x5566778811223344n } },
  { name: 'bswap edi', code: '0fcf', before: { rdi: X }, after: { rdi: 0x88776655n } },
  { name: 'bswap r14', code: '490fce', before: { r14: X }, after: { r14: 0x8877665544332211n } },

  // Products and quotients.
  {
    name: 'imul rdi,rsi',
    code: '480faffe',
    before: { rdi: X, rsi: Y },
    after: { rdi: BigInt.asUintN(64, X * Y) },
    flags: flags(CF | OF, CF | OF),
  },
  {
    name: 'imul r14d,edi',
    code: '440faff7',
    before: { r14: Y, rdi: 3n },
    after: { r14: low32(low32(Y) * 3n) },
  },
  {
    name: 'imul rdi,rdi,3',
    code: '486bff03',
    before: { rdi: 5n },
    after: { rdi: 15n },
    flags: flags(0n, CF | OF),
  },
  {
    name: 'imul rdi,rdi,1000',
    code: '4869ffe8030000',
    before: { rdi: ONES },
    after: { rdi: BigInt.asUintN(64, -1000n) },
  },
  { name: 'imul r13d,r13d,-2', code: '456bedfe', before: { r13: 3n }, after: { r13: low32(-6n) } },
  {
    name: 'mul r11',
    code: '49f7e3',
    before: { rax: Y, r11: X },
    after: { rax: BigInt.asUintN(64, X * Y), rdx: (X * Y) >> 64n },
    flags: flags(CF | OF, CF | OF),
  },
  {
    name: 'mul r11d',
    code: '41f7e3',
    before: { rax: Y, r11: 2n, rdx: X },
    after: { rax: low32(low32(Y) * 2n), rdx: (low32(Y) * 2n) >> 32n },
  },
  {
    name: 'imul rsi, one operand',
    code: '48f7ee',
    before: { rax: ONES, rsi: 5n },
    after: { rax: BigInt.asUintN(64, -5n), rdx: ONES },
    flags: flags(0n, CF | OF),
  },
  {
    name: 'div rsi',
    code: '48f7f6',
    before: { rax: X, rdx: 0n, rsi: 1000n },
    after: { rax: X / 1000n, rdx: X % 1000n },
  },
  {
    name: 'div rsi of 128 bits',
    code: '48f7f6',
    before: { rax: X, rdx: 5n, rsi: Y },
    after: { rax: ((5n << 64n) | X) / Y, rdx: ((5n << 64n) | X) % Y },
  },
  {
    name: 'div r11d',
    code: '41f7f3',
    before: { rax: Y, rdx: 1n, r11: 7n | (Y << 32n) },
    after: {
      rax: low32(((1n << 32n) | low32(Y)) / low32(7n | (Y << 32n))),
      rdx: ((1n << 32n) | low32(Y)) % 7n,
    },
  },
  {
    name: 'cqo; idiv rsi',
    code: '489948f7fe',
    before: { rax: BigInt.asUintN(64, -7n), rsi: 2n },
    after: { rax: BigInt.asUintN(64, -3n), rdx: ONES },
  },
  {
    name: 'cdq; idiv r14d',
    code: '9941f7fe',
    before: { rax: 7n, r14: low32(-2n) },
    after: { rax: low32(-3n), rdx: 1n },
  },
  { name: 'cqo of a positive number', code: '4899', before: { rax: 1n, rdx: X }, after: { rdx: 0n } },

  // Conditional moves.
  {
    name: 'cmove rdi,r11, taken',
    code: '4d31db85ff490f44fb',
    before: { rdi: 1n << 32n },
    after: { rdi: 0n },
  },
  { name: 'cmove rdi,r11, not taken', code: '4d31db85ff490f44fb', before: { rdi: 5n }, after: { rdi: 5n } },
  {
    name: 'cmove edi,esi clears the upper half even when not taken',
    code: '85ff0f44fe',
    before: { rdi: Y },
    after: { rdi: low32(Y) },
  },
  {
    name: 'setb al',
    code: '4839f70f92c0',
    before: { rdi: 1n, rsi: 2n, rax: X },
    after: { rax: 0x1122334455667701n },
  },

  // Stack.
  { name: 'push and pop', code: '57415d', before: { rdi: X }, after: { r13: X } },
  { name: 'push imm8', code: '6aff58', after: { rax: ONES } },
  { name: 'push imm32', code: '688899aabb58', after: { rax: 0xffffffffbbaa9988n } },
  {
    name: 'push rbp; mov rbp,rsp; push rdi; leave',
    code: '554889e557c9',
    before: { rbp: X, rdi: Y },
    after: { rbp: X },
  },

  // Nothing happens.
  ...[
    ['nop', '90'],
    ['nop2', '6690'],
    ['nop3', '0f1f00'],
    ['nop4', '0f1f4000'],
    ['nop5', '0f1f440000'],
    ['nop6', '660f1f440000'],
    ['nop7', '0f1f8000000000'],
    ['nop8', '0f1f840000000000'],
    ['nop9', '2e0f1f840000000000'],
    ['nop10', '662e0f1f840000000000'],
    ['nop11', '66662e0f1f840000000000'],
    ['endbr64', 'f30f1efa'],
    ['pause', 'f390'],
    ['lfence', '0faee8'],
    ['clear branch history', 'f3480f1ef8'],
    ['poison nop of FineIBT', '660f1f00'],
  ].map(([name, code]) => ({ name, code, before: { rax: X, rdi: Y }, after: { rax: X, rdi: Y } })),
];

let cpu: TestCpu;
before(async () => {
  cpu = await TestCpu.create();
});

describe('instructions', () => {
  for (const { name, code, before: given, after, flags: wanted } of CASES)
    it(name, () => {
      const full = name === 'lea rax,[rip+1]' ? {} : given;
      const registers = cpu.registersAfter(code, full);
      for (const [register, value] of Object.entries(after))
        assert.equal(registers[WORD[register as RegisterName]], value, register);
      if (wanted) assert.equal(registers[WORD.flags] & wanted.of, wanted.set, 'flags');
    });
});

/** Conditions by opcode, with the operands for which cmp rdi,rsi makes each hold and fail. */
const BIG = 1n << 63n;
const CONDITIONS: readonly (readonly [
  string,
  number,
  readonly [bigint, bigint],
  readonly [bigint, bigint],
])[] = [
  ['jo', 0x0, [BIG, 1n], [1n, 1n]],
  ['jno', 0x1, [1n, 1n], [BIG, 1n]],
  ['jb', 0x2, [1n, BIG], [BIG, 1n]],
  ['jae', 0x3, [BIG, 1n], [1n, BIG]],
  ['je', 0x4, [3n, 3n], [3n, 4n]],
  ['jne', 0x5, [3n, 4n], [3n, 3n]],
  ['jbe', 0x6, [3n, 3n], [BIG, 3n]],
  ['ja', 0x7, [BIG, 3n], [3n, 3n]],
  ['js', 0x8, [1n, 2n], [2n, 1n]],
  ['jns', 0x9, [2n, 1n], [1n, 2n]],
  ['jp', 0xa, [3n, 0n], [1n, 0n]],
  ['jnp', 0xb, [1n, 0n], [3n, 0n]],
  ['jl', 0xc, [BIG, 1n], [1n, BIG]],
  ['jge', 0xd, [1n, BIG], [BIG, 1n]],
  ['jle', 0xe, [3n, 3n], [4n, 3n]],
  ['jg', 0xf, [1n, BIG], [BIG, 1n]],
];

/** Taken jumps go over mov ebx,1. The flags are dead behind it (fused) or read by setcc (not fused). */
describe('conditional jumps', () => {
  const tails = [
    ['fused', '31c0'],
    ['flags read behind', '0f92c0'],
  ];
  for (const [name, cc, holds, fails] of CONDITIONS)
    for (const [kind, tail] of tails)
      for (const [form, jump] of [
        ['rel8', `${(0x70 | cc).toString(16)}05`],
        ['rel32', `0f${(0x80 | cc).toString(16)}05000000`],
      ])
        for (const [rdi, rsi, taken] of [
          [...holds, true],
          [...fails, false],
        ] as const)
          it(`${name} ${form} ${taken ? 'taken' : 'not taken'}, ${kind}`, () => {
            const registers = cpu.registersAfter(`4839f7${jump}bb01000000${tail}`, { rdi, rsi, rbx: 0n });
            assert.equal(registers[WORD.rbx], taken ? 0n : 1n);
            if (kind !== 'fused') assert.equal(registers[WORD.rax] & 1n, rdi < rsi ? 1n : 0n, 'setb');
          });
});

describe('compare and jump in one, every operand form', () => {
  const FORMS: readonly (readonly [string, string, bigint, bigint])[] = [
    ['cmp rdi,rsi', '4839f7', 1n << 32n, 1n],
    ['cmp edi,esi', '39f7', (1n << 32n) | 1n, (5n << 32n) | 1n],
    ['cmp rdi,1', '4883ff01', 1n << 32n, 1n],
    ['cmp edi,1', '83ff01', (1n << 32n) | 1n, 1n],
    ['test rdi,rsi', '4885f7', 1n << 32n, 1n << 32n],
    ['test edi,esi', '85f7', 1n << 32n, 1n << 32n],
    ['test rdi,imm', '48f7c701000000', 2n, 0n],
    ['test edi,imm', 'f7c701000000', 3n, 0n],
    ['test rdi,rdi', '4885ff', 1n << 32n, 0n],
    ['test edi,edi', '85ff', 1n << 32n, 0n],
  ];
  const equal: Record<string, boolean> = {
    'cmp rdi,rsi': false,
    'cmp edi,esi': true,
    'cmp rdi,1': false,
    'cmp edi,1': true,
    'test rdi,rsi': false,
    'test edi,esi': true,
    'test rdi,imm': true,
    'test edi,imm': false,
    'test rdi,rdi': false,
    'test edi,edi': true,
  };
  for (const [name, code, rdi, rsi] of FORMS)
    for (const [jump, negated] of [
      ['74', false],
      ['75', true],
    ] as const)
      it(`${name}; ${negated ? 'jne' : 'je'}`, () => {
        const registers = cpu.registersAfter(`${code}${jump}05bb0100000031c0`, { rdi, rsi, rbx: 0n });
        assert.equal(registers[WORD.rbx], equal[name] !== negated ? 0n : 1n);
      });
});
