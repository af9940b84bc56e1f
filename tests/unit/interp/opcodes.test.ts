import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { GuestMemory } from '../../../host/mm/guest-memory.js';
import type { InterpEngine } from '../../../host/runtime/interpreter.js';
import { modelAlu, modelAtomic, modelJump, modelSwap } from '../../support/bpf-model.js';
import { code, insn, interpMachine, ldImm64 } from '../../support/interp.js';

const VALUES = [
  0n,
  1n,
  2n,
  31n,
  33n,
  63n,
  0x7fn,
  0x80n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x1234567890abcdefn,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffff80000000n,
  0xffffffffffffffffn,
];
const IMMEDIATES = [0, 1, 2, 31, 33, -1, 127, -128, 0x7fffffff, -0x80000000];
const EXIT = insn(0x95);
const gate = (): never => assert.fail('no helper is called');

let engine: InterpEngine;
let memory: GuestMemory;
before(async () => ({ engine, memory } = await interpMachine()));

function result(insns: Uint8Array, args: readonly bigint[] = []): bigint {
  const program = engine.loadRaw(insns);
  const run = engine.run(program, args, { gate });
  engine.unload(program);
  assert.equal(run.oops, null);
  return run.r0;
}

const hex = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16)}`;

describe('ALU operations against the model', () => {
  const OPERATIONS: [string, number, number][] = [
    ['add', 0x00, 0],
    ['sub', 0x10, 0],
    ['mul', 0x20, 0],
    ['div', 0x30, 0],
    ['sdiv', 0x30, 1],
    ['or', 0x40, 0],
    ['and', 0x50, 0],
    ['lsh', 0x60, 0],
    ['rsh', 0x70, 0],
    ['mod', 0x90, 0],
    ['smod', 0x90, 1],
    ['xor', 0xa0, 0],
    ['mov', 0xb0, 0],
    ['arsh', 0xc0, 0],
  ];
  for (const [name, op, off] of OPERATIONS)
    for (const bits of [32, 64] as const)
      it(`${name}${bits}, register and immediate`, () => {
        const klass = bits === 64 ? 7 : 4;
        const byRegister = engine.loadRaw(code(insn(op | 8 | klass, 1, 2, off), insn(0xbf, 0, 1), EXIT));
        for (const a of VALUES)
          for (const b of VALUES) {
            const { r0 } = engine.run(byRegister, [a, b], { gate });
            assert.equal(r0, modelAlu(op, bits, a, b, off), `${hex(a)} ${name} ${hex(b)}`);
          }
        engine.unload(byRegister);
        for (const imm of IMMEDIATES) {
          const program = engine.loadRaw(code(insn(op | klass, 1, 0, off, imm), insn(0xbf, 0, 1), EXIT));
          for (const a of VALUES) {
            const { r0 } = engine.run(program, [a], { gate });
            const b = BigInt.asUintN(64, BigInt(imm));
            assert.equal(r0, modelAlu(op, bits, a, b, off), `${hex(a)} ${name} ${imm}`);
          }
          engine.unload(program);
        }
      });

  for (const bits of [32, 64] as const)
    it(`neg${bits}`, () => {
      for (const a of VALUES)
        assert.equal(
          result(code(insn(bits === 64 ? 0x87 : 0x84, 1), insn(0xbf, 0, 1), EXIT), [a]),
          modelAlu(0x80, bits, a, 0n, 0),
        );
    });

  for (const [klass, bits, width] of [
    [7, 64, 8],
    [7, 64, 16],
    [7, 64, 32],
    [4, 32, 8],
    [4, 32, 16],
  ] as const)
    it(`movsx ${width} to ${bits}`, () => {
      for (const a of VALUES)
        assert.equal(
          result(code(insn(0xb8 | klass, 0, 1, width), EXIT), [a]),
          modelAlu(0xb0, bits, 0n, a, width),
        );
    });

  for (const bits of [16, 32, 64])
    it(`byte order, ${bits} bits`, () => {
      for (const a of VALUES) {
        const swap = (opcode: number): bigint =>
          result(code(insn(opcode, 1, 0, 0, bits), insn(0xbf, 0, 1), EXIT), [a]);
        assert.equal(swap(0xd4), BigInt.asUintN(bits, a), 'to little endian');
        assert.equal(swap(0xdc), modelSwap(a, bits), 'to big endian');
        assert.equal(swap(0xd7), modelSwap(a, bits), 'bswap');
      }
    });

  it('ld_imm64', () => {
    for (const a of VALUES) assert.equal(result(code(ldImm64(0, a), EXIT)), a);
  });
});

describe('jumps against the model', () => {
  for (const op of [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0])
    for (const bits of [32, 64] as const)
      it(`0x${op.toString(16)}, ${bits} bits, register and immediate`, () => {
        const klass = bits === 64 ? 5 : 6;
        const tail = code(insn(0xb7, 0, 0, 0, 1), EXIT, insn(0xb7, 0, 0, 0, 2), EXIT);
        const byRegister = engine.loadRaw(code(insn(op | 8 | klass, 1, 2, 2), tail));
        for (const a of VALUES)
          for (const b of VALUES) {
            const want = modelJump(op, bits, a, b) ? 2n : 1n;
            assert.equal(engine.run(byRegister, [a, b], { gate }).r0, want, `${hex(a)} ${hex(b)}`);
          }
        engine.unload(byRegister);
        for (const imm of IMMEDIATES) {
          const program = engine.loadRaw(code(insn(op | klass, 1, 0, 2, imm), tail));
          for (const a of VALUES) {
            const want = modelJump(op, bits, a, BigInt.asUintN(64, BigInt(imm))) ? 2n : 1n;
            assert.equal(engine.run(program, [a], { gate }).r0, want, `${hex(a)} ${imm}`);
          }
          engine.unload(program);
        }
      });

  it('ja and ja32, forwards and backwards', () => {
    const steps = (opcode: number, wide: boolean): Uint8Array => {
      const jump = (distance: number): Uint8Array =>
        wide ? insn(opcode, 0, 0, 0, distance) : insn(opcode, 0, 0, distance);
      return code(jump(2), insn(0xb7, 0, 0, 0, 7), EXIT, jump(-3));
    };
    assert.equal(result(steps(0x05, false)), 7n);
    assert.equal(result(steps(0x06, true)), 7n);
  });
});

describe('memory operations', () => {
  const LOADS: [string, number, number, boolean][] = [
    ['u8', 0x71, 1, false],
    ['u16', 0x69, 2, false],
    ['u32', 0x61, 4, false],
    ['u64', 0x79, 8, false],
    ['s8', 0x91, 1, true],
    ['s16', 0x89, 2, true],
    ['s32', 0x81, 4, true],
  ];
  const bytes = Uint8Array.from({ length: 64 }, (_, index) => (index * 37 + 129) & 0xff);

  for (const [name, opcode, size, isSigned] of LOADS)
    it(`load ${name} at every alignment, through a pointer and from the frame`, () => {
      const address = memory.alloc('direct', 64);
      memory.write(address, bytes);
      const view = new DataView(bytes.buffer);
      for (let at = 0; at + size <= 24; at++) {
        let want = 0n;
        for (let i = size - 1; i >= 0; i--) want = (want << 8n) | BigInt(view.getUint8(at + i));
        if (isSigned) want = BigInt.asUintN(64, BigInt.asIntN(size * 8, want));
        for (const shift of [0, 40, -40]) {
          const base = address + BigInt(at - shift);
          assert.equal(result(code(insn(opcode, 0, 1, shift), EXIT), [base]), want);
        }
        const copy = Array.from({ length: 24 }, (_, i) => insn(0x72, 10, 0, i - 24, bytes[i]));
        assert.equal(result(code(...copy, insn(opcode, 0, 10, at - 24), EXIT)), want);
      }
      memory.free(address);
    });

  for (const [log, byRegister, byImmediate] of [
    [0, 0x73, 0x72],
    [1, 0x6b, 0x6a],
    [2, 0x63, 0x62],
    [3, 0x7b, 0x7a],
  ])
    it(`store ${1 << log} bytes: register and immediate, neighbours kept`, () => {
      const address = memory.alloc('direct', 32);
      const size = 1 << log;
      for (const value of VALUES) {
        memory.write(address, bytes.subarray(0, 32));
        result(code(insn(byRegister, 1, 2, 5), EXIT), [address, value]);
        const want = bytes.slice(0, 32);
        for (let i = 0; i < size; i++) want[5 + i] = Number((value >> BigInt(8 * i)) & 0xffn);
        assert.deepEqual(memory.read(address, 32), want);
        const back = code(insn(byRegister, 10, 2, -9), insn(0x79, 0, 10, -9), EXIT);
        assert.equal(BigInt.asUintN(size * 8, result(back, [0n, value])), BigInt.asUintN(size * 8, value));
      }
      for (const imm of IMMEDIATES) {
        result(code(insn(byImmediate, 1, 0, 8, imm), EXIT), [address]);
        assert.equal(
          memory.readUint(address + 8n, size as 1 | 2 | 4 | 8),
          BigInt.asUintN(size * 8, BigInt(imm)),
        );
      }
      memory.free(address);
    });

  for (const bits of [32, 64] as const)
    it(`atomics on ${bits} bits against the model`, () => {
      const size = bits / 8;
      const address = memory.alloc('direct', 16);
      for (const imm of [0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1]) {
        const atomic = insn(bits === 64 ? 0xdb : 0xc3, 1, 2, 4, imm);
        const start = insn(0xbf, 0, 3);
        const readR0 = engine.loadRaw(code(start, atomic, EXIT));
        const readSource = engine.loadRaw(code(start, atomic, insn(0xbf, 0, 2), EXIT));
        for (const old of VALUES)
          for (const source of [0n, 1n, 0x80000000n, 0xffffffffn, 0x1234567890abcdefn])
            for (const expected of [old, old ^ 1n]) {
              const before = BigInt.asUintN(bits, old);
              const want = modelAtomic(imm, bits, before, source, expected);
              const args = [address, source, expected];
              memory.writeUint(address + 4n, 8, old);
              const r0 = engine.run(readR0, args, { gate }).r0;
              const inMemory = memory.readUint(address + 4n, 8);
              const upper = (old >> BigInt(bits)) << BigInt(bits);
              assert.equal(inMemory, BigInt.asUintN(64, upper) | want.memory, `${imm} ${size}`);
              memory.writeUint(address + 4n, 8, old);
              const r2 = engine.run(readSource, args, { gate }).r0;
              assert.equal(r0, imm === 0xf1 ? want.fetched : expected, `R0 after ${imm}`);
              assert.equal(r2, imm === 0xf1 ? source : (want.fetched ?? source), `R2 after ${imm}`);
            }
        engine.unload(readR0);
        engine.unload(readSource);
      }
      memory.free(address);
    });

  it('an access outside guest memory is an oops that names the instruction', () => {
    const cases = [
      { address: 0xffff8880f0000000n, kind: 'pf', store: false },
      { address: 0xffff8880f0000000n, kind: 'pf', store: true },
      { address: 0n, kind: 'pf', store: false },
      { address: 0x1234567800000000n, kind: 'gp', store: false },
      { address: 0xfffffffffffffffcn, kind: 'pf', store: false },
    ];
    for (const { address, kind, store } of cases) {
      const access = store ? insn(0x7b, 1, 2) : insn(0x79, 0, 1);
      const program = engine.loadRaw(code(insn(0xb7, 2), access, EXIT));
      const { oops, r0 } = engine.run(program, [address], { gate });
      assert.equal(oops?.kind, kind);
      assert.equal(oops?.ip, 1n);
      assert.equal(oops?.access, store ? 'write' : 'read');
      assert.equal(r0, 0n);
      engine.unload(program);
    }
  });
});

describe('refusals of unverified instructions', () => {
  const cases: [string, Uint8Array][] = [
    ['unknown opcode', code(insn(0xff), EXIT)],
    ['write to R10', code(insn(0xb7, 10), EXIT)],
    ['register 11', code(insn(0xb7, 11), EXIT)],
    ['jump before the program', code(insn(0x05, 0, 0, -2), EXIT)],
    ['jump past the program', code(insn(0x05, 0, 0, 1), EXIT)],
    ['call to no instruction', code(insn(0x85, 0, 1, 0, 5), EXIT)],
    ['half an ld_imm64', insn(0x18)],
    ['unknown atomic', code(insn(0xdb, 1, 2, 0, 0x20), EXIT)],
    ['atomic on a byte', code(insn(0xd3, 1, 2), EXIT)],
  ];
  for (const [name, insns] of cases)
    it(name, () => assert.throws(() => engine.loadRaw(insns), { code: 'USAGE_INSN' }));

  it('stops a program that runs off its end or into half an ld_imm64', () => {
    for (const insns of [insn(0xb7), code(insn(0x05, 0, 0, 1), ldImm64(0, 1n), EXIT)]) {
      const program = engine.loadRaw(insns);
      assert.equal(engine.run(program, [], { gate }).oops?.kind, 'ud');
      engine.unload(program);
    }
  });
});
