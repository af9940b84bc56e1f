import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Btf } from '../../../host/btf/btf.js';
import { parseBtfExt } from '../../../host/btf/btf-ext.js';
import { ObjectFile } from '../../../host/elf/object-file.js';
import { BtfError, FaultlineError } from '../../../host/errors.js';

const file = readFileSync(new URL('../../fixtures/objects/6.12/fault.bpf.o', import.meta.url));
const object = ObjectFile.parse(new Uint8Array(file));
const btf = Btf.parse(object.section('.BTF')!.data);
const bytes = object.section('.BTF.ext')!.data;

test('records by section', () => {
  const { funcInfo, lineInfo, coreRelo } = parseBtfExt(bytes, btf);
  const section = 'fentry/__sys_sendmsg';
  const functions = funcInfo.get(section)!;
  assert.deepEqual(
    functions.map(({ offset, type }) => [offset, btf.type(type).name]),
    object.symbols
      .filter((symbol) => symbol.type === 2 && object.sections[symbol.section].name === section)
      .sort((a, b) => a.value - b.value)
      .map(({ value, name }) => [value, name]),
  );
  const [line] = lineInfo.get(section)!;
  assert.match(line.file, /fault\.bpf\.c$/);
  assert.ok(line.line > 0 && line.column > 0 && line.source.includes('SEC('));
  const relocations = coreRelo.get(section)!;
  assert.ok(relocations.length > 0);
  assert.ok(
    relocations.every(
      ({ access, kind, offset }) => /^\d+(:\d+)*$/.test(access) && kind === 0 && offset % 8 === 0,
    ),
  );
});

test('broken sections', () => {
  const change = (edit: (view: DataView) => void): Uint8Array => {
    const copy = bytes.slice();
    edit(new DataView(copy.buffer));
    return copy;
  };
  for (const [what, broken, code] of [
    ['empty', new Uint8Array(0), 'BTF_TRUNCATED'],
    ['magic', change((v) => v.setUint16(0, 0x1234, true)), 'BTF_MAGIC'],
    ['version', change((v) => v.setUint8(2, 9)), 'BTF_VERSION'],
    ['header length', change((v) => v.setUint32(4, 8, true)), 'BTF_HEADER'],
    ['block past the end', change((v) => v.setUint32(12, 1 << 20, true)), 'BTF_TRUNCATED'],
    ['record size', change((v) => v.setUint32(32, 6, true)), 'BTF_RECORD'],
    ['too many records', change((v) => v.setUint32(40, 1 << 20, true)), 'BTF_TRUNCATED'],
    ['section name', change((v) => v.setUint32(36, 1 << 20, true)), 'BTF_STRING'],
  ] as const) {
    assert.throws(
      () => parseBtfExt(broken, btf),
      (error: unknown) => error instanceof BtfError && error.code === code,
      what,
    );
  }
});

test('damaged types decode, format and measure, or end in a typed error', () => {
  const original = object.section('.BTF')!.data;
  let state = 0x2545f491;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let round = 0; round < 400; round++) {
    const damaged = original.slice();
    const places: string[] = [];
    for (let i = 0; i < 6; i++) {
      const at = 24 + (next() % (damaged.length - 24));
      damaged[at] = next() % 40;
      places.push(`${at}=${damaged[at]}`);
    }
    const start = performance.now();
    const attempt = (use: () => void): void => {
      try {
        use();
      } catch (error) {
        assert.ok(
          error instanceof FaultlineError,
          `round ${round} (${places.join(' ')}): ${String((error as Error).stack)}`,
        );
      }
    };
    attempt(() => {
      const types = Btf.parse(damaged);
      for (let id = 0; id < types.count; id++) {
        attempt(() => types.format(id));
        attempt(() => types.sizeOf(id));
        attempt(() => types.typeTags(id));
        attempt(() => types.member(id, 'a.b[1]'));
      }
      types.find('task_struct');
    });
    assert.ok(performance.now() - start < 1000, `round ${round} (${places.join(' ')})`);
  }
});
