import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const OUT = `
  out: r0 = 0
  exit`;
const tc = { type: 'SCHED_CLS' } as const;
const RING = { type: MAP.RINGBUF, key: 0, value: 0, max: 4096 };
const ringbuf = { type: 'SCHED_CLS', maps: [RING] } as const;
const array = { type: 'SCHED_CLS', maps: [{ type: MAP.ARRAY, value: 16 }] } as const;
/** Dynptr over a map value at fp-16. */
const LOCAL = `
  r1 = map_value 0
  r2 = 16
  r3 = 0
  r4 = r10
  r4 += -16
  call bpf_dynptr_from_mem`;
/** Dynptr of a ring buffer record at fp-16. */
const RESERVE = `
  r1 = map_fd 0
  r2 = 16
  r3 = 0
  r4 = r10
  r4 += -16
  call bpf_ringbuf_reserve_dynptr`;
const at = (reg: string, off: number): string => `
  ${reg} = r10
  ${reg} += ${off}`;
const SUBMIT = `${at('r1', -16)}
  r2 = 0
  call bpf_ringbuf_submit_dynptr`;
const READ = (off: number): string => `${at('r1', -32)}
  r2 = 8${at('r3', off)}
  r4 = 0
  r5 = 0
  call bpf_dynptr_read`;
const DATA = `${at('r1', -16)}
  r2 = 0
  r3 = 8
  call bpf_dynptr_data`;
const FROM_SKB = `
  r6 = r1
  r2 = 0${at('r3', -16)}
  call kfunc bpf_dynptr_from_skb`;
const SLICE = (name: string): string => `${at('r1', -16)}
  r2 = 0${at('r3', -32)}
  r4 = 8
  call kfunc ${name}`;

const cases: readonly VerifierCase[] = [
  ...(
    [
      ['NETFILTER', {}, 8, 'ok'],
      ['TRACING', { attachType: 23, attach: { kind: 'tp_btf', target: 'kfree_skb' } }, 0, 'ok'],
      [
        'TRACING',
        { attachType: 24, attach: { kind: 'fentry', target: 'napi_gro_receive' } },
        8,
        ['EINVAL', 'R1 must be referenced or trusted'],
      ],
    ] as const
  ).map(([type, about, offset, want]): VerifierCase => ({
    rule: 'the struct sk_buff behind __sk_buff is as good as a context',
    name: `${type} ${want}`,
    ...{ type, ...about, text: `r1 = *(u64 *)(r1 +${offset})${FROM_SKB}${OUT}`, want },
  })),
  {
    rule: 'Expected an initialized dynptr as arg #%d',
    ...array,
    text: `${LOCAL}${READ(-16)}${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'Expected an initialized dynptr as arg #%d',
    ...array,
    text: `${READ(-16)}${OUT}`,
    want: ['EINVAL', 'Expected an initialized dynptr as arg #2'],
    want61: ['EINVAL', 'Expected an initialized dynptr as arg #3'],
  },
  {
    rule: 'Expected an initialized dynptr as arg #%d',
    name: 'its second half',
    ...array,
    text: `${LOCAL}${READ(-8)}${OUT}`,
    want: ['EINVAL', 'Expected an initialized dynptr as arg #2'],
    want61: ['EINVAL', 'Expected an initialized dynptr as arg #3'],
  },
  {
    rule: 'Expected an initialized dynptr as arg #%d',
    name: 'overwritten',
    ...array,
    text: `${LOCAL}
      *(u64 *)(r10 -8) = 1${READ(-16)}${OUT}`,
    want: ['EINVAL', 'Expected an initialized dynptr as arg #2'],
    want61: ['EINVAL', 'Expected an initialized dynptr as arg #3'],
  },
  {
    rule: 'cannot pass in %s at an offset=%d',
    ...array,
    text: `${LOCAL}${READ(-12)}${OUT}`,
    want: ['EINVAL', 'cannot pass in dynptr at an offset=-12\nExpected an initialized dynptr as arg #2'],
  },
  {
    rule: '%s has to be at a constant offset',
    ...array,
    text: `r8 = *(u32 *)(r1 +0)
      r8 &= 8${LOCAL}${at('r1', -48)}
      r2 = 8${at('r3', -24)}
      r3 += r8
      r4 = 0
      r5 = 0
      call bpf_dynptr_read${OUT}`,
    want: ['EINVAL', 'dynptr has to be at a constant offset\nExpected an initialized dynptr as arg #2'],
  },
  {
    rule: 'arg#%d expected pointer to stack or const struct bpf_dynptr',
    ...array,
    text: `${at('r1', -32)}
      r2 = 8
      r3 = map_value 0
      r4 = 0
      r5 = 0
      call bpf_dynptr_read${OUT}`,
    want: ['EACCES', 'R3 type=map_value expected=fp, dynptr_ptr'],
  },
  {
    rule: 'Unsupported reg type %s for bpf_dynptr_from_mem data',
    ...tc,
    text: `*(u64 *)(r10 -32) = 0${at('r1', -32)}
      r2 = 8
      r3 = 0${at('r4', -16)}
      call bpf_dynptr_from_mem${OUT}`,
    want: ['EACCES', 'Unsupported reg type fp for bpf_dynptr_from_mem data'],
    want61: ['EACCES', 'Unsupported reg type fp for bpf_dynptr_from_mem data'],
  },
  {
    rule: 'arg %d is an unacquired reference',
    ...array,
    text: `${LOCAL}${SUBMIT}${OUT}`,
    want: ['EINVAL', 'arg 1 is an unacquired reference'],
    want61: ['EINVAL', 'arg 1 is an unacquired reference'],
  },
  {
    rule: 'cannot overwrite referenced dynptr',
    name: 'submitted',
    ...ringbuf,
    text: `${RESERVE}${SUBMIT}${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'ring buffer dynptr',
    ...ringbuf,
    text: `${RESERVE}${OUT}`,
    want: ['EINVAL', 'Unreleased reference id=2 alloc_insn=6'],
  },
  {
    rule: 'cannot overwrite referenced dynptr',
    name: 'by a store',
    ...ringbuf,
    text: `${RESERVE}
      *(u64 *)(r10 -8) = 1${OUT}`,
    want: ['EINVAL', 'cannot overwrite referenced dynptr'],
  },
  {
    rule: 'cannot overwrite referenced dynptr',
    name: 'by another',
    ...ringbuf,
    text: `${RESERVE}${RESERVE}${OUT}`,
    want: ['EINVAL', 'cannot overwrite referenced dynptr'],
  },
  {
    rule: 'potential write to dynptr at off=%d disallowed',
    ...array,
    text: `${LOCAL}${at('r1', -16)}
      r2 = 16
      r3 = 0
      call bpf_probe_read_kernel${OUT}`,
    want: ['EACCES', 'potential write to dynptr at off=-16 disallowed'],
  },
  {
    rule: 'invalid%s read from stack R%d off %d+%d size %d',
    name: 'dynptr read as memory',
    ...array,
    text: `${LOCAL}${at('r3', -16)}
      r2 = r3
      r1 = map_fd 0
      call bpf_map_lookup_elem${OUT}`,
    want: ['EACCES', 'invalid indirect read from stack R2 off -16+0 size 4'],
  },
  {
    rule: 'invalid read from stack off %d+%d size %d',
    name: 'dynptr loaded',
    ...array,
    text: `${LOCAL}
      r1 = *(u64 *)(r10 -16)${OUT}`,
    want: ['EACCES', 'invalid read from stack off -16+0 size 8'],
  },
  {
    rule: 'slices',
    ...ringbuf,
    text: `${RESERVE}${DATA}
      if r0 == 0x0 goto done
      *(u64 *)(r0 +0) = 1
      done: ${SUBMIT.trim()}${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'slices',
    name: 'NULL check missing',
    ...ringbuf,
    text: `${RESERVE}${DATA}
      *(u64 *)(r0 +0) = 1${SUBMIT}${OUT}`,
    want: ['EACCES', "R0 invalid mem access 'mem_or_null'"],
    want61: ['EACCES', "R0 invalid mem access 'mem_or_null'"],
  },
  {
    rule: 'slices',
    name: 'too long',
    ...ringbuf,
    text: `${RESERVE}${DATA}
      if r0 == 0x0 goto done
      *(u64 *)(r0 +8) = 1
      done: ${SUBMIT.trim()}${OUT}`,
    want: [
      'EACCES',
      'invalid access to memory, mem_size=8 off=8 size=8\nR0 min value is outside of the allowed memory range',
    ],
  },
  {
    rule: 'slices',
    name: 'after submit',
    ...ringbuf,
    text: `${RESERVE}${DATA}
      if r0 == 0x0 goto done
      r7 = r0${SUBMIT}
      *(u64 *)(r7 +0) = 1
      goto out
      done: ${SUBMIT.trim()}${OUT}`,
    want: ['EACCES', "R7 invalid mem access 'scalar'"],
    want61: ['EACCES', "R7 invalid mem access 'scalar'"],
  },
  {
    rule: "R%d is not a known constant'",
    name: 'slice',
    ...array,
    text: `r7 = *(u32 *)(r1 +0)${LOCAL}${at('r1', -16)}
      r2 = 0
      r3 = r7
      call bpf_dynptr_data${OUT}`,
    want: ['EACCES', "R3 is not a known constant'"],
    want61: ['EACCES', "R3 is not a known constant'"],
  },
  {
    rule: 'packet dynptrs',
    ...tc,
    text: `${FROM_SKB}${SLICE('bpf_dynptr_slice')}
      if r0 == 0x0 goto out
      r1 = *(u64 *)(r0 +0)${OUT}`,
    want: 'ok',
  },
  {
    rule: 'packet dynptrs',
    name: 'writable slice',
    ...tc,
    text: `${FROM_SKB}${SLICE('bpf_dynptr_slice_rdwr')}
      if r0 == 0x0 goto out
      *(u64 *)(r0 +0) = 1${OUT}`,
    want: 'ok',
  },
  {
    rule: 'packet dynptrs',
    name: 'read-only slice',
    ...tc,
    text: `${FROM_SKB}${SLICE('bpf_dynptr_slice')}
      if r0 == 0x0 goto out
      *(u64 *)(r0 +0) = 1${OUT}`,
    want: ['EACCES', 'R0 cannot write into rdonly_mem'],
  },
  {
    rule: 'the prog does not allow writes to packet data',
    type: 'CGROUP_SKB',
    text: `${FROM_SKB}${SLICE('bpf_dynptr_slice_rdwr')}${OUT}`,
    want: ['EINVAL', 'the prog does not allow writes to packet data'],
  },
  {
    rule: 'packet dynptrs',
    name: 'slice after the packet changed',
    ...tc,
    text: `${FROM_SKB}${SLICE('bpf_dynptr_slice')}
      if r0 == 0x0 goto out
      r7 = r0
      r1 = r6
      r2 = 0
      call bpf_skb_pull_data
      r1 = *(u64 *)(r7 +0)${OUT}`,
    want: ['EACCES', "R7 invalid mem access 'scalar'"],
  },
  {
    rule: 'arg#%d arg#%d memory, len pair leads to invalid memory access',
    ...tc,
    text: `${FROM_SKB}${at('r1', -16)}
      r2 = 0${at('r3', -8)}
      r4 = 16
      call kfunc bpf_dynptr_slice${OUT}`,
    want: ['EINVAL', 'arg#2 arg#3 memory, len pair leads to invalid memory access'],
  },
  {
    rule: 'R%d must be a known constant',
    name: 'slice size',
    ...tc,
    text: `r8 = *(u32 *)(r1 +0)
      r8 &= 7${FROM_SKB}${at('r1', -16)}
      r2 = 0${at('r3', -32)}
      r4 = r8
      call kfunc bpf_dynptr_slice${OUT}`,
    want: ['EINVAL', 'R4 must be a known constant'],
  },
  {
    rule: 'copies of dynptrs',
    ...array,
    text: `${LOCAL}${at('r1', -16)}${at('r2', -32)}
      call kfunc bpf_dynptr_clone${at('r1', -32)}
      call kfunc bpf_dynptr_size${OUT}`,
    want: 'ok',
  },
  {
    rule: 'cannot pass pointer to const bpf_dynptr, the helper mutates it',
    ...tc,
    c: 'int main(struct __sk_buff *ctx); static int cb(struct bpf_dynptr *d, void *ctx);',
    maps: [{ type: MAP.USER_RINGBUF, key: 0, value: 0, max: 4096 }],
    text: `r1 = map_fd 0
      r2 = func cb
      r3 = 0
      r4 = 0
      call bpf_user_ringbuf_drain${OUT}
      cb: r2 = 0
      r3 = 1
      call kfunc bpf_dynptr_adjust
      r0 = 0
      exit`,
    want: ['EINVAL', 'cannot pass pointer to const bpf_dynptr, the helper mutates it'],
  },
  {
    rule: 'cannot release unowned const bpf_dynptr',
    ...tc,
    c: 'int main(struct __sk_buff *ctx); static int cb(struct bpf_dynptr *d, void *ctx);',
    maps: [{ type: MAP.USER_RINGBUF, key: 0, value: 0, max: 4096 }],
    text: `r1 = map_fd 0
      r2 = func cb
      r3 = 0
      r4 = 0
      call bpf_user_ringbuf_drain${OUT}
      cb: r2 = 0
      call bpf_ringbuf_discard_dynptr
      r0 = 0
      exit`,
    want: ['EINVAL', 'cannot release unowned const bpf_dynptr'],
    want61: ['EINVAL', 'arg 1 is an unacquired reference'],
  },
  {
    rule: 'cannot release unowned const bpf_dynptr',
    name: 'read in the callback',
    ...tc,
    c: 'int main(struct __sk_buff *ctx); static int cb(struct bpf_dynptr *d, void *ctx);',
    maps: [{ type: MAP.USER_RINGBUF, key: 0, value: 0, max: 4096 }],
    text: `r1 = map_fd 0
      r2 = func cb
      r3 = 0
      r4 = 0
      call bpf_user_ringbuf_drain${OUT}
      cb: r3 = r1
      r1 = r10
      r1 += -8
      r2 = 8
      r4 = 0
      r5 = 0
      call bpf_dynptr_read
      r0 = 0
      exit`,
    want: 'ok',
  },
];

verifierCases('dynptrs', cases);
