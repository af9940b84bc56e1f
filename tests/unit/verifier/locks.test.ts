import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const C = 'struct value { struct bpf_spin_lock lock; u32 n; u64 data; }; int main(struct __sk_buff *ctx);';
const LOCKED = { type: MAP.ARRAY, value: 'struct value' };
/** r6 = value of element 0, not NULL. */
const LOOKUP = `
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd 0
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out
  r6 = r0`;
const OUT = `
  out: r0 = 0
  exit`;
const cls = { type: 'SCHED_CLS', c: C, maps: [LOCKED] } as const;

const cases: readonly VerifierCase[] = [
  {
    rule: 'bpf_spin_unlock without taking a lock',
    ...cls,
    text: `${LOOKUP}
      r1 = r6
      call bpf_spin_lock
      r1 = r6
      call bpf_spin_unlock${OUT}`,
    want: 'ok',
    want61: 'ok',
  },
  {
    rule: 'bpf_spin_unlock without taking a lock',
    ...cls,
    text: `${LOOKUP}
      r1 = r6
      call bpf_spin_unlock${OUT}`,
    want: ['EINVAL', 'bpf_spin_unlock without taking a lock'],
    want61: ['EINVAL', 'bpf_spin_unlock without taking a lock'],
  },
  {
    rule: 'Locking two bpf_spin_locks are not allowed',
    ...cls,
    text: `${LOOKUP}
      r1 = r6
      call bpf_spin_lock
      r1 = r6
      call bpf_spin_lock${OUT}`,
    want: ['EINVAL', 'function calls are not allowed while holding a lock'],
    want61: ['EINVAL', 'function calls are not allowed while holding a lock'],
  },
];

verifierCases('spin locks', cases);
