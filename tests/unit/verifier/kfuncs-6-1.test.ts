import { type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const tc = { type: 'SCHED_CLS' } as const;
const OUT = '\nout: r0 = 0\nexit';
const ZERO = '*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8';
const ACQUIRE = `${ZERO}\ncall kfunc bpf_kfunc_call_test_acquire`;
const OWNED = `${ACQUIRE}\nif r0 == 0x0 goto out\nr6 = r0`;
const RELEASE = '\nr1 = r6\ncall kfunc bpf_kfunc_call_test_release';
const memory = (struct: string): string =>
  `arg#0 pointer type ${struct} must point to scalar, or struct with scalar`;

/** The functions that Linux 6.1 has for its own tests: what they take is in their prototypes and names. */
const cases: readonly VerifierCase[] = [
  {
    rule: '6.1: test kfuncs',
    name: 'a reference taken, looked at, given back',
    ...tc,
    text: `${OWNED}\nr1 = *(u32 *)(r6 +0)\nr1 = r6\ncall kfunc bpf_kfunc_call_test_ref${RELEASE}${OUT}`,
    want61: 'ok',
    exentries61: 1,
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: '6.1: of a test kfunc',
    ...tc,
    text: `${OWNED}${OUT}`,
    want61: einval('Unreleased reference id=2 alloc_insn=3'),
  },
  {
    rule: '6.1: test kfuncs',
    name: 'given back unchecked',
    ...tc,
    text: `${ACQUIRE}\nr6 = r0${RELEASE}${OUT}`,
    want61: einval(memory('STRUCT prog_test_ref_kfunc')),
  },
  {
    rule: 'release kernel function %s expects refcounted PTR_TO_BTF_ID',
    name: '6.1: what the owned struct points to',
    ...tc,
    text: `${OWNED}\nr1 = *(u64 *)(r6 +16)\ncall kfunc bpf_kfunc_call_test_release${RELEASE}${OUT}`,
    want61: einval('release kernel function bpf_kfunc_call_test_release expects refcounted PTR_TO_BTF_ID'),
  },
  {
    rule: '6.1: test kfuncs',
    name: 'a reference is wanted',
    ...tc,
    text: `${OWNED}\nr1 = *(u64 *)(r6 +16)\ncall kfunc bpf_kfunc_call_test_ref${RELEASE}${OUT}`,
    want61: einval('R1 must be referenced'),
  },
  {
    rule: '6.1: test kfuncs',
    name: 'a socket of any kind',
    ...tc,
    text: `
      r1 = *(u64 *)(r1 +168)
      if r1 == 0x0 goto out
      call bpf_sk_fullsock
      if r0 == 0x0 goto out
      r1 = r0
      r2 = 1
      r3 = 2
      call kfunc bpf_kfunc_call_test2${OUT}`,
    want61: 'ok',
  },
  {
    rule: '6.1: test kfuncs',
    name: 'the context',
    ...tc,
    text: `call kfunc bpf_kfunc_call_test_pass_ctx${OUT}`,
    want61: 'ok',
  },
  {
    rule: '6.1: test kfuncs',
    name: 'a struct of numbers',
    ...tc,
    text: `*(u64 *)(r10 -16) = 0\n${ZERO}\nr1 += -8\ncall kfunc bpf_kfunc_call_test_pass1${OUT}`,
    want61: 'ok',
  },
  {
    rule: '6.1: test kfuncs',
    name: 'a struct with a pointer',
    ...tc,
    text: `*(u64 *)(r10 -16) = 0\n${ZERO}\nr1 += -8\ncall kfunc bpf_kfunc_call_test_fail1${OUT}`,
    want61: einval(memory('STRUCT prog_test_fail1')),
  },
  {
    rule: '6.1: test kfuncs',
    name: 'memory and its size',
    ...tc,
    text: `${ZERO}\nr2 = 8\ncall kfunc bpf_kfunc_call_test_mem_len_pass1${OUT}`,
    want61: 'ok',
  },
  {
    rule: '6.1: test kfuncs',
    name: 'memory, and a number that is not its size',
    ...tc,
    text: `${ZERO}\nr2 = 8\ncall kfunc bpf_kfunc_call_test_mem_len_fail1${OUT}`,
    want61: einval(memory('UNKNOWN ')),
  },
  {
    rule: '6.1: test kfuncs',
    name: 'memory of a size that was asked for',
    ...tc,
    text: `${OWNED}\nr1 = r6\nr2 = 8\ncall kfunc bpf_kfunc_call_test_get_rdwr_mem
      if r0 == 0x0 goto +2\nr1 = 1\n*(u32 *)(r0 +4) = r1${RELEASE}${OUT}`,
    want61: 'ok',
  },
  {
    rule: 'calling kernel function %s is not allowed',
    name: '6.1: a test kfunc from a packet filter',
    type: 'XDP',
    text: `${ACQUIRE}${OUT}`,
    want61: ['EACCES', 'calling kernel function bpf_kfunc_call_test_acquire is not allowed'],
  },
];

verifierCases('kernel functions of Linux 6.1', cases);
