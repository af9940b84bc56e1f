import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { type RegisterName, type Registers, TestCpu, WORD, ZF } from '../../support/cpu.js';

const X = 0x1122334455667788n;
const Y = 0xfedcba9876543210n;
const ONES = (1n << 64n) - 1n;
const low32 = (value: bigint): bigint => BigInt.asUintN(32, value);

/** Memory at 16 bytes into the data page before and after; rdi, r12 and the stack point there as the case says. */
interface Case {
  readonly name: string;
  readonly code: string;
  readonly before?: Registers;
  readonly memory: bigint;
  readonly after?: Registers;
  readonly memoryAfter?: bigint;
  readonly zero?: boolean;
}

const CASES: readonly Case[] = [
  // Loads; [rdi] is the operand.
  { name: 'movzx rax,byte', code: '480fb64700', memory: Y, before: { rax: X }, after: { rax: 0x10n } },
  { name: 'movzx rax,word', code: '480fb74700', memory: Y, before: { rax: X }, after: { rax: 0x3210n } },
  { name: 'mov eax', code: '8b4700', memory: Y, before: { rax: X }, after: { rax: low32(Y) } },
  { name: 'mov rax', code: '488b4700', memory: Y, after: { rax: Y } },
  { name: 'mov rax, disp32', code: '488b8700000000', memory: Y, after: { rax: Y } },
  { name: 'movsx rax,byte', code: '480fbe4700', memory: 0x80n, after: { rax: ONES - 127n } },
  { name: 'movsx rax,word', code: '480fbf4700', memory: 0x8000n, after: { rax: ONES - 0x7fffn } },
  { name: 'movsxd rax', code: '48634700', memory: 0x80000000n, after: { rax: ONES - 0x7fffffffn } },
  {
    name: 'movsx eax,byte',
    code: '0fbe4700',
    memory: 0x80n,
    before: { rax: X },
    after: { rax: 0xffffff80n },
  },
  {
    name: 'mov al leaves the rest',
    code: '8a4700',
    memory: Y,
    before: { rax: X },
    after: { rax: 0x1122334455667710n },
  },
  {
    name: 'mov ax leaves the rest',
    code: '668b4700',
    memory: Y,
    before: { rax: X },
    after: { rax: 0x1122334455663210n },
  },
  { name: 'no displacement', code: '488b07', memory: Y, after: { rax: Y } },
  { name: 'scaled index', code: '488b04cf', memory: Y, before: { rcx: 0n }, after: { rax: Y } },
  // Stores.
  { name: 'mov byte from dil', code: '40887f00', memory: 0n, memoryAfter: -1n },
  {
    name: 'mov byte from al',
    code: '884700',
    memory: Y,
    before: { rax: X },
    memoryAfter: 0xfedcba9876543288n,
  },
  {
    name: 'mov byte from ah',
    code: '886700',
    memory: Y,
    before: { rax: X },
    memoryAfter: 0xfedcba9876543277n,
  },
  { name: 'mov word', code: '6644894700', memory: Y, before: { r8: X }, memoryAfter: 0xfedcba9876547788n },
  { name: 'mov dword', code: '897700', memory: Y, before: { rsi: X }, memoryAfter: 0xfedcba9855667788n },
  { name: 'mov qword', code: '48897700', memory: Y, before: { rsi: X }, memoryAfter: X },
  { name: 'mov byte imm', code: 'c6470005', memory: Y, memoryAfter: 0xfedcba9876543205n },
  { name: 'mov word imm', code: '66c747003412', memory: Y, memoryAfter: 0xfedcba9876541234n },
  { name: 'mov dword imm', code: 'c74700ffffffff', memory: 0n, memoryAfter: 0xffffffffn },
  { name: 'mov qword imm is sign-extended', code: '48c74700feffffff', memory: 0n, memoryAfter: ONES - 1n },
  // Arena forms: base + r12, here with r12 = 0.
  { name: 'movzx edi,byte [rdi+r12]', code: '420fb67c2700', memory: Y, after: { rdi: 0x10n } },
  { name: 'movzx eax,word [rdi+r12]', code: '420fb7442700', memory: Y, after: { rax: 0x3210n } },
  { name: 'mov eax,[rdi+r12]', code: '428b442700', memory: Y, after: { rax: low32(Y) } },
  { name: 'mov rax,[rdi+r12]', code: '4a8b442700', memory: Y, after: { rax: Y } },
  { name: 'mov byte [rdi+r12],al', code: '4288442700', memory: 0n, before: { rax: X }, memoryAfter: 0x88n },
  {
    name: 'mov word [rdi+r12],si',
    code: '664289742700',
    memory: 0n,
    before: { rsi: X },
    memoryAfter: 0x7788n,
  },
  {
    name: 'mov dword [rdi+r12],esi',
    code: '4289742700',
    memory: 0n,
    before: { rsi: X },
    memoryAfter: 0x55667788n,
  },
  { name: 'mov qword [rdi+r12],rsi', code: '4a89742700', memory: 0n, before: { rsi: X }, memoryAfter: X },
  { name: 'mov byte [rdi+r12],imm', code: '42c644270009', memory: 0n, memoryAfter: 9n },
  { name: 'mov dword [rdi+r12],imm', code: '42c744270009000000', memory: 0n, memoryAfter: 9n },
  // Read-modify-write.
  { name: 'add qword,imm8', code: '48834700ff', memory: 5n, memoryAfter: 4n },
  {
    name: 'lock add dword',
    code: 'f0017700',
    memory: 0x1_ffffffffn,
    before: { rsi: 2n },
    memoryAfter: 0x1_00000001n,
  },
  {
    name: 'lock add qword',
    code: 'f048017700',
    memory: Y,
    before: { rsi: X },
    memoryAfter: BigInt.asUintN(64, X + Y),
  },
  { name: 'lock or', code: 'f048097700', memory: Y, before: { rsi: X }, memoryAfter: X | Y },
  { name: 'lock and', code: 'f048217700', memory: Y, before: { rsi: X }, memoryAfter: X & Y },
  { name: 'lock xor', code: 'f048317700', memory: Y, before: { rsi: X }, memoryAfter: X ^ Y },
  {
    name: 'lock xadd qword',
    code: 'f0480fc17700',
    memory: Y,
    before: { rsi: X },
    after: { rsi: Y },
    memoryAfter: BigInt.asUintN(64, X + Y),
  },
  {
    name: 'lock xadd dword clears the upper half',
    code: 'f00fc17700',
    memory: 1n,
    before: { rsi: Y },
    after: { rsi: 1n },
    memoryAfter: low32(Y) + 1n,
  },
  {
    name: 'xchg qword',
    code: 'f048877700',
    memory: Y,
    before: { rsi: X },
    after: { rsi: Y },
    memoryAfter: X,
  },
  {
    name: 'xchg dword',
    code: '877700',
    memory: Y,
    before: { rsi: X },
    after: { rsi: low32(Y) },
    memoryAfter: (Y & ~0xffffffffn) | low32(X),
  },
  {
    name: 'cmpxchg, equal',
    code: 'f0480fb17700',
    memory: Y,
    before: { rax: Y, rsi: X },
    after: { rax: Y },
    memoryAfter: X,
    zero: true,
  },
  {
    name: 'cmpxchg, different',
    code: 'f0480fb17700',
    memory: Y,
    before: { rax: X, rsi: X },
    after: { rax: Y },
    memoryAfter: Y,
    zero: false,
  },
  {
    name: 'cmpxchg dword, equal, leaves rax alone',
    code: 'f00fb17700',
    memory: 7n,
    before: { rax: (5n << 32n) | 7n, rsi: X },
    after: { rax: (5n << 32n) | 7n },
    memoryAfter: low32(X),
    zero: true,
  },
  {
    name: 'cmpxchg dword, different, clears the upper half of rax',
    code: 'f00fb17700',
    memory: 8n,
    before: { rax: (5n << 32n) | 7n, rsi: X },
    after: { rax: 8n },
    memoryAfter: 8n,
    zero: false,
  },
  { name: 'cmp [m],edx', code: '395700', memory: 3n, before: { rdx: 3n }, memoryAfter: 3n, zero: true },
  { name: 'cmp qword [m],imm8', code: '48837f0021', memory: 33n, memoryAfter: 33n, zero: true },
  {
    name: 'add rsi,[m]',
    code: '48037700',
    memory: Y,
    before: { rsi: X },
    after: { rsi: BigInt.asUintN(64, X + Y) },
  },
  { name: 'imul rsi,[m]', code: '480faf7700', memory: 3n, before: { rsi: 5n }, after: { rsi: 15n } },
  { name: 'neg qword', code: '48f75f00', memory: 1n, memoryAfter: ONES },
  {
    name: 'sar qword,5',
    code: '48c17f0005',
    memory: Y,
    memoryAfter: BigInt.asUintN(64, BigInt.asIntN(64, Y) >> 5n),
  },
];

let cpu: TestCpu;
before(async () => {
  cpu = await TestCpu.create();
});

describe('memory operands', () => {
  for (const { name, code, before: given, memory, after, memoryAfter, zero } of CASES)
    it(name, () => {
      const at = cpu.data + 16n;
      cpu.memory.writeUint(at, 8, memory);
      const registers = cpu.registersAfter(code, { r12: 0n, ...given, rdi: at });
      for (const [register, value] of Object.entries(after ?? {}))
        assert.equal(registers[WORD[register as RegisterName]], value, register);
      const want = memoryAfter === -1n ? at & 255n : memoryAfter;
      if (want !== undefined) assert.equal(cpu.memory.readUint(at, 8), want, 'memory');
      if (zero !== undefined) assert.equal((registers[WORD.flags] & ZF) !== 0n, zero, 'ZF');
    });

  it('gs: absolute address, as the per-CPU cast uses it', () => {
    cpu.memory.writeUint(cpu.data + 0x18n, 8, X);
    const registers = cpu.registersAfter('6548033c2518000000', { rdi: 1n }, { gsBase: cpu.data });
    assert.equal(registers[WORD.rdi], X + 1n);
  });

  it('gs: rip-relative, as call depth accounting uses it', () => {
    // sar qword gs:[rip+disp],5 at the start of the code: rip is code + 9.
    const code = 0xffffffffc0000000n;
    cpu.memory.writeUint(cpu.data + 0x20n, 8, Y);
    cpu.registersAfter('6548c13d1700000005', {}, { gsBase: BigInt.asUintN(64, cpu.data - code) });
    assert.equal(cpu.memory.readUint(cpu.data + 0x20n, 8), BigInt.asUintN(64, BigInt.asIntN(64, Y) >> 5n));
  });

  it('an access may cross into a mapped page', () => {
    const pages = cpu.memory.alloc('vmalloc', 8192);
    const at = pages + 4093n;
    const registers = cpu.registersAfter('48897700488b07', { rdi: at, rsi: X });
    assert.equal(registers[WORD.rax], X);
    assert.equal(cpu.memory.readUint(at, 8), X);
  });
});
