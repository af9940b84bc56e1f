import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { PAGE_SIZE, RIGHT_R } from '../../../host/mm/guest-memory.js';
import type { KernelVersion } from '../../../host/profiles/profile.js';
import { code, insn } from '../../support/interp.js';
import { BothEngines } from '../../support/wasm.js';

const EXIT = insn(0x95);
const PAGE = BigInt(PAGE_SIZE);
const source = (insns: Uint8Array) => ({ insns, functions: [{ start: 0, stackDepth: 0 }], arena: null });

describe('memory as the interpreter sees it', () => {
  let both: BothEngines;
  /** Three pages: a hole, then one that is only readable. */
  let pages: bigint;
  let last: bigint;
  before(async () => {
    both = await BothEngines.create();
    const { memory } = both;
    pages = memory.alloc('vmalloc', 4 * PAGE_SIZE);
    for (let at = 0n; at < 4n * PAGE; at += 8n)
      memory.writeUint(pages + at, 8, 0x0102030405060708n * (at + 3n));
    memory.unmap(pages + PAGE, PAGE_SIZE);
    memory.protect(pages + 2n * PAGE, PAGE_SIZE, RIGHT_R);
    const direct = memory.region('direct');
    last = direct.base + BigInt(direct.size);
    memory.map(last - PAGE, PAGE_SIZE, 3);
  });

  const LOADS = [0x71, 0x69, 0x61, 0x79, 0x91, 0x89, 0x81];
  const STORES = [0x73, 0x6b, 0x63, 0x7b];
  const ATOMICS = [0xc3, 0xdb];
  const places: [string, () => bigint, number[]][] = [
    ['a mapped page', () => pages, [0, 8, 4088]],
    ['the edge of a hole', () => pages, [4089, 4095, 4096, 8184]],
    ['a page that is only readable', () => pages + 2n * PAGE, [-1, 0, 8, 4092, 4095]],
    ['behind all of them', () => pages + 4n * PAGE, [-8, -1, 0]],
    ['the end of a region', () => last, [-8, -7, -4, -1, 0, 8]],
    ['NULL', () => 0n, [0, 8, -8]],
    ['an address that is not canonical', () => 0xdead000000000000n, [0, 256]],
    ['the last canonical bytes of the user half', () => 0x7ffffffffff8n, [0, 1]],
    ['an address as far from its region as another one is long', () => 0xffff88800a000000n, [0]],
    ['the same below', () => 0xffff887ffff00000n, [0]],
    ['an address whose low half is mapped elsewhere', () => 0x1234n << 32n, [0]],
    ['an error pointer', () => -2n, [0, 8]],
  ];
  for (const [name, base, offsets] of places)
    it(name, () => {
      const forms = offsets.flatMap((off) => [
        ...LOADS.map((opcode) => insn(opcode, 0, 1, off)),
        ...STORES.map((opcode) => insn(opcode, 1, 2, off)),
        ...ATOMICS.flatMap((opcode) => [0x00, 0x41, 0xe1, 0xf1].map((imm) => insn(opcode, 1, 2, off, imm))),
      ]);
      let oopses = 0;
      for (const form of forms) {
        const program = both.load(source(code(insn(0xb7, 0, 0, 0, 77), form, EXIT)));
        oopses += both.run(program, [BigInt.asUintN(64, base()), 0x1122334455667788n]).oops ? 1 : 0;
        both.unload(program);
      }
      if (name === 'a mapped page') assert.equal(oopses, 0);
      else assert.ok(oopses > 0, `${oopses} of ${forms.length} are fatal`);
    });

  it('a fault names its instruction, and the steps before it count', () => {
    const program = both.load(source(code(insn(0xb7, 0), insn(0xb7, 3), insn(0x79, 0, 3, 16), EXIT)));
    const { oops, steps } = both.run(program, []);
    assert.deepEqual(
      [oops?.ip, oops?.address, oops?.access, oops?.errorCode, steps],
      [2n, 16n, 'read', 0, 2n],
    );
  });

  it('a verified program faults on a context that is none', () => {
    const program = both.load(source(code(insn(0x79, 0, 1, 8), EXIT)), { verified: true });
    const { memory } = both;
    const block = memory.alloc('direct', 16);
    memory.writeUint(block + 8n, 8, 5n);
    assert.equal(both.run(program, [block]).r0, 5n);
    for (const context of [0n, 0xffff8880f0000000n, last - 8n, 0x1234n << 32n])
      assert.equal(both.run(program, [context]).oops?.ip, 0n);
    assert.equal(both.run(program, [block]).r0, 5n);
    both.unload(program);
  });

  it('pages that a helper takes away are gone behind it', () => {
    const { memory } = both;
    const block = memory.alloc('vmalloc', PAGE_SIZE);
    const program = both.load(
      source(code(insn(0xbf, 6, 1), insn(0x79, 7, 6), insn(0x85, 0, 0, 0, 8), insn(0x79, 0, 6), EXIT)),
    );
    const { oops } = both.run(
      program,
      [block],
      {
        gate: () => {
          memory.unmap(block, PAGE_SIZE);
          return 0n;
        },
      },
      () => memory.map(block, PAGE_SIZE, 3),
    );
    assert.equal(oops?.ip, 3n);
  });

  it('the same in a loop, where the second load of a round stands behind the helper', () => {
    const { memory } = both;
    const block = memory.alloc('direct', 2 * PAGE_SIZE, PAGE_SIZE);
    const program = both.load(
      source(
        code(
          insn(0xbf, 6, 1),
          insn(0xb7, 9, 0, 0, 5),
          insn(0x79, 7, 6),
          insn(0x85, 0, 0, 0, 8),
          insn(0x79, 0, 6, 8),
          insn(0x17, 9, 0, 0, 1),
          insn(0x55, 9, 0, -5),
          EXIT,
        ),
      ),
    );
    let calls = 0;
    const { oops } = both.run(
      program,
      [block],
      {
        gate: () => {
          if (++calls === 3) memory.unmap(block, PAGE_SIZE);
          return 0n;
        },
      },
      () => {
        memory.map(block, PAGE_SIZE, 3);
        calls = 0;
      },
    );
    assert.deepEqual([oops?.ip, calls], [4n, 3]);
  });
});

describe('probe loads fault as on the interpreter', () => {
  const OPCODES = [0x31, 0x29, 0x21, 0x39, 0x51, 0x49, 0x41];
  const OFFSETS = [0, 8, 344, -16, 4000];
  for (const version of ['6.12', '6.1', '5.5'] as KernelVersion[])
    it(version, async () => {
      const both = await BothEngines.create(version);
      const { memory } = both;
      const block = memory.alloc('direct', 2 * PAGE_SIZE, PAGE_SIZE);
      const pages = memory.alloc('vmalloc', PAGE_SIZE);
      const user = memory.alloc('user', 64);
      const bases = [
        block + 64n,
        block + 2n * PAGE - 4n,
        pages,
        pages + PAGE - 3n,
        user,
        0n,
        0x7f0000001000n,
        0x7ffffffff000n,
        0x800000000000n,
        0x800000000001n,
        0x7ffffffffff8n,
        0xdead000000000100n,
        0xffff8880f0000000n,
        0xffffffffff600000n,
        0xffffffffff5ffff8n,
        0xfffffffffffffffen,
      ];
      const kinds = new Set<string>();
      for (const opcode of version === '6.12' ? OPCODES : OPCODES.slice(0, 4))
        for (const off of OFFSETS) {
          const program = both.load(
            source(code(insn(0xb7, 6, 0, 0, -1), insn(opcode, 6, 1, off), insn(0xbf, 0, 6), EXIT)),
          );
          for (const base of bases) {
            const { faults, oops } = both.run(program, [base]);
            kinds.add(oops ? 'oops' : (faults[0]?.kind ?? 'value'));
          }
          both.unload(program);
        }
      const guards = version === '5.5' ? [] : ['guard'];
      const oopses = version === '6.1' ? ['oops'] : [];
      assert.deepEqual([...kinds].sort(), ['gp', ...guards, ...oopses, 'pf', 'value'].sort());
    });

  it('the ring keeps the newest of many faults', async () => {
    const both = await BothEngines.create();
    const insns = code(
      insn(0xb7, 6, 0, 0, 9000),
      insn(0xbf, 1, 6),
      insn(0x39, 0, 1, 0),
      insn(0x17, 6, 0, 0, 1),
      insn(0x55, 6, 0, -4),
      EXIT,
    );
    const { faults } = both.run(both.load(source(insns)), []);
    assert.equal(faults.length, 8192);
    assert.equal(faults[8191].address, 1n);
  });
});
