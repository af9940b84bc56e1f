import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { verify } from '../../../host/verifier/verify.js';
import { loadCore } from '../../support/jit.js';
import { loadCase, MAP } from '../../support/verifier-cases.js';

interface Case {
  readonly name: string;
  readonly text: string;
  /** Functions that keep a tail-call counter, by name. */
  readonly want: readonly string[];
}

const TAIL = `
  r1 = r6
  r2 = map_fd 0
  r3 = 0
  call bpf_tail_call`;
const c = `
  struct value { struct bpf_timer t; };
  int main(struct __sk_buff *ctx); static int a(struct __sk_buff *ctx); static int b(struct __sk_buff *ctx);
  static int leaf(struct __sk_buff *ctx); static int cb(void *map, u32 *key, struct value *value);`;
const maps = [{ type: MAP.PROG_ARRAY }, { type: MAP.ARRAY, value: 'struct value' }];
const OUT = `
  r0 = 0
  exit`;
const CALL = (name: string): string => `
  r1 = r6
  call ${name}`;
const START = 'r6 = r1';

const cases: readonly Case[] = [
  {
    name: 'no tail call',
    text: `${START}${CALL('a')}${OUT}
      a: r0 = 0
      exit`,
    want: [],
  },
  {
    name: 'those on the way to the tail call',
    text: `${START}${CALL('leaf')}${CALL('b')}${OUT}
      leaf: r0 = 0
      exit
      b: ${START}${CALL('a')}${OUT}
      a: ${START}${TAIL}${OUT}`,
    want: ['main', 'a', 'b'],
  },
  {
    name: 'those that call anything after it',
    text: `${START}${CALL('a')}${CALL('b')}${OUT}
      a: ${START}${TAIL}${OUT}
      b: ${START}${CALL('leaf')}${OUT}
      leaf: r0 = 0
      exit`,
    want: ['main', 'a', 'b'],
  },
  {
    name: 'not those that called before it',
    text: `${START}${CALL('b')}${CALL('a')}${OUT}
      a: ${START}${TAIL}${OUT}
      b: ${START}${CALL('leaf')}${OUT}
      leaf: r0 = 0
      exit`,
    want: ['main', 'a'],
  },
  {
    name: 'a callback that runs later is a walk of its own',
    text: `${START}${CALL('b')}
      r1 = map_value 1
      r2 = func cb
      call bpf_timer_set_callback${OUT}
      cb: ${START}${CALL('a')}${OUT}
      a: r0 = 0
      exit
      b: ${START}${CALL('leaf')}${OUT}
      leaf: ${START}${TAIL}${OUT}`,
    want: ['main', 'b', 'leaf'],
  },
];

let core: Core;

before(async () => {
  core = await loadCore();
});

for (const { name, text, want } of cases) {
  test(`tail-call counter: ${name}`, () => {
    const { spec, kernel } = loadCase({ rule: '', type: 'SCHED_CLS', text, c, maps }, '6.12');
    const { functions } = verify(spec, kernel, { core });
    assert.deepEqual(
      functions
        .filter((one) => one.tailCallReachable)
        .map((one) => one.name)
        .sort(),
      [...want].sort(),
    );
  });
}
