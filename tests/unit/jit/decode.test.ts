import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Code, Decoder, DecoderOptions, type Instruction, Mnemonic, Register } from 'iced-x86';
import { ptRegsOffset } from '../../../host/kallsyms/pt-regs.js';
import type { Core } from '../../../host/core/core.js';
import { compile } from '../../../host/jit/compile.js';
import type { JitImage } from '../../../host/jit/jit-image.js';
import type { JitKnobs } from '../../../host/profiles/profile.js';
import { profile } from '../../../host/profiles/profiles.js';
import { FakeImages, jitInput, loadCore } from '../../support/jit.js';

// A second opinion: what the JIT emitted is read back by iced-x86 and must mean what was lowered.

interface Insn {
  readonly op: number;
  readonly dst?: number;
  readonly src?: number;
  readonly off?: number;
  readonly imm?: number;
}

/** x86 registers of R0 to R9 and FP, by width. */
const NAMES = {
  64: 'RAX RDI RSI RDX RCX R8 RBX R13 R14 R15 RBP'.split(' '),
  32: 'EAX EDI ESI EDX ECX R8D EBX R13D R14D R15D EBP'.split(' '),
  16: 'AX DI SI DX CX R8W BX R13W R14W R15W BP'.split(' '),
  8: 'AL DIL SIL DL CL R8L BL R13L R14L R15L BPL'.split(' '),
} as const;
type Width = keyof typeof NAMES;
const WIDTHS: readonly Width[] = [32, 16, 8, 64];

const register = (bpf: number, width: Width): Register =>
  Register[NAMES[width][bpf] as keyof typeof Register] as unknown as Register;

const REGISTERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const WITH_FRAME = [...REGISTERS, 10];
const OFFSETS = [0, 1, -1, 127, 128, -128, -129, 32767, -32768];
const IMMEDIATES = [0, 1, -1, 5, 127, 128, -128, -129, 0x7fffffff, -0x80000000];

let core: Core;

before(async () => {
  core = await loadCore();
});

function encode(insns: readonly Insn[]): Uint8Array {
  const bytes = new Uint8Array(insns.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [slot, { op, dst = 0, src = 0, off = 0, imm = 0 }] of insns.entries()) {
    view.setUint8(slot * 8, op);
    view.setUint8(slot * 8 + 1, dst | (src << 4));
    view.setInt16(slot * 8 + 2, off, true);
    view.setInt32(slot * 8 + 4, imm, true);
  }
  return bytes;
}

const EXIT: Insn = { op: 0x95 };

function compileAll(insns: readonly Insn[], knobs: Partial<JitKnobs> = {}, kernel = 'linux-6.12'): JitImage {
  const input = jitInput(encode([...insns, EXIT]), { arenaKernel: 0xffffc90000000000n });
  return compile(
    core,
    { ...profile(kernel).jit, ...knobs },
    [input],
    new FakeImages([0xffffffffc0001008n]),
  )[0];
}

/** Decodes each slot; a slot must be whole instructions, all valid. */
function decodeSlots(image: JitImage, check: (slot: number, insns: readonly Instruction[]) => void): void {
  for (let slot = 0; slot < image.offsets.length - 1; slot++) {
    const bytes = image.code.subarray(image.offsets[slot], image.offsets[slot + 1]);
    const decoder = new Decoder(64, bytes, DecoderOptions.None);
    decoder.ip = image.address + BigInt(image.offsets[slot]);
    const insns: Instruction[] = [];
    while (decoder.canDecode) {
      const insn = decoder.decode();
      assert.notEqual(insn.code, Code.INVALID, `slot ${slot}: ${Buffer.from(bytes).toString('hex')}`);
      insns.push(insn);
    }
    try {
      check(slot, insns);
    } finally {
      for (const insn of insns) insn.free();
      decoder.free();
    }
  }
}

/** Compiles all, and has the one x86 instruction of each slot checked. */
function each(insns: readonly Insn[], check: (given: Insn, x86: Instruction) => void): void {
  decodeSlots(compileAll(insns), (slot, x86) => {
    if (slot === insns.length) return;
    assert.equal(x86.length, 1);
    check(insns[slot], x86[0]);
  });
}

const product = (
  ops: readonly number[],
  second: (dst: number) => readonly Omit<Insn, 'op' | 'dst'>[],
): Insn[] =>
  ops.flatMap((op) => REGISTERS.flatMap((dst) => second(dst).map((rest) => ({ op, dst, ...rest }))));

const ALU: Readonly<Record<number, Mnemonic>> = {
  0x00: Mnemonic.Add,
  0x10: Mnemonic.Sub,
  0x40: Mnemonic.Or,
  0x50: Mnemonic.And,
  0xa0: Mnemonic.Xor,
};

describe('arithmetic', () => {
  const opcodes = (bits: number): number[] =>
    Object.keys(ALU).flatMap((op) => [Number(op) | 4 | bits, Number(op) | 7 | bits]);
  const width = (op: number): Width => ((op & 7) === 7 ? 64 : 32);

  it('register forms', () => {
    each(
      product(opcodes(8), () => WITH_FRAME.map((src) => ({ src }))),
      ({ op, dst = 0, src = 0 }, x86) => {
        assert.equal(x86.mnemonic, ALU[op & 0xf0]);
        assert.equal(x86.op0Register, register(dst, width(op)));
        assert.equal(x86.op1Register, register(src, width(op)));
      },
    );
  });

  it('immediate forms', () => {
    each(
      product(opcodes(0), () => IMMEDIATES.map((imm) => ({ imm }))),
      ({ op, dst = 0, imm = 0 }, x86) => {
        assert.equal(x86.mnemonic, ALU[op & 0xf0]);
        assert.equal(x86.op0Register, register(dst, width(op)));
        const value = BigInt.asIntN(width(op), x86.immediate(1));
        assert.equal(value, BigInt(imm));
      },
    );
  });

  it('multiplication, negation, constant shifts', () => {
    each(
      product([0x2c, 0x2f], () => REGISTERS.map((src) => ({ src }))),
      ({ op, dst = 0, src = 0 }, x86) => {
        assert.equal(x86.mnemonic, Mnemonic.Imul);
        assert.equal(x86.op0Register, register(dst, width(op)));
        assert.equal(x86.op1Register, register(src, width(op)));
      },
    );
    each(
      product([0x24, 0x27], () => IMMEDIATES.map((imm) => ({ imm }))),
      ({ op, dst = 0, imm = 0 }, x86) => {
        assert.equal(x86.mnemonic, Mnemonic.Imul);
        assert.equal(x86.op1Register, register(dst, width(op)));
        assert.equal(BigInt.asIntN(width(op), x86.immediate(2)), BigInt(imm));
      },
    );
    each(
      product([0x84, 0x87], () => [{}]),
      ({ op, dst = 0 }, x86) => {
        assert.equal(x86.mnemonic, Mnemonic.Neg);
        assert.equal(x86.op0Register, register(dst, width(op)));
      },
    );
    const shifts: Readonly<Record<number, Mnemonic>> = {
      0x60: Mnemonic.Shl,
      0x70: Mnemonic.Shr,
      0xc0: Mnemonic.Sar,
    };
    each(
      product([0x64, 0x67, 0x74, 0x77, 0xc4, 0xc7], () => [0, 1, 2, 31].map((imm) => ({ imm }))),
      ({ op, dst = 0, imm = 0 }, x86) => {
        assert.equal(x86.mnemonic, shifts[op & 0xf0]);
        assert.equal(x86.op0Register, register(dst, width(op)));
        assert.equal(x86.immediate(1), BigInt(imm));
      },
    );
  });

  it('variable shifts with BMI2 name all three registers', () => {
    const shifts: Readonly<Record<number, Mnemonic>> = {
      0x60: Mnemonic.Shlx,
      0x70: Mnemonic.Shrx,
      0xc0: Mnemonic.Sarx,
    };
    const sources = REGISTERS.filter((src) => src !== 4);
    each(
      product([0x6c, 0x6f, 0x7c, 0x7f, 0xcc, 0xcf], () => sources.map((src) => ({ src }))),
      ({ op, dst = 0, src = 0 }, x86) => {
        assert.equal(x86.mnemonic, shifts[op & 0xf0]);
        assert.equal(x86.op0Register, register(dst, width(op)));
        assert.equal(x86.op1Register, register(dst, width(op)));
        assert.equal(x86.op2Register, register(src, width(op)));
      },
    );
  });

  it('sign-extending moves', () => {
    const forms = [
      [0xbf, 8, Mnemonic.Movsx],
      [0xbf, 16, Mnemonic.Movsx],
      [0xbf, 32, Mnemonic.Movsxd],
      [0xbc, 8, Mnemonic.Movsx],
      [0xbc, 16, Mnemonic.Movsx],
    ] as const;
    for (const [op, off, mnemonic] of forms)
      each(
        product([op], () => REGISTERS.map((src) => ({ src, off }))),
        ({ dst = 0, src = 0 }, x86) => {
          assert.equal(x86.mnemonic, mnemonic);
          assert.equal(x86.op0Register, register(dst, width(op)));
          assert.equal(x86.op1Register, register(src, off));
        },
      );
  });
});

describe('sequences', () => {
  const divisions = product([0x34, 0x37, 0x94, 0x97], () => [{ imm: 7 }]).concat(
    product([0x3c, 0x3f, 0x9c, 0x9f], () => REGISTERS.flatMap((src) => [0, 1].map((off) => ({ src, off })))),
  );
  const shifts = product([0x6c, 0x6f, 0x7c, 0x7f, 0xcc, 0xcf], () => REGISTERS.map((src) => ({ src })));
  const products = product([0x2c, 0x2f], () => REGISTERS.map((src) => ({ src })));
  const swaps = product([0xd4, 0xdc], () => [16, 32, 64].map((imm) => ({ imm })));

  for (const kernel of ['linux-6.12', 'linux-6.1', 'linux-5.5']) {
    it(`${kernel}: push and pop are balanced, results go to the destination alone`, () => {
      const insns = [...divisions, ...shifts, ...products, ...swaps];
      decodeSlots(compileAll(insns, { bmi2: false }, kernel), (slot, x86) => {
        if (slot === insns.length) return;
        const stack: Register[] = [];
        for (const { mnemonic, op0Register } of x86) {
          if (mnemonic === Mnemonic.Push) stack.push(op0Register);
          if (mnemonic === Mnemonic.Pop) assert.equal(op0Register, stack.pop());
        }
        assert.deepEqual(stack, []);
      });
    });
  }

  const jumps = ['plain', 'retpoline', 'retpoline-lfence', 'its'] as const;
  for (const indirect of jumps) {
    it(`a tail call's checks lead to its end, indirect jump: ${indirect}`, () => {
      const thunk = 0xffffffff81ca3040n;
      const image = compileAll([{ op: 0xf5 }], { indirect, indirectThunkRcx: thunk });
      decodeSlots(image, (slot, x86) => {
        if (slot !== 0) return;
        const end = image.address + BigInt(image.offsets[1]);
        const checks = x86.filter(({ mnemonic }) =>
          [Mnemonic.Jbe, Mnemonic.Jae, Mnemonic.Je].includes(mnemonic),
        );
        assert.equal(checks.length, 3);
        for (const { nearBranchTarget } of checks) assert.equal(nearBranchTarget, end);
        const jump = x86.find(({ mnemonic }) => mnemonic === Mnemonic.Jmp);
        if (indirect === 'retpoline' || indirect === 'its') assert.equal(jump?.nearBranchTarget, thunk);
        else assert.equal(jump?.op0Register, Register.RCX);
      });
    });
  }
});

describe('memory', () => {
  const size = (op: number): Width => WIDTHS[(op & 0x18) >> 3];

  it('loads', () => {
    const wide: Readonly<Record<number, Width>> = { 8: 64, 16: 64, 32: 32, 64: 64 };
    const all = product([0x61, 0x69, 0x71, 0x79], () =>
      WITH_FRAME.flatMap((src) => OFFSETS.map((off) => ({ src, off }))),
    );
    each(all, ({ op, dst = 0, src = 0, off = 0 }, x86) => {
      const width = size(op);
      assert.equal(x86.mnemonic, width < 32 ? Mnemonic.Movzx : Mnemonic.Mov);
      assert.equal(x86.op0Register, register(dst, wide[width]));
      assert.equal(x86.memoryBase, register(src, 64));
      assert.equal(x86.memoryIndex, Register.None);
      assert.equal(BigInt.asIntN(64, x86.memoryDisplacement), BigInt(off));
    });
  });

  it('sign-extending loads', () => {
    const all = product([0x81, 0x89, 0x91], () =>
      WITH_FRAME.flatMap((src) => OFFSETS.map((off) => ({ src, off }))),
    );
    each(all, ({ op, dst = 0, src = 0, off = 0 }, x86) => {
      assert.equal(x86.mnemonic, size(op) === 32 ? Mnemonic.Movsxd : Mnemonic.Movsx);
      assert.equal(x86.op0Register, register(dst, 64));
      assert.equal(x86.memoryBase, register(src, 64));
      assert.equal(BigInt.asIntN(64, x86.memoryDisplacement), BigInt(off));
    });
  });

  it('stores', () => {
    const all = product([0x63, 0x6b, 0x73, 0x7b], () =>
      WITH_FRAME.flatMap((src) => OFFSETS.map((off) => ({ src, off }))),
    );
    each(all, ({ op, dst = 0, src = 0, off = 0 }, x86) => {
      assert.equal(x86.mnemonic, Mnemonic.Mov);
      assert.equal(x86.memoryBase, register(dst, 64));
      assert.equal(x86.op1Register, register(src, size(op)));
      assert.equal(BigInt.asIntN(64, x86.memoryDisplacement), BigInt(off));
    });
    const constants = product([0x62, 0x6a, 0x72, 0x7a], () => IMMEDIATES.map((imm) => ({ imm, off: -8 })));
    each(constants, ({ op, dst = 0, imm = 0 }, x86) => {
      assert.equal(x86.mnemonic, Mnemonic.Mov);
      assert.equal(x86.memoryBase, register(dst, 64));
      const width = size(op);
      assert.equal(BigInt.asIntN(width, x86.immediate(1)), BigInt.asIntN(width, BigInt(imm)));
    });
  });

  it('arena accesses add r12', () => {
    const all = product([0xa1, 0xa9, 0xb1, 0xb9, 0xa3, 0xab, 0xb3, 0xbb, 0xe3, 0xfb], () =>
      REGISTERS.flatMap((src) => OFFSETS.map((off) => ({ src, off }))),
    );
    each(all, ({ op, dst = 0, src = 0, off = 0 }, x86) => {
      const load = (op & 7) === 1;
      assert.equal(x86.memoryBase, register(load ? src : dst, 64));
      assert.equal(x86.memoryIndex, Register.R12);
      assert.equal(x86.memoryIndexScale, 1);
      assert.equal(BigInt.asIntN(64, x86.memoryDisplacement), BigInt(off));
      assert.equal(x86.hasLockPrefix, (op & 0xe0) === 0xe0);
    });
  });

  it('atomics', () => {
    const operations = [
      [0x00, Mnemonic.Add],
      [0x40, Mnemonic.Or],
      [0x50, Mnemonic.And],
      [0xa0, Mnemonic.Xor],
      [0x01, Mnemonic.Xadd],
      [0xe1, Mnemonic.Xchg],
      [0xf1, Mnemonic.Cmpxchg],
    ] as const;
    for (const [imm, mnemonic] of operations)
      each(
        product([0xc3, 0xdb], () => REGISTERS.map((src) => ({ src, off: -16, imm }))),
        ({ op, dst = 0, src = 0 }, x86) => {
          assert.equal(x86.mnemonic, mnemonic);
          assert.ok(x86.hasLockPrefix);
          assert.equal(x86.memoryBase, register(dst, 64));
          assert.equal(x86.op1Register, register(src, size(op)));
        },
      );
  });

  it('fetching and, or, xor loop back to their load', () => {
    const insns = [0x41, 0x51, 0xa1].flatMap((imm) =>
      product([0xc3, 0xdb], () => REGISTERS.map((src) => ({ src, off: 8, imm }))),
    );
    const image = compileAll(insns);
    decodeSlots(image, (slot, x86) => {
      if (slot === insns.length) return;
      const jump = x86.find(({ mnemonic }) => mnemonic === Mnemonic.Jne);
      assert.equal(jump?.nearBranchTarget, x86[1].ip);
      assert.ok(x86.some(({ mnemonic, hasLockPrefix }) => mnemonic === Mnemonic.Cmpxchg && hasLockPrefix));
    });
  });
});

describe('branches', () => {
  const CONDITIONS: Readonly<Record<number, Mnemonic>> = {
    0x10: Mnemonic.Je,
    0x20: Mnemonic.Ja,
    0x30: Mnemonic.Jae,
    0x40: Mnemonic.Jne,
    0x50: Mnemonic.Jne,
    0x60: Mnemonic.Jg,
    0x70: Mnemonic.Jge,
    0xa0: Mnemonic.Jb,
    0xb0: Mnemonic.Jbe,
    0xc0: Mnemonic.Jl,
    0xd0: Mnemonic.Jle,
  };

  it('lead to the slot that is meant, near and far, forward and backward', () => {
    const ops = Object.keys(CONDITIONS).flatMap((op) =>
      [5, 6].flatMap((klass) => [0, 8].map((x) => Number(op) | klass | x)),
    );
    const insns: Insn[] = ops.flatMap((op, i) => [
      {
        op,
        dst: i % 10,
        src: (i * 3) % 10,
        imm: IMMEDIATES[i % IMMEDIATES.length],
        off: ((i * 37) % 200) - Math.min(i * 3, 100),
      },
      { op: 0xb7, dst: 1, imm: i },
      { op: 0x05, off: i % 2 === 0 ? 2 : -Math.min(i, 90) },
    ]);
    const count = insns.length;
    const clamped = insns.map((insn, slot) => {
      const target = Math.min(slot + 1 + (insn.off ?? 0), count);
      return insn.op === 0xb7 ? insn : { ...insn, off: Math.max(target, 0) - slot - 1 };
    });
    const image = compileAll(clamped);
    decodeSlots(image, (slot, x86) => {
      const insn = clamped[slot];
      if (insn === undefined || insn.op === 0xb7) return;
      const target = image.address + BigInt(image.offsets[slot + 1 + (insn.off ?? 0)]);
      if (x86.length === 0) assert.equal(insn.off, 0);
      else
        assert.equal(
          x86[x86.length - 1].nearBranchTarget,
          insn.off === -1 && insn.op === 5 ? x86[0].ip : target,
        );
      if (insn.op === 0x05) return;
      assert.equal(x86[x86.length - 1].mnemonic, CONDITIONS[insn.op & 0xf0]);
      assert.ok([Mnemonic.Cmp, Mnemonic.Test].includes(x86[0].mnemonic));
    });
  });

  it('a later exit jumps to the first one', () => {
    const image = compileAll([EXIT, { op: 0xb7, dst: 0, imm: 1 }, EXIT]);
    decodeSlots(image, (slot, x86) => {
      if (slot === 2 || slot === 3)
        assert.equal(x86[0].nearBranchTarget, image.address + BigInt(image.offsets[0]));
    });
  });
});

describe('loads that may fault', () => {
  const KERNELS = ['linux-6.12', 'linux-6.1', 'linux-5.5'];
  for (const kernel of KERNELS) {
    it(`${kernel}: the entry is the load, the guard clears the register and jumps over it`, () => {
      const insns = product([0x21, 0x29, 0x31, 0x39], () =>
        REGISTERS.flatMap((src) => OFFSETS.map((off) => ({ src, off }))),
      );
      const input = jitInput(encode([...insns, EXIT]));
      const [image] = compile(core, profile(kernel).jit, [input], new FakeImages([0xffffffffc0001008n]));
      assert.equal(image.entries.length, insns.length);
      decodeSlots(image, (slot, x86) => {
        if (slot === insns.length) return;
        const { dst = 0, src = 0, off = 0 } = insns[slot];
        const load = x86[x86.length - 1];
        const entry = image.entries[slot];
        assert.equal(load.memoryBase, register(src, 64));
        assert.equal(BigInt.asIntN(64, load.memoryDisplacement), BigInt(off));
        assert.equal(BigInt(entry.ipOffset) + image.address, load.ip);
        assert.equal(entry.length, load.length);
        const view = new DataView(image.extable.buffer, image.extable.byteOffset);
        const fixup = view.getUint32(slot * 12 + 4, true);
        assert.equal(fixup >>> 8, ptRegsOffset(NAMES[64][dst].toLowerCase()));
        if (kernel === 'linux-5.5') {
          assert.equal(x86.length, 1);
          assert.equal(entry.guard, null);
          return;
        }
        const [clear, jump] = x86.slice(-3, -1);
        assert.equal(clear.mnemonic, Mnemonic.Xor);
        assert.equal(clear.op0Register, register(dst, 32));
        assert.equal(clear.ip, image.address + BigInt(entry.guard!));
        assert.equal(jump.nearBranchTarget, load.nextIP);
        const taken = x86.filter(({ mnemonic }) => mnemonic === Mnemonic.Ja || mnemonic === Mnemonic.Jae);
        assert.equal(taken.at(-1)?.nearBranchTarget, load.ip);
      });
    });
  }
});
