import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assemble } from '../../../host/asm/assembler.js';
import { disassembleLlvm, listLlvm } from '../../../host/asm/llvm-dialect.js';

// Every form, as `llvm-objdump-19 -d` (32-bit atomics: --mcpu=v3) printed it.
const recorded = readFileSync(new URL('../../fixtures/asm/llvm-objdump-19.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => line.split('\t'));

test('every form as llvm-objdump prints it', () => {
  for (const [, bytes, ...text] of recorded) {
    const insns = Uint8Array.from(bytes.split(' ').map((byte) => parseInt(byte, 16)));
    const want = text.join('\t').replace(/ <f.*>$/, '');
    assert.equal(disassembleLlvm(insns, 0), want, bytes);
  }
  assert.ok(recorded.length > 150);
});

test('listings have index, bytes, source lines and branch targets', () => {
  const insns = assemble(`
    r1 = *(u64 *)(r1 +48)
    r2 = 7 ll
    if r1 == 0x0 goto pc-4
    exit
  `);
  const source = ['a = b->c;', 'x = 7;', undefined, 'x = 7;', 'return 0;'];
  assert.deepEqual(listLlvm(insns, { symbol: 'walk', source: (index) => source[index] }), [
    '; a = b->c;',
    '       0:\t79 11 30 00 00 00 00 00\tr1 = *(u64 *)(r1 + 0x30)',
    '; x = 7;',
    '       1:\t18 02 00 00 07 00 00 00 00 00 00 00 00 00 00 00\tr2 = 0x7 ll',
    '       3:\t15 01 fc ff 00 00 00 00\tif r1 == 0x0 goto -0x4 <walk>',
    '; return 0;',
    '       4:\t95 00 00 00 00 00 00 00\texit',
  ]);
});
