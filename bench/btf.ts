import { Btf } from '../host/btf/btf.js';
import { BtfKind } from '../host/btf/types.js';
import { vmlinuxBtf } from '../tests/support/goldens.js';
import type { Suite } from './main.js';
import { compare } from './ratio.js';
import { read } from './reading.js';

export const rows: Suite['rows'] = async function* ({ quick, progress }) {
  const bytes = vmlinuxBtf('6.12');
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const baseline = {
    name: 'one pass over its words',
    count: words.length,
    run() {
      let sum = 0;
      for (let at = 0; at < words.length; at++) sum = (sum + words[at]) | 0;
      return sum;
    },
  };
  const parse = { name: 'index vmlinux 6.12', count: words.length, run: () => Btf.parse(bytes).count };
  const rounds = quick ? 3 : 9;
  yield compare('btf', parse, baseline, 'ns/word', {
    rounds,
    minMs: quick ? 20 : 200,
    onRound: (done) => progress(`btf: round ${done} of ${rounds}`),
  });
  const btf = Btf.parse(bytes);
  const task = btf.find('task_struct', BtfKind.STRUCT);
  await read(
    'btf',
    {
      'find a struct by name': () => btf.find('sk_buff', BtfKind.STRUCT),
      'resolve task_struct.se.run_node': () => btf.member(task, 'se.run_node'),
    },
    quick,
  );
};
