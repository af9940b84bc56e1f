import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble } from '../../../host/asm/assembler.js';
import { disassemble } from '../../../host/asm/kernel-dialect.js';
import { Btf } from '../../../host/btf/btf.js';
import { ProgramError } from '../../../host/errors.js';
import { CoreReloKind as Kind } from '../../../host/program/core-kinds.js';
import { CoreRelocator } from '../../../host/program/core-relocation.js';
import { BtfBuilder } from '../../support/btf-builder.js';

const POISON = '(85) call unknown#195896080';

interface Types {
  readonly btf: Btf;
  readonly id: Readonly<Record<string, number>>;
}

/** What the program was compiled against. */
function localTypes(): Types {
  const b = new BtfBuilder();
  const id: Record<string, number> = {};
  id.int = b.int('int', 4, { signed: true });
  id.u32 = b.int('unsigned int', 4);
  id.u64 = b.int('unsigned long', 8);
  id.char = b.int('char', 1, { signed: true });
  const pointer = b.pointer(id.int);
  const point = b.struct('point', 8, [
    ['x', id.int, 0],
    ['y', id.int, 32],
  ]);
  const name = b.array(id.char, 16);
  const points = b.array(point, 4);
  const flexible = b.array(id.int, 0);
  const fields = b.struct('', 8, [
    ['left', id.u32, 0],
    ['right', id.u32, 32],
  ]);
  id.shape = b.struct('shape', 88, [
    ['id', id.u32, 0],
    ['next', pointer, 64],
    ['corner', point, 128],
    ['name', name, 192],
    ['points', points, 320],
    ['', fields, 576],
    ['gone', id.int, 640],
    ['tail', flexible, 672],
  ]);
  id.flavour = b.struct('shape___new', 4, [['added', id.int, 0]]);
  id.bits = b.struct('bits', 8, [
    ['low', id.u32, 0, 3],
    ['moved', id.u32, 3, 5],
    ['wide', id.u64, 8, 33],
    ['sign', id.int, 41, 4],
  ]);
  id.sizes = b.struct('sizes', 24, [
    ['wider', id.u32, 0],
    ['signed', id.int, 32],
    ['pointer', pointer, 64],
    ['far', id.u32, 128],
    ['changed', id.u32, 160],
  ]);
  id.color = b.enum('color', [
    ['RED', 0],
    ['GREEN', 5],
    ['BLACK', 9],
  ]);
  id.big = b.enum64('big', [['HUGE', 1n]]);
  id.absent = b.struct('absent', 4, [['x', id.int, 0]]);
  id.twin = b.struct('twin', 4, [
    ['x', id.int, 0],
    ['y', id.int, 32],
  ]);
  id.myInt = b.modifier(8, id.u32, 'my_int');
  id.callback = b.modifier(8, b.pointer(b.proto(id.int, [['a', id.u32]])), 'callback_t');
  id.strict = b.struct('strict', 8, [
    ['a', id.u32, 0],
    ['p', b.pointer(b.forward('opaque')), 64],
  ]);
  id.loose = b.struct('loose', 8, [['a', id.int, 0]]);
  id.holder = b.struct('holder', 8, [
    ['kind', id.color, 0],
    ['f', b.float('float', 4), 32],
  ]);
  return { btf: Btf.parse(b.bytes()), id };
}

/** The kernel that it is to run on. */
function kernelTypes(): Types {
  const b = new BtfBuilder();
  const id: Record<string, number> = {};
  const int = b.int('int', 4, { signed: true });
  const u32 = b.int('unsigned int', 4);
  const u64 = b.int('unsigned long', 8);
  const char = b.int('char', 1, { signed: true });
  const pointer = b.pointer(int);
  const point = b.struct('point', 16, [
    ['y', int, 0],
    ['x', int, 96],
  ]);
  const name = b.array(char, 16);
  const points = b.array(b.modifier(10, point), 8);
  const flexible = b.array(int, 0);
  const nested = b.struct('', 8, [
    ['right', u32, 0],
    ['left', u32, 32],
  ]);
  const union = b.union('', 8, [
    ['', nested, 0],
    ['both', u64, 0],
  ]);
  id.shape = b.struct('shape', 200, [
    ['pad', u64, 0],
    ['', union, 64],
    ['id', b.modifier(8, u32, 'id_t'), 128],
    ['name', name, 160],
    ['next', b.modifier(9, pointer), 320],
    ['corner', point, 384],
    ['points', points, 512],
    ['added', int, 1536],
    ['tail', flexible, 1568],
  ]);
  id.bits = b.struct('bits', 16, [
    ['pad', u32, 0],
    ['low', u32, 32, 3],
    ['wide', u64, 35, 33],
    ['sign', int, 68, 5],
    ['moved', u32, 3, 5],
  ]);
  id.sizes = b.struct('sizes', 65536, [
    ['wider', u64, 0],
    ['signed', u64, 64],
    ['pointer', b.pointer(u32), 128],
    ['changed', name, 192],
    ['far', u32, 40000 * 8],
  ]);
  id.color = b.enum('color', [
    ['GREEN___v2', 6],
    ['RED', 1],
  ]);
  id.big = b.enum('big', [['HUGE', 77]]);
  id.twin = b.struct('twin', 8, [
    ['x', int, 0],
    ['y', int, 32],
  ]);
  id.twinAgain = b.struct('twin___other', 8, [
    ['x', int, 0],
    ['y', int, 0],
  ]);
  id.myInt = b.modifier(8, u32, 'my_int');
  id.callback = b.modifier(
    8,
    b.pointer(
      b.proto(int, [
        ['a', u32],
        ['b', u32],
      ]),
    ),
    'callback_t',
  );
  id.strict = b.struct('strict', 16, [
    ['p', b.pointer(b.struct('opaque', 4, [['x', int, 0]])), 0],
    ['a', u32, 64],
  ]);
  id.loose = b.struct('loose', 8, [['a', u32, 0]]);
  id.holder = b.struct('holder', 8, [
    ['f', b.float('float', 4), 0],
    ['kind', id.color, 32],
  ]);
  return { btf: Btf.parse(b.bytes()), id };
}

const local = localTypes();
const kernel = kernelTypes();

function relocate(type: number, access: string, kind: number, insn: string): string {
  const insns = assemble(insn);
  new CoreRelocator(local.btf, kernel.btf).apply(insns, 0, { offset: 0, type, access, kind }, 'tc');
  if (insns.length > 8 && disassemble(insns, 0) === POISON) assert.equal(disassemble(insns, 1), POISON);
  return disassemble(insns, 0);
}

const { id } = local;
const { BYTE_OFFSET, BYTE_SIZE, EXISTS, SIGNED, LSHIFT, RSHIFT } = {
  BYTE_OFFSET: Kind.FIELD_BYTE_OFFSET,
  BYTE_SIZE: Kind.FIELD_BYTE_SIZE,
  EXISTS: Kind.FIELD_EXISTS,
  SIGNED: Kind.FIELD_SIGNED,
  LSHIFT: Kind.FIELD_LSHIFT_U64,
  RSHIFT: Kind.FIELD_RSHIFT_U64,
};

test('fields', () => {
  for (const [type, access, kind, insn, want] of [
    // shape.id, .next, .corner.x, .name[3], .points[2].y, .left of an anonymous struct
    [id.shape, '0:0', BYTE_OFFSET, 'r1 = *(u32 *)(r2 +0)', '(61) r1 = *(u32 *)(r2 +16)'],
    [id.shape, '0:1', BYTE_OFFSET, 'r1 = *(u64 *)(r2 +8)', '(79) r1 = *(u64 *)(r2 +40)'],
    [id.shape, '0:2:0', BYTE_OFFSET, 'r1 = *(u32 *)(r2 +16)', '(61) r1 = *(u32 *)(r2 +60)'],
    [id.shape, '0:3:3', BYTE_OFFSET, 'r1 = 27', '(b7) r1 = 23'],
    [id.shape, '0:4:2:1', BYTE_OFFSET, 'r1 = 60', '(b7) r1 = 96'],
    [id.shape, '0:5:0', BYTE_OFFSET, '*(u32 *)(r1 +72) = 5', '(62) *(u32 *)(r1 +12) = 5'],
    [id.shape, '0:5:1', BYTE_OFFSET, '*(u32 *)(r1 +76) = r2', '(63) *(u32 *)(r1 +8) = r2'],
    [id.shape, '0:7:5', BYTE_OFFSET, 'r1 = 104', '(b7) r1 = 216'],
    [id.shape, '2:0', BYTE_OFFSET, 'r1 = 176', '(b7) r1 = 416'],
    [id.shape, '0:0', BYTE_OFFSET, 'r1 = 0 ll', '(18) r1 = 0x10'],
    [id.shape, '0:4', BYTE_SIZE, 'r1 = 32', '(b7) r1 = 128'],
    [id.shape, '0:3:1', BYTE_SIZE, 'r1 = 1', '(b7) r1 = 1'],
    [id.shape, '0:6', BYTE_OFFSET, 'r1 = *(u32 *)(r2 +80)', POISON],
    [id.shape, '0:6', BYTE_SIZE, 'r1 = 4 ll', POISON],
    [id.shape, '0:6', EXISTS, 'r1 = 1', '(b7) r1 = 0'],
    [id.shape, '0:0', EXISTS, 'w1 = 1', '(b4) w1 = 1'],
    [id.flavour, '0:0', BYTE_OFFSET, 'r1 = *(u32 *)(r2 +0)', '(61) r1 = *(u32 *)(r2 +192)'],
    [id.absent, '0:0', EXISTS, 'r1 = 1', '(b7) r1 = 0'],
    [id.absent, '0:0', BYTE_OFFSET, 'r1 = *(u32 *)(r2 +0)', POISON],
    [id.shape, '0:0', SIGNED, 'r1 = 0', '(b7) r1 = 0'],
    [id.shape, '0:2:1', SIGNED, 'r1 = 1', '(b7) r1 = 1'],
    [id.shape, '0:6', SIGNED, 'r1 = 1', POISON],
    [id.shape, '0:0', LSHIFT, 'r1 = 32', '(b7) r1 = 32'],
    [id.shape, '0:0', RSHIFT, 'r1 = 32', '(b7) r1 = 32'],
    [id.holder, '0:0', BYTE_OFFSET, 'r1 = *(u32 *)(r2 +0)', '(61) r1 = *(u32 *)(r2 +4)'],
    [id.holder, '0:1', BYTE_OFFSET, 'r1 = *(u32 *)(r2 +4)', '(61) r1 = *(u32 *)(r2 +0)'],
  ] as const) {
    assert.equal(relocate(type, access, kind, insn), want, `kind ${kind} "${access}": ${insn}`);
  }
});

test('bit-fields take the smallest aligned unit that holds them, unless they did not move', () => {
  for (const [access, kind, insn, want] of [
    ['0:0', BYTE_OFFSET, 'r1 = 0', '(b7) r1 = 4'],
    ['0:0', BYTE_SIZE, 'r1 = 8', '(b7) r1 = 4'],
    ['0:0', LSHIFT, 'r1 = 1', `(b7) r1 = ${64 - 3}`],
    ['0:0', RSHIFT, 'r1 = 1', `(b7) r1 = ${64 - 3}`],
    ['0:3', BYTE_OFFSET, 'r1 = *(u32 *)(r2 +4)', '(61) r1 = *(u32 *)(r2 +8)'],
    ['0:3', LSHIFT, 'r1 = 0', `(b7) r1 = ${64 - (68 + 5 - 64)}`],
    ['0:3', SIGNED, 'r1 = 1', '(b7) r1 = 1'],
    ['0:1', BYTE_SIZE, 'r1 = 8', '(b7) r1 = 8'],
    ['0:1', LSHIFT, 'r1 = 40', '(b7) r1 = 40'],
  ] as const) {
    assert.equal(relocate(id.bits, access, kind, insn), want, `kind ${kind} "${access}"`);
  }
});

test('types and enumerators', () => {
  for (const [type, access, kind, insn, want] of [
    [id.shape, '0', Kind.TYPE_ID_LOCAL, 'r1 = 0', `(b7) r1 = ${id.shape}`],
    [id.shape, '0', Kind.TYPE_ID_TARGET, 'r1 = 0 ll', `(18) r1 = 0x${kernel.id.shape.toString(16)}`],
    [id.absent, '0', Kind.TYPE_ID_TARGET, 'r1 = 3', '(b7) r1 = 0'],
    [id.shape, '0', Kind.TYPE_EXISTS, 'r1 = 1', '(b7) r1 = 1'],
    [id.absent, '0', Kind.TYPE_EXISTS, 'r1 = 1', '(b7) r1 = 0'],
    [id.callback, '0', Kind.TYPE_EXISTS, 'r1 = 1', '(b7) r1 = 0'],
    [id.myInt, '0', Kind.TYPE_EXISTS, 'r1 = 1', '(b7) r1 = 1'],
    [id.shape, '0', Kind.TYPE_SIZE, 'r1 = 88', '(b7) r1 = 200'],
    [id.absent, '0', Kind.TYPE_SIZE, 'r1 = 4', '(b7) r1 = 0'],
    [id.strict, '0', Kind.TYPE_MATCHES, 'r1 = 1', '(b7) r1 = 1'],
    [id.loose, '0', Kind.TYPE_MATCHES, 'r1 = 1', '(b7) r1 = 0'],
    [id.loose, '0', Kind.TYPE_EXISTS, 'r1 = 1', '(b7) r1 = 1'],
    [id.shape, '0', Kind.TYPE_MATCHES, 'r1 = 1', '(b7) r1 = 0'],
    [id.color, '0', Kind.TYPE_MATCHES, 'r1 = 1', '(b7) r1 = 0'],
    [id.color, '0', Kind.ENUMVAL_EXISTS, 'r1 = 1', '(b7) r1 = 1'],
    [id.color, '1', Kind.ENUMVAL_VALUE, 'r1 = 5', '(b7) r1 = 6'],
    [id.color, '0', Kind.ENUMVAL_VALUE, 'r1 = 0 ll', '(18) r1 = 0x1'],
    [id.color, '2', Kind.ENUMVAL_EXISTS, 'r1 = 1', '(b7) r1 = 0'],
    [id.color, '2', Kind.ENUMVAL_VALUE, 'r1 = 9', POISON],
    [id.big, '0', Kind.ENUMVAL_VALUE, 'r1 = 1', '(b7) r1 = 77'],
  ] as const) {
    assert.equal(relocate(type, access, kind, insn), want, `kind ${kind} "${access}": ${insn}`);
  }
});

test('an access changes its size with pointers and unsigned integers only', () => {
  for (const [access, insn, want] of [
    ['0:0', 'r1 = *(u32 *)(r2 +0)', '(79) r1 = *(u64 *)(r2 +0)'],
    ['0:0', '*(u32 *)(r2 +0) = 1', '(7a) *(u64 *)(r2 +0) = 1'],
    ['0:0', 'r1 = 0', '(b7) r1 = 0'],
    ['0:1', 'r1 = *(u32 *)(r2 +4)', POISON],
    ['0:2', 'r1 = *(u64 *)(r2 +8)', '(79) r1 = *(u64 *)(r2 +16)'],
    ['0:4', 'r1 = *(u32 *)(r2 +20)', POISON],
  ] as const) {
    assert.equal(relocate(id.sizes, access, BYTE_OFFSET, insn), want, `"${access}": ${insn}`);
  }
});

test('broken and ambiguous relocations', () => {
  for (const [name, code, type, access, kind, insn] of [
    ['ambiguous offset', 'PROGRAM_CORE_AMBIGUOUS', id.twin, '0:1', BYTE_OFFSET, 'r1 = 4'],
    ['ambiguous type id', 'PROGRAM_CORE_AMBIGUOUS', id.twin, '0', Kind.TYPE_ID_TARGET, 'r1 = 0'],
    // Bits 35 to 67 lie in no aligned unit of 8 bytes.
    ['bit-field across units', 'PROGRAM_CORE_SPEC', id.bits, '0:2', BYTE_SIZE, 'r1 = 8'],
    ['offset past 16 bits', 'PROGRAM_CORE_INSN', id.sizes, '0:3', BYTE_OFFSET, 'r1 = *(u32 *)(r2 +16)'],
    ['other access size', 'PROGRAM_CORE_INSN', id.sizes, '0:0', BYTE_OFFSET, 'r1 = *(u16 *)(r2 +0)'],
    ['stale offset', 'PROGRAM_CORE_INSN', id.shape, '0:1', BYTE_OFFSET, 'r1 = *(u64 *)(r2 +16)'],
    ['stale immediate', 'PROGRAM_CORE_INSN', id.shape, '0:1', BYTE_OFFSET, 'r1 = 9'],
    ['register operand', 'PROGRAM_CORE_INSN', id.shape, '0:1', BYTE_OFFSET, 'r1 = r2'],
    ['jump', 'PROGRAM_CORE_INSN', id.shape, '0:1', BYTE_OFFSET, 'exit'],
    ['member out of range', 'PROGRAM_CORE_SPEC', id.shape, '0:99', BYTE_OFFSET, 'r1 = 0'],
    ['element out of range', 'PROGRAM_CORE_SPEC', id.shape, '0:3:16', BYTE_OFFSET, 'r1 = 40'],
    ['step into an int', 'PROGRAM_CORE_SPEC', id.shape, '0:0:0', BYTE_OFFSET, 'r1 = 0'],
    ['no access string', 'PROGRAM_CORE_SPEC', id.shape, '', BYTE_OFFSET, 'r1 = 0'],
    ['words', 'PROGRAM_CORE_SPEC', id.shape, '0:x', BYTE_OFFSET, 'r1 = 0'],
    ['huge index', 'PROGRAM_CORE_SPEC', id.shape, '99999999999999999999', BYTE_OFFSET, 'r1 = 0'],
    ['type with an access', 'PROGRAM_CORE_SPEC', id.shape, '0:1', Kind.TYPE_SIZE, 'r1 = 0'],
    ['enumerator of a struct', 'PROGRAM_CORE_SPEC', id.shape, '0', Kind.ENUMVAL_VALUE, 'r1 = 0'],
    ['enumerator out of range', 'PROGRAM_CORE_SPEC', id.color, '3', Kind.ENUMVAL_VALUE, 'r1 = 0'],
    ['unknown kind', 'PROGRAM_CORE_SPEC', id.shape, '0', 13, 'r1 = 0'],
  ] as const) {
    assert.throws(
      () => relocate(type, access, kind, insn),
      (error: unknown) =>
        error instanceof ProgramError &&
        error.code === code &&
        error.place.section === 'tc' &&
        error.place.offset === 0 &&
        /^tc\+0x0: CO-RE .*expected .*, found /.test(error.message),
      name,
    );
  }
});
