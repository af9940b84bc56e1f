import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const catching = {
  type: 'SCHED_CLS',
  c: `int main(struct __sk_buff *ctx) __tag(exception_callback:handler);
    int handler(u64 cookie); static int two(int a, int b);`,
} as const;
const THROW = `
  r1 = 5
  call kfunc bpf_throw
  r0 = 0
  exit`;
const HANDLER = `
  handler: r0 = 0
  exit`;

const cases: readonly VerifierCase[] = [
  {
    rule: "exception callback '%s' could not be found in BTF",
    ...catching,
    text: `${THROW}${HANDLER}`,
    want: 'ok',
  },
  {
    rule: "exception callback '%s' could not be found in BTF",
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx) __tag(exception_callback:nobody);',
    text: THROW,
    want: ['ENOENT', "exception callback 'nobody' could not be found in BTF"],
  },
  {
    rule: "exception callback '%s' must have global linkage",
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx) __tag(exception_callback:handler); static int handler(u64 cookie);',
    text: `${THROW}${HANDLER}`,
    want: ['EINVAL', "exception callback 'handler' must have global linkage"],
  },
  {
    rule: 'multiple exception callback tags for main subprog',
    type: 'SCHED_CLS',
    c: `int main(struct __sk_buff *ctx) __tag(exception_callback:handler) __tag(exception_callback:other);
      int handler(u64 cookie);`,
    text: `${THROW}${HANDLER}`,
    want: ['EEXIST', 'multiple exception callback tags for main subprog'],
  },
  {
    rule: 'insn %d cannot call exception cb directly',
    ...catching,
    text: `r1 = 0
      call handler
      r0 = 0
      exit${HANDLER}`,
    want: ['EINVAL', 'insn 1 cannot call exception cb directly'],
  },
  {
    rule: 'cannot tail call within exception cb',
    ...catching,
    maps: [{ type: MAP.PROG_ARRAY, value: 4 }],
    text: `*(u64 *)(r10 -8) = r1${THROW}
      handler: r0 = 0
      if r0 == 0x0 goto end
      r2 = map_fd 0
      r3 = 0
      call bpf_tail_call
      end: r0 = 0
      exit`,
    want: ['EINVAL', 'cannot tail call within exception cb'],
  },
  {
    rule: 'exception cb only supports single integer argument',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx) __tag(exception_callback:handler); int handler(u64 a, u64 b);',
    text: `${THROW}${HANDLER}`,
    want: ['EINVAL', 'exception cb only supports single integer argument'],
  },
  {
    rule: 'calling kernel function %s is not allowed',
    name: 'bpf_throw',
    type: 'SOCKET_FILTER',
    text: THROW,
    want: ['EACCES', 'calling kernel function bpf_throw is not allowed'],
  },
];

verifierCases('exceptions', cases);
