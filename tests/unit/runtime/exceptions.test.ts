import assert from 'node:assert/strict';
import test from 'node:test';
import type { LoadedProgram } from '../../../host/runtime/loaded-program.js';
import { testKernel } from '../../support/kernel.js';
import { type CaseMap, loadCase, MAP } from '../../support/verifier-cases.js';

const kernel = await testKernel();
const frame = Uint8Array.from({ length: 60 }, (_, at) => at);

function load(text: string, c: string, maps: readonly CaseMap[] = []): LoadedProgram {
  return kernel.load(loadCase({ rule: 'exceptions', type: 'SCHED_CLS', text, c, maps }, '6.12').spec);
}

const HANDLED = `int main(struct __sk_buff *ctx) __tag(exception_callback:handler); int handler(u64 cookie);`;
/** Uses every saved register, its stack and a function. */
const HANDLER = `
  handler: r6 = r1
  r7 = 2
  r8 = 3
  r9 = 4
  *(u64 *)(r10 -8) = r6
  *(u64 *)(r10 -256) = r9
  r1 = r8
  call twice
  r6 = *(u64 *)(r10 -8)
  r0 += r6
  r0 += r7
  r0 += r8
  r9 = *(u64 *)(r10 -256)
  r0 += r9
  exit`;
const TWICE = `
  twice: r0 = r1
  r0 += r1
  exit`;
const handled = (cookie: number): number => cookie + 15;

const cases: [what: string, text: string, c: string, r0: number][] = [
  [
    'thrown by the main program',
    `r1 = 5
    call kfunc bpf_throw
    r0 = 0
    exit${HANDLER}${TWICE}`,
    `${HANDLED} static int twice(int a);`,
    handled(5),
  ],
  [
    'thrown two calls below, with registers and stack in use',
    `r6 = 60
    r7 = 70
    r8 = 80
    r9 = 90
    *(u64 *)(r10 -16) = r6
    r1 = 7
    call outer
    r0 = 1
    exit
    outer: r6 = r1
    r9 = 3
    *(u64 *)(r10 -64) = r9
    r1 = r6
    call inner
    r0 = 2
    exit
    inner: r6 = 1
    r7 = 1
    r8 = 1
    *(u64 *)(r10 -128) = r6
    call kfunc bpf_throw
    r0 = 3
    exit${HANDLER}${TWICE}`,
    `${HANDLED} static int outer(int a); static int inner(int a); static int twice(int a);`,
    handled(7),
  ],
  [
    'not thrown',
    `r6 = r1
    r1 = *(u32 *)(r6 +0)
    if r1 != 0x0 goto fine
    r1 = 5
    call kfunc bpf_throw
    fine: r0 = 9
    exit${HANDLER}${TWICE}`,
    `${HANDLED} static int twice(int a);`,
    9,
  ],
  [
    'thrown without a callback of its own',
    `r1 = 33
    call kfunc bpf_throw
    r0 = 0
    exit`,
    'int main(struct __sk_buff *ctx);',
    33,
  ],
];

for (const [what, text, c, expected] of cases)
  test(`an exception ${what}`, () => {
    const program = load(text, c);
    assert.equal(program.jitError, null);
    const context = kernel.context.skb(frame);
    assert.equal(program.run(context, { engine: 'all' }).retval, expected);
    const steps = (['interp', 'wasm'] as const).map((engine) => program.run(context, { engine }).steps);
    assert.equal(steps[0], steps[1]);
    for (const engine of ['x86', 'interp', 'wasm'] as const) {
      const { steps: whole } = program.run(context, { engine });
      assert.throws(() => program.run(context, { engine, maxSteps: whole - 1n }), { code: 'LIMIT_STEPS' });
    }
    program.close();
  });

test('an exception of a program that was called by tail call goes to its own callback', () => {
  const thrower = load(
    `r1 = 5
    call kfunc bpf_throw
    r0 = 0
    exit${HANDLER}${TWICE}`,
    `${HANDLED} static int twice(int a);`,
  );
  for (const own of ['', ' __tag(exception_callback:handler)']) {
    const caller = load(
      `r6 = r1
      r7 = *(u32 *)(r6 +0)
      if r7 == 0x0 goto other
      r2 = map_fd 0
      r3 = 0
      call bpf_tail_call
      r0 = 1
      exit
      other: r1 = 8
      ${own === '' ? 'r0 = 0' : 'call kfunc bpf_throw'}
      r0 = 2
      exit${own === '' ? '' : '\nhandler: r0 = 77\nexit'}`,
      `int main(struct __sk_buff *ctx)${own};${own === '' ? '' : ' int handler(u64 cookie);'}`,
      [{ type: MAP.PROG_ARRAY, value: 4 }],
    );
    caller.maps[0]!.update(0, thrower);
    const { retval } = caller.run(kernel.context.skb(frame), { engine: 'all' });
    assert.equal(retval, handled(5));
    caller.close();
  }
});
