import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readInsn } from '../../../host/asm/insn.js';
import { disassembleAll } from '../../../host/asm/kernel-dialect.js';
import { Btf } from '../../../host/btf/btf.js';
import { BtfKind } from '../../../host/btf/types.js';
import { SHT_SYMTAB, STB_LOCAL, STT_FUNC, SYMBOL_SIZE } from '../../../host/elf/format.js';
import { ObjectFile } from '../../../host/elf/object-file.js';
import { ProgramError } from '../../../host/errors.js';
import { dataMapName } from '../../../host/program/data-maps.js';
import { readObjectSpec } from '../../../host/program/object-spec.js';
import { MAP_FD_BASE, type ProgramSpec } from '../../../host/program/program-spec.js';
import { BtfBuilder } from '../../support/btf-builder.js';

const bytes = new Uint8Array(
  readFileSync(new URL('../../fixtures/programs/features.bpf.o', import.meta.url)),
);

/** A kernel with the externs of the object that are not meant to be missing. */
function kernel(parameter = 4): Btf {
  const b = new BtfBuilder();
  const int = b.int('int', 4, { signed: true });
  const argument = parameter === 4 ? b.int('unsigned int', 4) : b.pointer(int);
  b.func('known_function', b.proto(int, [['a', argument]]));
  b.variable('known_variable', int);
  return Btf.parse(b.bytes());
}

const options = {
  fileName: '/some/where/features.bpf.o',
  cpus: 6,
  kconfig: { LINUX_KERNEL_VERSION: '0x060c75', CONFIG_BPF_SYSCALL: 'y', CONFIG_NAME: '"faultline"' },
  symbols: (name: string) => (name === 'untyped_symbol' ? 0xffffffff81234568n : undefined),
};
const object = readObjectSpec(bytes, kernel(), options);
const program = (name: string): ProgramSpec => object.programs.find((each) => each.name === name)!;
const listing = (name: string): string[] => disassembleAll(program(name).insns);
const mapIndex = (name: string): number => object.maps.findIndex((map) => map.name === name);

/** ld_imm64 at `index` as [src, imm, upper half]. */
function pair(name: string, index: number): [number, number, number] {
  const { insns } = program(name);
  return [readInsn(insns, index).src, readInsn(insns, index).imm, readInsn(insns, index + 1).imm];
}

test('maps, data sections in their order, kconfig', () => {
  const number = (size: number, entries: number, flags = 0x400): object => ({
    type: 2,
    keySize: 4,
    valueSize: size,
    maxEntries: entries,
    flags,
  });
  const inner = { type: 2, keySize: 4, valueSize: 16, maxEntries: 3, flags: 0 };
  const want: [string, object][] = [
    ['table', { type: 1, keySize: 4, valueSize: 16, maxEntries: 10, flags: 1 }],
    ['first', inner],
    ['second', inner],
    ['outer', { type: 12, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 }],
    ['ring', { type: 27, keySize: 0, valueSize: 0, maxEntries: 8192, flags: 0 }],
    ['bloom', { type: 30, keySize: 0, valueSize: 8, maxEntries: 7, flags: 0, extra: 3n }],
    ['events', { type: 4, keySize: 4, valueSize: 4, maxEntries: 6, flags: 0 }],
    ['jumps', { type: 3, keySize: 4, valueSize: 4, maxEntries: 2, flags: 0 }],
    ['arena', { type: 33, keySize: 0, valueSize: 0, maxEntries: 2, flags: 0x400, extra: 1n << 44n }],
    ['features.data', number(12, 1)],
    ['features.rodata', number(4, 1, 0x480)],
    ['.data.custom', number(4, 1)],
    ['features.bss', number(8, 1)],
    ['feature.kconfig', number(8 + 4 + 1 + 8, 1, 0x480)],
  ];
  const got = object.maps.map(({ name, type, keySize, valueSize, maxEntries, flags, extra }) => {
    return [name, { type, keySize, valueSize, maxEntries, flags, ...(extra === 0n ? {} : { extra }) }];
  });
  assert.deepEqual(got.sort(), want.sort());

  const places = ['second', 'first', 'outer', 'jumps', 'table', 'arena', 'ring', 'bloom', 'events'];
  const sections = ['features.data', 'features.rodata', '.data.custom', 'features.bss', 'feature.kconfig'];
  assert.deepEqual(
    object.maps.map(({ name }) => name),
    [...places, ...sections],
  );
  const map = (name: string): (typeof object.maps)[number] => object.maps[mapIndex(name)];
  assert.deepEqual(
    map('outer').inner && { ...map('outer').inner, keyType: undefined, valueType: undefined },
    {
      ...{ name: 'outer.inner', ...inner, extra: 0n, keyType: undefined, valueType: undefined },
    },
  );
  assert.deepEqual(map('outer').contents, [
    { index: 0, map: mapIndex('second') },
    { index: 2, map: mapIndex('first') },
  ]);
  assert.deepEqual(map('jumps').contents, [{ index: 1, program: 'tail_target' }]);
  assert.deepEqual(map('features.data').initial, Uint8Array.of(7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0));
  assert.deepEqual(map('features.rodata').initial, Uint8Array.of(5, 0, 0, 0));
  assert.equal(map('features.rodata').frozen, true);
  assert.equal(map('features.data').frozen, undefined);
  assert.equal(map('features.bss').initial, undefined);
  assert.deepEqual(map('.data.custom').initial, Uint8Array.of(0x44, 0x33, 0x22, 0x11));
  assert.deepEqual(map('arena').initial, Uint8Array.of(99, 0, 0, 0));
  assert.equal(object.btf!.format(map('table').valueType!), 'struct value');
});

test("the program's BTF has the places that the compiler leaves to the loader", () => {
  const btf = object.btf!;
  const data = btf.datasec('.data')!;
  assert.equal(data.size, 12);
  assert.deepEqual(
    data.vars.map(({ type, offset, size }) => [btf.type(type).name, offset, size]),
    [
      ['counter', 0, 4],
      ['hidden', 4, 8],
    ],
  );
});

test('a static function outside of .text is a program unless something calls it', () => {
  const patched = bytes.slice();
  const { symbols, sections } = ObjectFile.parse(bytes);
  const table = sections.find(({ type }) => type === SHT_SYMTAB)!;
  const info = table.data.byteOffset + symbols.findIndex(({ name }) => name === 'data') * SYMBOL_SIZE + 4;
  patched[info] = (STB_LOCAL << 4) | STT_FUNC;
  const names = readObjectSpec(patched, kernel(), options).programs.map(({ name }) => name);
  assert.deepEqual(
    names,
    object.programs.map(({ name }) => name),
  );
});

test('externs of the kernel configuration are laid out by alignment, size and name', () => {
  const values = object.maps[mapIndex('feature.kconfig')].initial!;
  const view = new DataView(values.buffer);
  assert.equal(view.getBigUint64(0, true), 0n, 'CONFIG_MISSING is weak');
  assert.equal(view.getUint32(8, true), 0x060c75, 'LINUX_KERNEL_VERSION');
  assert.equal(view.getUint8(12), 1, 'CONFIG_BPF_SYSCALL');
  assert.equal(
    Buffer.from(values.subarray(13, 21)).toString(),
    'faultli\0',
    'CONFIG_NAME is cut and ends with NUL',
  );
});

test('identity of programs', () => {
  assert.equal(object.name, 'features');
  assert.equal(object.license, 'Dual MIT/GPL');
  assert.deepEqual(
    object.programs.map(({ name, section, type, expectedAttachType, flags, attach }) => [
      name,
      section,
      type,
      expectedAttachType,
      flags,
      attach,
    ]),
    [
      ['tail_target', 'xdp', 6, 37, 0, null],
      ['calls', 'xdp', 6, 37, 0, null],
      ['data', 'tc', 3, 0, 0, null],
      ['externs', '?raw_tp/sched_switch', 17, 0, 0, null],
      ['arena_data', 'syscall', 31, 0, 16, null],
    ],
  );
});

test('subprograms follow their program in the order of discovery', () => {
  const { insns, funcInfo, lineInfo } = program('calls');
  const { btf } = object;
  assert.deepEqual(
    funcInfo.map(({ insn, type }) => [insn, btf!.type(type).name]),
    [
      [0, 'calls'],
      [27, 'middle'],
      [34, 'leaf'],
      [40, 'global_function'],
      [49, 'callback'],
    ],
  );
  for (const [index, src, imm] of [
    [0, 1, 26],
    [2, 1, 37],
    [10, 4, 38],
    [28, 1, 5],
    [31, 1, 2],
    [50, 1, -17],
  ]) {
    const insn = readInsn(insns, index);
    assert.deepEqual([insn.src, insn.imm], [src, imm], `instruction ${index}`);
  }
  const line = lineInfo.find(({ insn }) => insn === 34)!;
  assert.match(line.source, /a \* 3 \+ counter/);
  assert.match(line.file, /features\.bpf\.c$/);
  assert.ok(line.line > 1 && line.column > 0);
  assert.ok(lineInfo.every(({ insn }, i) => i === 0 || insn > lineInfo[i - 1].insn));
});

test('references to maps and data', () => {
  for (const [name, index, want] of [
    ['calls', 14, [2, mapIndex('features.rodata'), 0]],
    ['calls', 23, [2, mapIndex('features.data'), 4]],
    ['calls', 35, [2, mapIndex('features.data'), 0]],
    ['data', 1, [2, mapIndex('.data.custom'), 0]],
    ['data', 4, [2, mapIndex('features.bss'), 0]],
    ['data', 13, [1, mapIndex('table'), 0]],
    ['data', 17, [1, mapIndex('jumps'), 0]],
    ['arena_data', 0, [1, mapIndex('arena'), 0]],
    ['arena_data', 5, [2, mapIndex('arena'), 0]],
  ] as const) {
    const [src, map, offset] = want;
    assert.deepEqual(pair(name, index), [src, MAP_FD_BASE + map, offset], `${name} ${index}`);
  }
});

test('references to externs', () => {
  const types = kernel();
  const kconfig = MAP_FD_BASE + mapIndex('feature.kconfig');
  for (const [index, want] of [
    [0, [2, kconfig, 8]],
    [3, [2, kconfig, 12]],
    [7, [2, kconfig, 13]],
    [13, [2, kconfig, 0]],
    [23, [0, 0, 0]],
    [30, [0, 0, 0]],
    [35, [3, types.find('known_variable', BtfKind.VAR), 0]],
    [40, [0, 0x81234568 | 0, -1]],
  ] as const) {
    assert.deepEqual(pair('externs', index), want, `instruction ${index}`);
  }
  const known = readInsn(program('externs').insns, 20);
  assert.deepEqual([known.src, known.imm, known.off], [2, types.find('known_function', BtfKind.FUNC), 0]);
  const poisoned = readInsn(program('externs').insns, 27);
  assert.ok(
    poisoned.src === 0 && poisoned.imm >= 2002000000 && poisoned.imm < 2002000100,
    `imm ${poisoned.imm}`,
  );
  assert.match(listing('externs')[0], /^0: \(18\)/);
});

test('what an object asks of the kernel and does not get', () => {
  const { kconfig } = options;
  for (const [name, kernelTypes, given, message] of [
    [
      'a kernel function',
      Btf.parse(new BtfBuilder().bytes()),
      options,
      /known_function: expected a kernel symbol/,
    ],
    ['a function of that type', kernel(8), options, /known_function: expected type/],
    ['an address', kernel(), { ...options, symbols: undefined }, /untyped_symbol: expected/],
    [
      'a kconfig value',
      kernel(),
      { ...options, kconfig: {} },
      /: expected a value from the kernel, found none/,
    ],
    [
      'a number',
      kernel(),
      { ...options, kconfig: { ...kconfig, LINUX_KERNEL_VERSION: '"x"' } },
      /LINUX_KERNEL_VERSION: expected/,
    ],
    [
      '32 bits',
      kernel(),
      { ...options, kconfig: { ...kconfig, LINUX_KERNEL_VERSION: '0x100000000' } },
      /32 bits/,
    ],
    ['y or n', kernel(), { ...options, kconfig: { ...kconfig, CONFIG_BPF_SYSCALL: 'm' } }, /y or n/],
  ] as const) {
    assert.throws(
      () => readObjectSpec(bytes, kernelTypes, given),
      (error: unknown) =>
        error instanceof ProgramError && error.code === 'PROGRAM_EXTERN' && message.test(error.message),
      name,
    );
  }
});

test('names of data maps', () => {
  for (const [objectName, section, want] of [
    ['task', '.rodata', 'task.rodata'],
    ['my_long_object', '.rodata', 'my_long_.rodata'],
    ['my_long_object', '.bss', 'my_long_.bss'],
    ['task', '.data.custom', '.data.custom'],
    ['task', '.rodata.very_long_name', '.rodata.very_lo'],
    ['a-b', '.data', 'a_b.data'],
  ]) {
    assert.equal(dataMapName(objectName, section), want);
  }
});
