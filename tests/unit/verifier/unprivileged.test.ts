import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const user = { unprivileged: true, maps: [{ type: MAP.ARRAY, value: 64 }] } as const;
const OUT = `
  out: r0 = 0
  exit`;
const LOOKUP = `
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd 0
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out`;
const TWO_TAILS = `
  r6 = r1
  r0 = *(u32 *)(r1 +0)
  r2 = map_fd 0
  if r0 == 0x0 goto call
  r2 = map_fd 1
  call: r1 = r6
  r3 = 0
  call bpf_tail_call
  r0 = 0
  exit`;
const PROHIBITED = 'pointer arithmetic with it prohibited for !root';

const cases: readonly VerifierCase[] = [
  { rule: 'a plain program', unprivileged: true, text: `r0 = 0\nexit`, want: 'ok', want61: 'ok' },
  {
    rule: 'BPF_PROG_LOAD: type without CAP_BPF',
    unprivileged: true,
    type: 'XDP',
    text: `r0 = 0\nexit`,
    want: ['EPERM', ''],
    want61: ['EPERM', ''],
  },
  {
    rule: 'BPF_PROG_LOAD: program length',
    name: '4096',
    unprivileged: true,
    text: `${'r0 = 0\n'.repeat(4095)}exit`,
    want: 'ok',
  },
  {
    rule: 'BPF_PROG_LOAD: program length',
    name: '4097',
    unprivileged: true,
    text: `${'r0 = 0\n'.repeat(4096)}exit`,
    want: ['E2BIG', ''],
  },
  {
    rule: 'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN',
    unprivileged: true,
    text: `call f
      exit
      f: r0 = 0
      exit`,
    want: [
      'EPERM',
      'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN',
    ],
    want61: [
      'EPERM',
      'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN',
    ],
  },
  {
    rule: 'back-edge from insn %d to %d',
    name: 'privileged',
    text: `r0 = 0
      loop: r0 += 1
      if r0 < 0xa goto loop
      exit`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'back-edge from insn %d to %d',
    unprivileged: true,
    text: `r0 = 0
      loop: r0 += 1
      if r0 < 0xa goto loop
      exit`,
    want: ['EINVAL', 'back-edge from insn 2 to 1'],
    want61: ['EINVAL', 'back-edge from insn 2 to 1'],
  },
  {
    rule: 'R%d leaks addr as return value',
    unprivileged: true,
    text: `r0 = r1
      exit`,
    want: ['EACCES', 'R0 leaks addr as return value'],
    want61: ['EACCES', 'R0 leaks addr as return value'],
  },
  {
    rule: 'R%d leaks addr into map',
    ...user,
    text: `r6 = r1${LOOKUP}
      *(u64 *)(r0 +0) = r6${OUT}`,
    want: ['EACCES', 'R6 leaks addr into map'],
    want61: ['EACCES', 'R6 leaks addr into map'],
  },
  {
    rule: 'R%d leaks addr into map',
    name: 'number',
    ...user,
    text: `r6 = 5${LOOKUP}
      *(u64 *)(r0 +0) = r6${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'R%d leaks addr into ctx',
    unprivileged: true,
    text: `*(u32 *)(r1 +48) = r1
      r0 = 0
      exit`,
    want: ['EACCES', 'R1 leaks addr into ctx'],
    want61: ['EACCES', 'R1 leaks addr into ctx'],
  },
  {
    rule: 'invalid%s stack R%d off=%d size=%d',
    ...user,
    text: `*(u32 *)(r10 -4) = 0
      r2 = r10
      r2 += -4
      r3 = r2
      r4 = r10
      r1 = map_fd 0
      call bpf_map_update_elem${OUT}`,
    want: ['EINVAL', 'invalid indirect access to stack R3 off=-4 size=64'],
  },
  {
    rule: 'R%d leaks addr into helper function',
    ...user,
    maps: [{ type: MAP.ARRAY, value: 4 }],
    text: `*(u32 *)(r10 -4) = 0
      r2 = r10
      r2 += -4
      r3 = r2
      r4 = r10
      r1 = map_fd 0
      call bpf_map_update_elem${OUT}`,
    want: ['EACCES', 'R4 leaks addr into helper function'],
    want61: ['EACCES', 'R4 leaks addr into helper function'],
  },
  {
    rule: 'R%d pointer comparison prohibited',
    unprivileged: true,
    text: `if r1 == 0x0 goto out${OUT}`,
    want: ['EACCES', 'R1 pointer comparison prohibited'],
    want61: ['EACCES', 'R1 pointer comparison prohibited'],
  },
  {
    rule: 'R%d pointer comparison prohibited',
    name: 'result of a lookup',
    ...user,
    text: `${LOOKUP}${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'R%d partial copy of pointer',
    unprivileged: true,
    text: `w0 = w1
      exit`,
    want: ['EACCES', 'R1 partial copy of pointer'],
    want61: ['EACCES', 'R1 partial copy of pointer'],
  },
  {
    rule: 'R%d pointer arithmetic prohibited',
    unprivileged: true,
    text: `r1 = -r1
      r0 = 0
      exit`,
    want: ['EACCES', 'R1 pointer arithmetic prohibited'],
    want61: ['EACCES', 'R1 pointer arithmetic prohibited'],
  },
  {
    rule: 'R%d pointer %s pointer prohibited',
    unprivileged: true,
    text: `r2 = r10
      r2 -= r10
      r0 = 0
      exit`,
    want: ['EACCES', 'R2 pointer -= pointer prohibited'],
    want61: ['EACCES', 'R2 pointer -= pointer prohibited'],
  },
  {
    rule: 'attempt to corrupt spilled pointer on stack',
    unprivileged: true,
    text: `*(u64 *)(r10 -8) = r1
      *(u32 *)(r10 -8) = 0
      r0 = 0
      exit`,
    want: ['EACCES', 'attempt to corrupt spilled pointer on stack'],
    want61: ['EACCES', 'attempt to corrupt spilled pointer on stack'],
  },
  {
    rule: 'leaking pointer from stack off %d',
    name: 'atomic',
    unprivileged: true,
    text: `*(u64 *)(r10 -8) = r1
      r0 = 0
      r1 = 0
      lock *(u64 *)(r10 -8) += r1
      exit`,
    want: ['EACCES', 'leaking pointer from stack off -8'],
    want61: ['EACCES', 'leaking pointer from stack off -8'],
  },
  {
    rule: 'invalid read from stack off %d+%d size %d',
    unprivileged: true,
    text: `r0 = *(u64 *)(r10 -8)
      exit`,
    want: ['EACCES', 'invalid read from stack off -8+0 size 8'],
    want61: ['EACCES', 'invalid read from stack off -8+0 size 8'],
  },
  {
    rule: 'R%d variable stack access prohibited for !root, var_off=%s off=%d',
    unprivileged: true,
    text: `r2 = *(u32 *)(r1 +0)
      r2 &= 4
      r2 += -16
      r3 = r10
      r3 += r2
      r0 = 0
      exit`,
    want: [
      'EACCES',
      'R3 variable stack access prohibited for !root, var_off=(0xfffffffffffffff0; 0x4) off=0',
    ],
    want61: [
      'EACCES',
      'R3 variable stack access prohibited for !root, var_off=(0xfffffffffffffff0; 0x4) off=0',
    ],
  },
  {
    rule: 'R%d stack pointer arithmetic goes out of range, prohibited for !root; off=%d',
    unprivileged: true,
    text: `r2 = r10
      r2 += 8
      r0 = 0
      exit`,
    want: ['EACCES', 'R2 stack pointer arithmetic goes out of range, prohibited for !root; off=8'],
    want61: ['EACCES', 'R2 stack pointer arithmetic goes out of range, prohibited for !root; off=8'],
  },
  {
    rule: 'R%d stack pointer arithmetic goes out of range, prohibited for !root; off=%d',
    name: 'inside',
    unprivileged: true,
    text: `r2 = r10
      r2 += -8
      *(u64 *)(r2 +0) = 1
      r0 = 0
      exit`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'R%d pointer arithmetic of map value goes out of range, prohibited for !root',
    ...user,
    text: `${LOOKUP}
      r0 += 64${OUT}`,
    want: ['EACCES', 'R0 pointer arithmetic of map value goes out of range, prohibited for !root'],
    want61: ['EACCES', 'R0 pointer arithmetic of map value goes out of range, prohibited for !root'],
  },
  {
    rule: 'R%d tried to %s beyond pointer bounds, %s',
    name: 'within',
    ...user,
    text: `r6 = *(u32 *)(r1 +0)
      r6 &= 31${LOOKUP}
      r0 += r6
      r1 = *(u8 *)(r0 +0)${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'R%d has unknown scalar with mixed signed bounds, %s',
    ...user,
    text: `r6 = *(u32 *)(r1 +0)
      r6 &= 31
      r6 -= 16${LOOKUP}
      r0 += r6${OUT}`,
    want: ['EACCES', `R6 has unknown scalar with mixed signed bounds, ${PROHIBITED}`],
    want61: ['EACCES', `R6 has unknown scalar with mixed signed bounds, ${PROHIBITED}`],
  },
  {
    rule: 'R%d has pointer with unsupported alu operation, %s',
    unprivileged: true,
    maps: [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }],
    text: `r6 = *(u32 *)(r1 +0)
      r6 &= 7
      r1 = map_fd 0
      r2 = 16
      r3 = 0
      call bpf_ringbuf_reserve
      if r0 == 0x0 goto out
      r7 = r0
      r0 += r6
      r1 = r7
      r2 = 0
      call bpf_ringbuf_submit${OUT}`,
    want: ['EACCES', `R0 has pointer with unsupported alu operation, ${PROHIBITED}`],
    want61: ['EACCES', `R0 has pointer with unsupported alu operation, ${PROHIBITED}`],
  },
  {
    rule: 'R%d tried to %s from different maps, paths or scalars, %s',
    ...user,
    maps: [
      { type: MAP.ARRAY, value: 64 },
      { type: MAP.ARRAY, value: 48 },
    ],
    text: `r6 = *(u32 *)(r1 +0)
      r7 = r6
      r7 &= 15
      r8 = *(u32 *)(r1 +4)
      *(u32 *)(r10 -4) = 0
      r2 = r10
      r2 += -4
      r1 = map_fd 0
      if r8 == 0x0 goto go
      r1 = map_fd 1
      go: call bpf_map_lookup_elem
      if r0 == 0x0 goto out
      if r8 == 0x0 goto add
      r7 = 8
      add: r0 += r7
      r1 = *(u8 *)(r0 +0)${OUT}`,
    want: ['EACCES', `R0 tried to add from different maps, paths or scalars, ${PROHIBITED}`],
  },
  {
    rule: 'program of this type cannot use helper %s#%d',
    name: 'CAP_BPF',
    unprivileged: true,
    text: `call bpf_jiffies64
      exit`,
    want: ['EINVAL', 'program of this type cannot use helper bpf_jiffies64#118'],
    want61: ['EINVAL', 'unknown func bpf_jiffies64#118'],
  },
  {
    rule: 'program of this type cannot use helper %s#%d',
    name: 'CAP_PERFMON',
    unprivileged: true,
    text: `r1 = r10
      r1 += -8
      r2 = 8
      call bpf_trace_printk
      exit`,
    want: ['EINVAL', 'program of this type cannot use helper bpf_trace_printk#6'],
    want61: ['EINVAL', 'unknown func bpf_trace_printk#6'],
  },
  {
    rule: 'mispredicted branches are followed',
    name: 'in bounds anyway',
    ...user,
    text: `r6 = 0${LOOKUP}
      if r6 == 0x0 goto skip
      r1 = *(u8 *)(r0 +0)
      skip: r1 = *(u8 *)(r0 +1)${OUT}`,
    want: 'ok',
  },
  {
    rule: 'mispredicted branches are followed',
    ...user,
    text: `r6 = 0${LOOKUP}
      if r6 == 0x0 goto skip
      r1 = *(u8 *)(r0 +64)
      skip: r1 = *(u8 *)(r0 +1)${OUT}`,
    want: [
      'EACCES',
      'invalid access to map value, value_size=64 off=64 size=1\nR0 min value is outside of the allowed memory range',
    ],
  },
  {
    rule: 'mispredicted branches are followed',
    name: 'what only they reach is dead',
    unprivileged: true,
    text: `r6 = 0
      if r6 == 0x0 goto skip
      r6 = 1
      skip: r0 = 0
      exit`,
    want: 'ok',
    xlated: `r6 = 0
      if r6 == 0x0 goto pc+1
      goto pc-1
      r0 = 0
      exit`,
  },
  {
    rule: 'mispredicted branches are followed',
    name: 'privileged',
    maps: [{ type: MAP.ARRAY, value: 64 }],
    text: `r6 = 0${LOOKUP}
      if r6 == 0x0 goto skip
      r1 = *(u8 *)(r0 +64)
      skip: r1 = *(u8 *)(r0 +1)${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'unreachable code of unprivileged programs stays',
    ...user,
    text: `r6 = 0${LOOKUP}
      r6 &= 31
      r0 += r6${OUT}`,
    want: 'ok',
  },
  {
    rule: 'tail_call abusing map_ptr',
    unprivileged: true,
    maps: [{ type: MAP.PROG_ARRAY }, { type: MAP.PROG_ARRAY }],
    text: TWO_TAILS,
    want: ['EINVAL', 'tail_call abusing map_ptr'],
    want61: ['EINVAL', 'tail_call abusing map_ptr'],
  },
  {
    rule: 'tail_call abusing map_ptr',
    name: 'privileged',
    maps: [{ type: MAP.PROG_ARRAY }, { type: MAP.PROG_ARRAY }],
    text: TWO_TAILS,
    want: 'ok',
    want61: 'ok',
  },
];

verifierCases('unprivileged programs', cases);
