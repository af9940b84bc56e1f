import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { disassemble } from '../../host/asm/kernel-dialect.js';
import { Btf } from '../../host/btf/btf.js';
import { goldens, vmlinuxBtf } from '../support/goldens.js';

const LINE = /^\s*(?:from \d+ to \d+: .*?)?(\d+): (\([0-9a-f]{2}\) .*)$/;
const PSEUDO_ADDRESS = /^\(18\) r\d+ = 0xffff/;

const corpora = readdirSync(new URL('../fixtures/goldens/', import.meta.url))
  .map((name) => /^(6\.\d+)-(\w+)-(\w+)\.jsonl\.gz$/.exec(name))
  .filter((match) => match !== null)
  .map((match) => [match[1], match[2], match[3]]);

for (const kernel of ['6.1', '6.12']) {
  test(`${kernel}: every instruction line of the verifier logs`, () => {
    const btf = Btf.parse(vmlinuxBtf(kernel));
    const kfunc = (id: number): string => btf.type(id).name;
    let lines = 0;
    for (const [, corpus, profile] of corpora.filter(([k]) => k === kernel)) {
      for (const golden of goldens(kernel, corpus, profile)) {
        const insns = Uint8Array.from(Buffer.from(golden.insns_hex, 'hex'));
        const log = (golden.log_tail ?? '').split('\n');
        // The first line of a tail may have lost its beginning.
        for (const line of golden.log_len === golden.log_tail?.length ? log : log.slice(1)) {
          const match = LINE.exec(line);
          if (match === null) continue;
          const index = Number(match[1]);
          const [printed] = match[2].split(/\s+;/);
          const ours = disassemble(insns, index, { kfunc, isaV4: kernel !== '6.1' });
          const want = printed.trimEnd();
          if (PSEUDO_ADDRESS.test(want) && insns[index * 8 + 1] >> 4 !== 0) {
            assert.equal(ours.split(' = ')[0], want.split(' = ')[0], `${golden.id}: ${line}`);
          } else assert.equal(ours, want, `${golden.id} ${profile}: ${line}`);
          lines++;
        }
      }
    }
    assert.ok(lines > 1000, `${lines} lines compared`);
  });
}
