import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { disassembleAll } from '../../../host/asm/kernel-dialect.js';
import { Btf } from '../../../host/btf/btf.js';
import { BtfKind } from '../../../host/btf/types.js';
import { embeddedBtf } from '../../../host/profiles/data/embedded-btf.js';
import { readObjectSpec } from '../../../host/program/object-spec.js';
import { vmlinuxBtf } from '../../support/goldens.js';

const kernels = {
  small: Btf.parse(embeddedBtf()),
  '6.12': Btf.parse(vmlinuxBtf('6.12')),
  '6.1': Btf.parse(vmlinuxBtf('6.1')),
};

/** Section, program type, attach name in BTF, map names and sizes, and a load whose offset the kernel decides. */
const EXAMPLES = [
  [
    'task_walk',
    'fentry/wake_up_new_task',
    26,
    'wake_up_new_task',
    'hops 2 4 40 4',
    'u64',
    'task_struct',
    'real_parent',
  ],
  [
    'file_open',
    'lsm/file_open',
    29,
    'bpf_lsm_file_open',
    'opens 1 8 32 1024',
    'u64',
    'file',
    'f_path.dentry',
  ],
  ['skb_filter', 'tc', 3, null, 'protocols 2 4 24 256', 'u32', '__sk_buff', 'data_end'],
] as const;

for (const [file, section, type, attach, map, size, struct, member] of EXAMPLES) {
  test(`examples/${file}.bpf.o`, () => {
    const bytes = new Uint8Array(readFileSync(new URL(`../../../examples/${file}.bpf.o`, import.meta.url)));
    const listings: Record<string, string> = {};
    for (const [name, kernel] of Object.entries(kernels)) {
      const object = readObjectSpec(bytes, kernel, { fileName: `${file}.bpf.o` });
      assert.equal(object.name, file);
      assert.equal(object.license, 'Dual MIT/GPL');
      const [program, ...others] = object.programs;
      assert.deepEqual(others, []);
      assert.deepEqual([program.name, program.section, program.type], [file, section, type]);
      assert.equal(program.attach === null ? null : kernel.type(program.attach.btfId).name, attach);
      assert.deepEqual(
        object.maps.map(
          (each) => `${each.name} ${each.type} ${each.keySize} ${each.valueSize} ${each.maxEntries}`,
        ),
        [map],
      );
      const listing = disassembleAll(program.insns);
      const offset = kernel.member(kernel.find(struct, BtfKind.STRUCT), member).bitOffset / 8;
      const load = new RegExp(`= \\*\\(${size} \\*\\)\\(r\\d \\+${offset}\\)$`);
      assert.ok(
        listing.some((line) => load.test(line)),
        `${name}: a load of ${struct}.${member} at ${offset}`,
      );
      assert.ok(!listing.some((line) => line.includes('195896080')), `${name}: nothing is poisoned`);
      listings[name] = listing.join('\n');
    }
    assert.equal(listings.small, listings['6.12'], 'the BTF of the package gives the same program');
  });
}
