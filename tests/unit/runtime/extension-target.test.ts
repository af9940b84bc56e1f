import assert from 'node:assert/strict';
import test from 'node:test';
import { VerifierError } from '../../../host/verifier/verifier-error.js';
import { testKernel } from '../../support/kernel.js';
import { loadCase, type VerifierCase } from '../../support/verifier-cases.js';

const kernel = await testKernel();
const spec = (given: Partial<VerifierCase>) => loadCase({ rule: '', ...given }, '6.12').spec;
const C =
  'struct __sk_buff { u32 len; }; int main(struct __sk_buff *ctx); int policy(struct __sk_buff *skb);';
const target = kernel.load(
  spec({ type: 'SCHED_CLS', c: C, text: 'call policy\nexit\npolicy: r0 = 0\nexit' }),
);
const MINE = 'struct __sk_buff { u32 len; }; int mine(struct __sk_buff *skb);';
const replacing = (name: string) =>
  spec({
    type: 'EXT',
    attach: { kind: 'freplace', target: name },
    ...{ c: MINE, text: 'r0 = *(u32 *)(r1 +0)\nexit' },
  });

test('a function of a loaded program is replaced by one that fits', () => {
  const program = kernel.load(replacing('policy'), [], { target });
  assert.equal(program.verified.functions.length, 1);
  assert.equal(program.verified.spec.type, 28);
});

test('without the program there is nothing to replace', () => {
  assert.throws(() => kernel.load(replacing('wake_up_new_task')), {
    name: VerifierError.name,
    message: /Cannot replace kernel functions/,
  });
});
