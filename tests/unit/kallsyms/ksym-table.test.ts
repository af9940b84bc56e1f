import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { Core } from '../../../host/core/core.js';
import { decodeFixup, ptRegsName, ptRegsOffset } from '../../../host/kallsyms/pt-regs.js';
import { KsymTable } from '../../../host/kallsyms/ksym-table.js';
import { programSymbol } from '../../../host/kallsyms/symbol-name.js';
import { goldens } from '../../support/goldens.js';

const wasm = readFileSync(new URL('../../../host/core/core.wasm', import.meta.url));
const MODULES = 0xffffffffc0000000n;

describe('symbol names', () => {
  const tag = '57cd311f2e27366b';
  const cases = [
    { name: 'dump_task', want: 'bpf_prog_57cd311f2e27366b_dump_task' },
    { name: 'F', want: 'bpf_prog_57cd311f2e27366b_F' },
    { name: '', want: 'bpf_prog_57cd311f2e27366b' },
  ];
  for (const { name, want } of cases)
    it(`'${name}' -> ${want}`, () => assert.equal(programSymbol(tag, name), want));
  it('cuts at the length of a kernel symbol', () => {
    assert.equal(programSymbol(tag, 'x'.repeat(600)).length, 511);
    assert.equal(programSymbol(tag, 'x'.repeat(600), 127).length, 127);
  });
});

describe('fixup words', () => {
  const cases = [
    { word: 0x7007, length: 7, register: 'rdi' },
    { word: 0x5005, length: 5, register: 'rax' },
    { word: 0x1004, length: 4, register: 'r13' },
    { word: 0x0008, length: 8, register: 'r15' },
    { word: 0x0106, length: 6, register: null },
  ];
  for (const { word, length, register } of cases)
    it(`0x${word.toString(16)} skips ${length} and zeroes ${register}`, () => {
      const fixup = decodeFixup(word);
      assert.equal(fixup.length, length);
      assert.equal(fixup.register, register);
      if (register !== null) assert.equal(ptRegsOffset(register), fixup.registerOffset);
    });
  it('knows no register between or after the general ones', () => {
    assert.equal(ptRegsName(4), undefined);
    assert.equal(ptRegsName(120), undefined);
    assert.equal(ptRegsOffset('rsp'), undefined);
  });
});

describe('symbol table', () => {
  let core: Core;
  let base: number;
  before(async () => {
    core = await Core.load(wasm);
    base = core.exports.heapReserve(0x400000, 0x1000) >>> 0;
  });
  const linear = (address: bigint): number => base + Number(address - MODULES);
  const image = (offset: bigint, code: number, table: Uint8Array = new Uint8Array(0)) => ({
    address: MODULES + offset,
    entry: MODULES + offset,
    region: { address: (MODULES + offset) & ~0xfffn, size: 4096 },
    code: new Uint8Array(code),
    extableOffset: (code + 3) & ~3,
    extable: table,
  });

  it('keeps the end of the code inside (6.12) and prints the offset', () => {
    const table = new KsymTable(core, { linear });
    const ksym = table.add(image(0x48n, 0x40), { name: 'bpf_prog_x', program: 1, func: 0 });
    const cases = [
      { offset: 0x47n, want: undefined },
      { offset: 0x48n, want: 'bpf_prog_x+0x0/0x40' },
      { offset: 0x88n, want: 'bpf_prog_x+0x40/0x40' },
      { offset: 0x89n, want: undefined },
    ];
    for (const { offset, want } of cases)
      assert.equal(table.lookup(MODULES + offset)?.text, want, `offset ${offset}`);
    table.remove(ksym);
    assert.equal(table.lookup(MODULES + 0x48n), null);
  });

  it('takes whole pages, end excluded, in 5.5', () => {
    const table = new KsymTable(core, { linear }, '5.5');
    const ksym = table.add(image(0x1048n, 0x40), { name: 'bpf_prog_old', program: 1, func: 0 });
    assert.equal(table.lookup(MODULES + 0x1000n)?.text, 'bpf_prog_old+0x0/0x1000');
    assert.equal(table.lookup(MODULES + 0x1fffn)?.text, 'bpf_prog_old+0xfff/0x1000');
    assert.equal(table.lookup(MODULES + 0x2000n), null);
    table.remove(ksym);
  });

  it('refuses overlapping text and unknown removals', () => {
    const table = new KsymTable(core, { linear });
    const ksym = table.add(image(0x100n, 0x40), { name: 'a', program: 1, func: 0 });
    for (const [offset, code] of [
      [0x100n, 1],
      [0xe0n, 0x20],
      [0x140n, 8],
      [0x110n, 4],
      [0xf0n, 0x80],
    ] as const)
      assert.throws(() => table.add(image(offset, code), { name: 'b', program: 2, func: 0 }), {
        name: 'KallsymsError',
        code: 'KALLSYMS_OVERLAP',
      });
    table.remove(ksym);
    assert.throws(() => table.remove(ksym), { code: 'KALLSYMS_UNKNOWN' });
  });

  it('does not search the text of what is no program', () => {
    const table = new KsymTable(core, { linear });
    const bytes = new Uint8Array(new Int32Array([-16, 0x7007, 7]).buffer);
    const text = image(0x200n, 0x10, bytes);
    core.bytes.set(bytes, linear(MODULES + 0x210n));
    const owner = { name: 'bpf_trampoline_1', program: 9, func: 0 };
    const trampoline = table.add(text, { ...owner, isProgram: false });
    assert.equal(table.lookup(MODULES + 0x200n)?.ksym.name, 'bpf_trampoline_1');
    assert.equal(table.fixup(MODULES + 0x200n), null);
    table.remove(trampoline);
    const program = table.add(text, owner);
    assert.equal(table.fixup(MODULES + 0x200n)?.register, 'rdi');
    table.remove(program);
  });

  for (const kernel of ['6.12', '6.1'] as const)
    it(`finds every recorded entry of ${kernel} at its address, and only there`, () => {
      const table = new KsymTable(core, { linear });
      let seen = 0;
      for (const golden of goldens(kernel, 'probe', 'base')) {
        for (const [func, recorded] of (golden.funcs ?? []).entries()) {
          if (!recorded.entries?.length || recorded.extable_off === undefined) continue;
          const code = Buffer.from(recorded.jited_hex, 'hex');
          const extable = Buffer.from(recorded.extable_hex ?? '', 'hex');
          const address = BigInt(recorded.ksym_addr);
          if (linear(address) + recorded.extable_off + extable.length > base + 0x400000) continue;
          core.bytes.set(code, linear(address));
          core.bytes.set(extable, linear(address) + recorded.extable_off);
          const ksym = table.add(
            {
              address,
              entry: address,
              region: { address: address & ~63n, size: 0 },
              code,
              extableOffset: recorded.extable_off,
              extable,
            },
            { name: golden.id, program: seen, func },
          );
          const starts = new Set(recorded.entries.map(([offset]) => offset));
          for (const [index, [offset, length, register, data]] of recorded.entries.entries()) {
            const hit = table.fixup(address + BigInt(offset));
            assert.ok(hit, `${golden.id}: entry ${index}`);
            assert.deepEqual(
              [hit.entry, hit.offset, hit.length, hit.register, hit.data, hit.ksym.func],
              [index, offset, length, register, data, func],
            );
            for (const near of [offset - 1, offset + 1, offset + length])
              if (!starts.has(near))
                assert.equal(table.fixup(address + BigInt(near)), null, `${golden.id}: ${near}`);
          }
          seen++;
          table.remove(ksym);
        }
      }
      assert.ok(seen > 100, `${seen} functions`);
    });
});
