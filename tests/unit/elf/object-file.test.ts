import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ObjectFile } from '../../../host/elf/object-file.js';
import { ElfError } from '../../../host/errors.js';

const bytes = new Uint8Array(
  readFileSync(new URL('../../fixtures/objects/6.12/task.bpf.o', import.meta.url)),
);
const object = ObjectFile.parse(bytes);

function section(name: string): NonNullable<ReturnType<ObjectFile['section']>> {
  const found = object.section(name);
  assert.ok(found !== undefined, name);
  return found;
}

test('sections, symbols and relocations', () => {
  assert.equal(Buffer.from(section('license').data).toString(), 'GPL\0');
  assert.equal(section('.text').isExecutable, true);
  assert.equal(section('.maps').isExecutable, false);
  const code = section('tp_btf/task_newtask');
  const symbol = object.symbol(code.index, 't_pid');
  assert.deepEqual(symbol, { name: 't_pid', type: 2, binding: 1, section: code.index, value: 0, size: 120 });
  assert.equal(object.symbol(code.index, 'sub_pid'), undefined);
  const relocation = object.relocations(code.index)[0];
  assert.deepEqual([relocation.offset, relocation.type, relocation.symbol.name], [0x28, 1, 'out']);
  assert.equal(object.section('no such'), undefined);
  assert.deepEqual(object.relocations(section('license').index), []);
  assert.deepEqual(
    object.sections.map(({ index }) => index),
    object.sections.map((_, i) => i),
  );
});

test('files that are no such object', () => {
  const change = (edit: (view: DataView, copy: Uint8Array) => void): Uint8Array => {
    const copy = bytes.slice();
    edit(new DataView(copy.buffer), copy);
    return copy;
  };
  const headers = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(40, true));
  const header = (name: string, field: number): number => headers + section(name).index * 64 + field;
  const at = (name: string, field: number, value: number): Uint8Array =>
    change((view) => view.setUint32(header(name, field), value, true));
  const inData = (name: string, field: number, value: number): Uint8Array =>
    change((view) => view.setUint32(section(name).data.byteOffset - bytes.byteOffset + field, value, true));
  const relocations = '.reltp_btf/task_newtask';
  for (const [what, broken, code] of [
    ['empty', new Uint8Array(0), 'ELF_TRUNCATED'],
    ['a script', new TextEncoder().encode('#!/bin/sh\n'.repeat(10)), 'ELF_MAGIC'],
    ['32-bit', change((view) => view.setUint8(4, 1)), 'ELF_CLASS'],
    ['big-endian', change((view) => view.setUint8(5, 2)), 'ELF_BYTE_ORDER'],
    ['an executable', change((view) => view.setUint16(16, 2, true)), 'ELF_TYPE'],
    ['x86-64', change((view) => view.setUint16(18, 62, true)), 'ELF_MACHINE'],
    ['section headers of 40 bytes', change((view) => view.setUint16(58, 40, true)), 'ELF_HEADER'],
    ['headers past the end', change((view) => view.setUint32(40, bytes.length, true)), 'ELF_TRUNCATED'],
    ['headers at 2^40', change((view) => view.setUint32(44, 256, true)), 'ELF_FIELD'],
    ['too many sections', change((view) => view.setUint16(60, 60000, true)), 'ELF_TRUNCATED'],
    ['no name section', change((view) => view.setUint16(62, 200, true)), 'ELF_SECTION'],
    ['cut', bytes.slice(0, bytes.length - 1), 'ELF_TRUNCATED'],
    ['section past the end', at('.maps', 32, bytes.length), 'ELF_TRUNCATED'],
    ['section name past the end', at('.maps', 0, 1 << 24), 'ELF_STRING'],
    ['symbols without strings', at('.symtab', 40, 1000), 'ELF_SECTION'],
    ['half a symbol', at('.symtab', 32, 25), 'ELF_SYMBOL'],
    ['symbol name past the end', inData('.symtab', 24, 1 << 24), 'ELF_STRING'],
    ['symbol in no section', inData('.symtab', 24 + 4, 0x77770000), 'ELF_SYMBOL'],
    ['relocations of no section', at(relocations, 44, 1000), 'ELF_RELOCATION'],
    ['half a relocation', at(relocations, 32, 17), 'ELF_RELOCATION'],
    ['relocation past its section', inData(relocations, 0, 1 << 20), 'ELF_RELOCATION'],
    ['relocation to no symbol', inData(relocations, 12, 1 << 20), 'ELF_RELOCATION'],
    ['RELA', at(relocations, 4, 4), 'ELF_RELOCATION'],
  ] as const) {
    assert.throws(
      () => ObjectFile.parse(broken),
      (error: unknown) =>
        error instanceof ElfError &&
        error.code === code &&
        error.place.section !== undefined &&
        error.place.offset !== undefined &&
        /\+0x[0-9a-f]+: expected .+, found .+/.test(error.message),
      what,
    );
  }
});

test('machine 0 is as good as BPF', () => {
  const copy = bytes.slice();
  copy[18] = 0;
  assert.equal(ObjectFile.parse(copy).sections.length, object.sections.length);
});
