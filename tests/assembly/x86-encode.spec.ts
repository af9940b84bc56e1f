import {
  aluImm,
  aluImm32,
  aluRR,
  clear,
  mov32,
  mov64,
  movImm32,
  movImm64,
  nop,
  pop,
  push,
} from '../../assembly/x86/encode';
import { mem, memIndexed, rr } from '../../assembly/x86/modrm';
import {
  ptRegsOffset,
  R10,
  R12,
  R13,
  R14,
  R15,
  R8,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  x86Register,
} from '../../assembly/x86/reg';
import { rexByte, rexIndexed, rexOpt, vex0f38 } from '../../assembly/x86/rex';
import { fits8, put3 } from '../../assembly/x86/sink';

const buffer: usize = memory.data(64);

/** Hex of the bytes from the buffer's start to `end`. */
function hex(end: usize): string {
  let text = '';
  for (let at = buffer; at < end; at++) {
    const byte = load<u8>(at);
    text += (byte >> 4).toString(16) + (byte & 15).toString(16);
  }
  return text;
}

describe('registers', () => {
  it('BPF registers have the numbers of the calling convention', () => {
    const want: u32[] = [RAX, RDI, RSI, RDX, RCX, R8, RBX, R13, R14, R15, RBP, R10];
    for (let bpf = 0; bpf < want.length; bpf++) expect(x86Register(bpf)).toBe(want[bpf]);
  });

  it('lie in pt_regs where the entry code pushes them', () => {
    const order: u32[] = [R15, R14, R13, R12, RBP, RBX, 11, R10, 9, R8, RAX, RCX, RDX, RSI, RDI];
    for (let i = 0; i < order.length; i++) expect(ptRegsOffset(order[i])).toBe(<u32>i * 8);
  });
});

describe('prefixes', () => {
  it('REX holds W and bit 3 of both registers', () => {
    for (let w: u32 = 0; w < 2; w++)
      for (let reg: u32 = 0; reg < 16; reg++)
        for (let rm: u32 = 0; rm < 16; rm++)
          assert(rexByte(w, reg, rm) === 0x40 + w * 8 + (reg >= 8 ? 4 : 0) + (rm >= 8 ? 1 : 0));
  });

  it('REX that says nothing is left out', () => {
    expect(hex(rexOpt(buffer, 0, RDI, RAX))).toBe('');
    expect(hex(rexOpt(buffer, 0, R8, RAX))).toBe('44');
    expect(hex(rexOpt(buffer, 1, RAX, RAX))).toBe('48');
    expect(hex(rexIndexed(buffer, 0, RDI, RSI))).toBe('42');
  });

  it('VEX inverts R, B and vvvv', () => {
    expect(hex(vex0f38(buffer, 1, RDI, RSI, RDI, 1))).toBe('c4e2c9');
    expect(hex(vex0f38(buffer, 0, R13, R14, R13, 3))).toBe('c4420b');
  });
});

describe('operands', () => {
  it('imm8 and disp8 go from -128 to 127', () => {
    expect(fits8(-128)).toBe(true);
    expect(fits8(127)).toBe(true);
    expect(fits8(-129)).toBe(false);
    expect(fits8(128)).toBe(false);
  });

  it('a displacement is always written, and grows at 128', () => {
    expect(hex(mem(buffer, RAX, RDI, 0))).toBe('4700');
    expect(hex(mem(buffer, RAX, RBP, -128))).toBe('4580');
    expect(hex(mem(buffer, R8, R13, 128))).toBe('8580000000');
    expect(hex(mem(buffer, RBX, RBP, -264))).toBe('9df8feffff');
  });

  it('an index of r12 takes a SIB byte', () => {
    expect(hex(memIndexed(buffer, RDI, RSI, 0))).toBe('7c2600');
    expect(hex(memIndexed(buffer, R13, R14, 200))).toBe('ac26c8000000');
  });

  it('register forms keep the low three bits', () => {
    for (let reg: u32 = 0; reg < 16; reg++)
      for (let rm: u32 = 0; rm < 16; rm++) {
        rr(buffer, reg, rm);
        assert(load<u8>(buffer) === <u8>(0xc0 + (reg % 8) * 8 + (rm % 8)));
      }
  });

  it('put3 advances by three', () => {
    expect(hex(put3(buffer, 0x030201))).toBe('010203');
  });
});

describe('instruction forms', () => {
  it('mov of a register to itself: nothing in 64 bit, a zero-extension in 32', () => {
    expect(hex(mov64(buffer, RDI, RDI))).toBe('');
    expect(hex(mov32(buffer, RDI, RDI))).toBe('89ff');
    expect(hex(mov64(buffer, R8, RBX))).toBe('4989d8');
  });

  it('mov of an immediate takes its shortest form', () => {
    expect(hex(movImm32(buffer, true, RDI, -1))).toBe('48c7c7ffffffff');
    expect(hex(movImm32(buffer, false, RDI, -1))).toBe('bfffffffff');
    expect(hex(movImm32(buffer, true, R13, 0))).toBe('4531ed');
    expect(hex(movImm64(buffer, RDI, 0xfffffffffffffffe, true))).toBe('48c7c7feffffff');
    expect(hex(movImm64(buffer, RDI, 0xfffffffffffffffe, false))).toBe('48bffeffffffffffffff');
    expect(hex(movImm64(buffer, RDI, 0xffffffff, true))).toBe('bfffffffff');
    expect(hex(movImm64(buffer, R14, 0x100000000, true))).toBe('49be0000000001000000');
  });

  it('ALU immediates: imm8, the short form of rax, imm32', () => {
    expect(hex(aluImm(buffer, 0x01, 1, RAX, 5))).toBe('4883c005');
    expect(hex(aluImm(buffer, 0x01, 1, RAX, 1000))).toBe('4805e8030000');
    expect(hex(aluImm(buffer, 0x21, 0, R14, 255))).toBe('4181e6ff000000');
    expect(hex(aluImm(buffer, 0x29, 1, RDI, -128))).toBe('4883ef80');
    expect(hex(aluImm32(buffer, 0x29, 1, 4, 16))).toBe('4881ec10000000');
    expect(hex(aluRR(buffer, 0x31, 0, R13, R8))).toBe('4531c5');
    expect(hex(clear(buffer, R13))).toBe('4531ed');
  });

  it('push and pop', () => {
    expect(hex(push(buffer, RBX))).toBe('53');
    expect(hex(pop(buffer, R15))).toBe('415f');
  });

  it('nops have the length asked for', () => {
    for (let length: u32 = 0; length <= 5; length++) expect(nop(buffer, length) - buffer).toBe(length);
  });
});
