import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const C = `
  struct local { u64 a; };
  struct value {
    struct task_struct __kptr *task;
    struct task_struct __kptr_untrusted *loose;
    struct local __kptr *own;
    u64 data;
  };
  int main(struct __sk_buff *ctx);
`;
const tc = { type: 'SCHED_CLS', c: C, maps: [{ type: MAP.ARRAY, value: 'struct value' }] } as const;
const VALUE = 'r6 = map_value 0';
const OUT = `
  out: r0 = 0
  exit`;
const TASK = `
  r1 = 1
  call kfunc bpf_task_from_pid
  if r0 == 0x0 goto out
  r7 = r0`;
const XCHG = (offset: number, value: string): string => `
  r1 = r6
  r1 += ${offset}
  r2 = ${value}
  call bpf_kptr_xchg`;
const RELEASE = `
  if r0 == 0x0 goto out
  r1 = r0
  call kfunc bpf_task_release`;

/** The copy of one CPU of an object of each CPU: the program's own struct, which may be written. */
const PERCPU = {
  type: 'SCHED_CLS',
  c: `struct counters { u64 a; u64 b; };
    struct value { struct counters __percpu_kptr *each; };
    int main(struct __sk_buff *ctx);`,
  maps: [{ type: MAP.ARRAY, value: 'struct value' }],
} as const;
const LOADED = `${VALUE}\nr6 = *(u64 *)(r6 +0)\nif r6 == 0x0 goto out\nr1 = r6`;
const perCpu: readonly VerifierCase[] = (
  [
    ['call bpf_this_cpu_ptr\nr1 = *(u64 *)(r0 +8)\n*(u64 *)(r0 +0) = r1', 'ok'],
    ['call bpf_this_cpu_ptr\nr1 = *(u64 *)(r0 +16)', ['EACCES', 'access beyond struct counters at off 16 size 8']],
    ['r2 = 0\ncall bpf_per_cpu_ptr\nif r0 == 0x0 goto out\nr1 = *(u64 *)(r0 +8)', 'ok'],
    ['r2 = 0\ncall bpf_per_cpu_ptr\nr1 = *(u64 *)(r0 +8)', ['EACCES', `R0 invalid mem access 'rcu_ptr_or_null_'`]],
    ['r1 = *(u64 *)(r6 +0)', ['EACCES', 'R6 is ptr_counters access percpu memory: off=0']],
  ] as const
).map(([use, want]) => ({ rule: 'object of each CPU', name: use, ...PERCPU, text: `${LOADED}\n${use}${OUT}`, want })); // prettier-ignore

const cases: readonly VerifierCase[] = [
  { rule: 'kptr exchange', ...tc, text: `${VALUE}${TASK}${XCHG(0, 'r7')}${RELEASE}${OUT}`, want: 'ok' },
  { rule: 'kptr exchange', name: 'NULL', ...tc, text: `${VALUE}${XCHG(0, '0')}${RELEASE}${OUT}`, want: 'ok' },
  {
    rule: 'kptr exchange',
    name: 'an object of the program',
    ...tc,
    text: `${VALUE}
      r1 = typeid(struct local)
      r2 = 0
      call kfunc bpf_obj_new_impl
      if r0 == 0x0 goto out
      r7 = r0${XCHG(16, 'r7')}
      if r0 == 0x0 goto out
      r1 = r0
      r2 = 0
      call kfunc bpf_obj_drop_impl${OUT}`,
    want: 'ok',
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'what was in the map',
    ...tc,
    text: `${VALUE}${XCHG(0, '0')}${OUT}`,
    want: ['EINVAL', 'Unreleased reference id=2 alloc_insn=5'],
  },
  {
    rule: "off=%d kptr isn't referenced kptr",
    ...tc,
    text: `${VALUE}${TASK}${XCHG(8, 'r7')}${RELEASE}${OUT}`,
    want: ['EACCES', "off=8 kptr isn't referenced kptr"],
  },
  {
    rule: "off=%d doesn't point to kptr",
    ...tc,
    text: `${VALUE}${TASK}${XCHG(24, 'r7')}${RELEASE}${OUT}`,
    want: ['EACCES', "off=24 doesn't point to kptr"],
  },
  {
    rule: 'R%d has no valid kptr',
    type: 'SCHED_CLS',
    c: 'struct value { u64 a; }; int main(struct __sk_buff *ctx);',
    maps: [{ type: MAP.ARRAY, value: 'struct value' }],
    text: `${VALUE}${XCHG(0, '0')}${OUT}`,
    want: ['EINVAL', 'R1 has no valid kptr'],
    want61: ['EINVAL', "map 'm' has no valid kptr"],
  },
  {
    rule: "map '%s' has to have BTF in order to use bpf_kptr_xchg",
    type: 'SCHED_CLS',
    maps: [{ type: MAP.ARRAY }],
    text: `${VALUE}${XCHG(0, '0')}${OUT}`,
    want: ['EINVAL', "map 'm' has to have BTF in order to use bpf_kptr_xchg"],
    want61: ['EINVAL', "map 'm' has to have BTF in order to use bpf_kptr_xchg"],
  },
  {
    rule: "R%d doesn't have constant offset. kptr has to be at the constant offset",
    ...tc,
    text: `r8 = *(u32 *)(r1 +0)
      r8 &= 8
      ${VALUE}
      r1 = r6
      r1 += r8
      r2 = 0
      call bpf_kptr_xchg${OUT}`,
    want: ['EINVAL', "R1 doesn't have constant offset. kptr has to be at the constant offset"],
  },
  {
    rule: 'R%d must be referenced when passed to release function',
    name: 'kptr without a reference',
    ...tc,
    text: `${VALUE}
      r2 = *(u64 *)(r6 +0)
      if r2 == 0x0 goto out
      r1 = r6
      call bpf_kptr_xchg${OUT}`,
    want: ['EINVAL', 'R2 must be referenced when passed to release function'],
  },
  {
    rule: 'invalid kptr access, R%d type=%s%s',
    ...tc,
    text: `${VALUE}${TASK}${XCHG(16, 'r7')}${OUT}`,
    want: ['EINVAL', 'invalid kptr access, R2 type=trusted_ptr_task_struct expected=ptr_local'],
  },
  {
    rule: 'store to referenced kptr disallowed',
    name: 'load',
    ...tc,
    text: `${VALUE}
      r1 = *(u64 *)(r6 +0)
      if r1 == 0x0 goto out
      r1 = *(u64 *)(r1 +0)${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'store to referenced kptr disallowed',
    ...tc,
    text: `${VALUE}
      *(u64 *)(r6 +0) = 0${OUT}`,
    want: ['EACCES', 'store to referenced kptr disallowed'],
    want61: ['EACCES', 'store to referenced kptr disallowed'],
  },
  {
    rule: 'BPF_ST imm must be 0 when storing to kptr at off=%u',
    ...tc,
    text: `${VALUE}
      *(u64 *)(r6 +8) = 0${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'BPF_ST imm must be 0 when storing to kptr at off=%u',
    ...tc,
    text: `${VALUE}
      *(u64 *)(r6 +8) = 1${OUT}`,
    want: ['EACCES', 'BPF_ST imm must be 0 when storing to kptr at off=8'],
    want61: ['EACCES', 'BPF_ST imm must be 0 when storing to kptr at off=8'],
  },
  {
    rule: 'invalid kptr access, R%d type=%s%s',
    name: 'number into an untrusted kptr',
    ...tc,
    text: `${VALUE}
      r1 = *(u32 *)(r1 +0)
      *(u64 *)(r6 +8) = r1${OUT}`,
    want: [
      'EINVAL',
      'invalid kptr access, R1 type=scalar expected=ptr_task_struct or untrusted_ptr_task_struct',
    ],
  },
  {
    rule: 'kptr access size must be BPF_DW',
    ...tc,
    text: `${VALUE}
      r1 = *(u32 *)(r6 +0)${OUT}`,
    want: ['EACCES', 'kptr access size must be BPF_DW'],
    want61: ['EACCES', 'kptr access size must be BPF_DW'],
  },
  {
    rule: 'kptr access misaligned expected=%u off=%llu',
    ...tc,
    text: `${VALUE}
      r1 = *(u64 *)(r6 +4)${OUT}`,
    want: ['EACCES', 'kptr access misaligned expected=0 off=4'],
    want61: ['EACCES', 'kptr access misaligned expected=0 off=4'],
  },
  {
    rule: 'kptr in map can only be accessed using BPF_MEM instruction mode',
    ...tc,
    text: `${VALUE}
      r1 = 1
      lock *(u64 *)(r6 +0) += r1${OUT}`,
    want: ['EACCES', 'kptr in map can only be accessed using BPF_MEM instruction mode'],
    want61: ['EACCES', 'kptr in map can only be accessed using BPF_MEM instruction mode'],
  },
  {
    rule: 'kptr cannot be accessed indirectly by helper',
    ...tc,
    text: `r6 = map_value 0
      r1 = r6
      r2 = 8
      r3 = 0
      call bpf_probe_read_kernel${OUT}`,
    want: ['EACCES', 'kptr cannot be accessed indirectly by helper'],
    want61: ['EACCES', 'kptr cannot be accessed indirectly by helper'],
  },
  {
    rule: 'kptr access cannot have variable offset',
    ...tc,
    text: `r8 = *(u32 *)(r1 +0)
      r8 &= 8
      ${VALUE}
      r6 += r8
      r1 = *(u64 *)(r6 +0)${OUT}`,
    want: ['EACCES', 'kptr access cannot have variable offset'],
    want61: ['EACCES', 'kptr access cannot have variable offset'],
  },
];

verifierCases('kptrs', [...cases, ...perCpu]);
