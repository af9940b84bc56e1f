import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const C = `
  struct node { struct bpf_list_node l; u64 data; };
  struct other { u64 data; struct bpf_list_node l; };
  struct leaf { struct bpf_rb_node r; struct bpf_refcount ref; u64 key; };
  struct plain { u64 a; u32 b; };
  struct locked { u32 n; struct bpf_spin_lock lock; };
  struct wide { u64 a[80]; };
  struct holder { struct plain __kptr *p; };
  struct value {
    struct bpf_spin_lock lock; u32 n;
    struct bpf_list_head head __contains(node, l);
    struct bpf_rb_root root __contains(leaf, r);
    u64 data;
  };
  int main(struct __sk_buff *ctx);
  static int less(struct bpf_rb_node *a, struct bpf_rb_node *b);
`;
const tc = { type: 'SCHED_CLS', c: C, maps: [{ type: MAP.ARRAY, value: 'struct value' }] } as const;
/** Offsets in the value: lock 0, head 8, root 24, data 40. */
const VALUE = 'r6 = map_value 0';
const NEW = (type: string): string => `
  r1 = typeid(struct ${type})
  r2 = 0
  call kfunc bpf_obj_new_impl`;
const NODE = `${NEW('node')}
  if r0 == 0x0 goto out
  r7 = r0`;
const LEAF = `${NEW('leaf')}
  if r0 == 0x0 goto out
  r7 = r0`;
const LOCK = `
  r1 = r6
  call bpf_spin_lock`;
const UNLOCK = `
  r1 = r6
  call bpf_spin_unlock`;
const DROP = (reg: string): string => `
  r1 = ${reg}
  r2 = 0
  call kfunc bpf_obj_drop_impl`;
const PUSH = `
  r1 = r6
  r1 += 8
  r2 = r7
  r3 = 0
  r4 = 0
  call kfunc bpf_list_push_front_impl`;
const POP = `
  r1 = r6
  r1 += 8
  call kfunc bpf_list_pop_front`;
const ADD = `
  r1 = r6
  r1 += 24
  r2 = r7
  r3 = func less
  r4 = 0
  r5 = 0
  call kfunc bpf_rbtree_add_impl`;
const FIRST = `
  r1 = r6
  r1 += 24
  call kfunc bpf_rbtree_first`;
const OUT = `
  out: r0 = 0
  exit`;
const LESS = `
  less: r0 = *(u64 *)(r1 +40)
  r0 = 0
  exit`;

const cases: readonly VerifierCase[] = [
  {
    rule: 'arg#%d expected pointer to allocated object',
    name: 'new, drop',
    ...tc,
    text: `${NODE}${DROP('r7')}${OUT}`,
    want: 'ok',
  },
  {
    rule: 'arg#%d expected pointer to allocated object',
    name: 'a map value',
    ...tc,
    text: `${VALUE}${DROP('r6')}${OUT}`,
    want: ['EINVAL', 'R1 must be referenced or trusted'],
  },
  {
    rule: 'arg#%d expected pointer to allocated object',
    name: 'may be NULL',
    ...tc,
    text: `${NEW('plain')}${DROP('r0')}${OUT}`,
    want: ['EACCES', 'Possibly NULL pointer passed to trusted arg0'],
  },
  {
    rule: 'Unreleased reference id=%d alloc_insn=%d',
    name: 'an allocated object',
    ...tc,
    text: `${NODE}${OUT}`,
    want: ['EINVAL', 'Unreleased reference id=2 alloc_insn=2'],
  },
  {
    rule: 'local type ID argument must be in range [0, U32_MAX]',
    ...tc,
    text: `r1 = -1
      r2 = 0
      call kfunc bpf_obj_new_impl${OUT}`,
    want: ['EINVAL', 'local type ID argument must be in range [0, U32_MAX]'],
  },
  {
    rule: 'R%d must be a known constant',
    ...tc,
    text: `r1 = *(u32 *)(r1 +0)
      r2 = 0
      call kfunc bpf_obj_new_impl${OUT}`,
    want: ['EINVAL', 'R1 must be a known constant'],
  },
  {
    rule: 'bpf_obj_new/bpf_percpu_obj_new requires prog BTF',
    type: 'SCHED_CLS',
    text: `r1 = 1
      r2 = 0
      call kfunc bpf_obj_new_impl${OUT}`,
    want: ['EINVAL', 'bpf_obj_new/bpf_percpu_obj_new requires prog BTF'],
  },
  {
    rule: 'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct',
    ...tc,
    text: `r1 = typeid(u64)
      r2 = 0
      call kfunc bpf_obj_new_impl${OUT}`,
    want: ['EINVAL', 'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct'],
  },
  {
    rule: 'bpf_percpu_obj_new type size (%d) is greater than %d',
    ...tc,
    text: `r1 = typeid(struct wide)
      r2 = 0
      call kfunc bpf_percpu_obj_new_impl${OUT}`,
    want: ['EINVAL', 'bpf_percpu_obj_new type size (640) is greater than 512'],
  },
  {
    rule: 'bpf_percpu_obj_new type ID argument must be of a struct of scalars',
    ...tc,
    text: `r1 = typeid(struct holder)
      r2 = 0
      call kfunc bpf_percpu_obj_new_impl${OUT}`,
    want: ['EINVAL', 'bpf_percpu_obj_new type ID argument must be of a struct of scalars'],
  },
  {
    rule: 'bpf_percpu_obj_new type ID argument must not contain special fields',
    ...tc,
    text: `r1 = typeid(struct locked)
      r2 = 0
      call kfunc bpf_percpu_obj_new_impl${OUT}`,
    want: ['EINVAL', 'bpf_percpu_obj_new type ID argument must not contain special fields'],
  },
  {
    rule: 'arg#%d expected for bpf_percpu_obj_drop_impl()',
    name: 'percpu drop',
    ...tc,
    text: `r1 = typeid(struct plain)
      r2 = 0
      call kfunc bpf_percpu_obj_new_impl
      if r0 == 0x0 goto out
      r1 = r0
      r2 = 0
      call kfunc bpf_percpu_obj_drop_impl${OUT}`,
    want: 'ok',
  },
  {
    rule: 'arg#%d expected for bpf_percpu_obj_drop_impl()',
    ...tc,
    text: `r1 = typeid(struct plain)
      r2 = 0
      call kfunc bpf_percpu_obj_new_impl
      if r0 == 0x0 goto out${DROP('r0')}${OUT}`,
    want: ['EINVAL', 'arg#0 expected for bpf_percpu_obj_drop_impl()'],
  },
  {
    rule: 'arg#%d expected for bpf_obj_drop_impl()',
    ...tc,
    text: `${NODE}
      r1 = r7
      r2 = 0
      call kfunc bpf_percpu_obj_drop_impl${OUT}`,
    want: ['EINVAL', 'arg#0 expected for bpf_obj_drop_impl()'],
  },
  {
    rule: 'direct access to %s is disallowed',
    name: 'plain field',
    ...tc,
    text: `${NODE}
      *(u64 *)(r7 +24) = 5
      r1 = *(u64 *)(r7 +24)${DROP('r7')}${OUT}`,
    want: 'ok',
  },
  {
    rule: 'direct access to %s is disallowed',
    ...tc,
    text: `${NODE}
      r1 = *(u64 *)(r7 +0)${DROP('r7')}${OUT}`,
    want: ['EACCES', 'direct access to bpf_list_node is disallowed'],
  },
  {
    rule: 'bpf_spin_lock at off=%d must be held for %s',
    name: 'push and pop',
    ...tc,
    text: `${VALUE}${NODE}${LOCK}${PUSH}${POP}
      r8 = r0${UNLOCK}
      if r8 == 0x0 goto out${DROP('r8')}${OUT}`,
    want: 'ok',
  },
  {
    rule: 'bpf_spin_lock at off=%d must be held for %s',
    ...tc,
    text: `${VALUE}${NODE}${PUSH}${OUT}`,
    want: ['EINVAL', 'bpf_spin_lock at off=0 must be held for bpf_list_head'],
  },
  {
    rule: 'held lock and object are not in the same allocation',
    ...tc,
    maps: [...tc.maps, ...tc.maps],
    text: `${VALUE}${NODE}${LOCK}
      r6 = map_value 1${PUSH}${OUT}`,
    want: [
      'EINVAL',
      'held lock and object are not in the same allocation\nbpf_spin_lock at off=0 must be held for bpf_list_head',
    ],
  },
  {
    rule: 'held lock and object are not in the same allocation',
    name: 'the same value, named again',
    ...tc,
    text: `${VALUE}${NODE}${LOCK}
      r6 = map_value 0${PUSH}
      r6 = map_value 0${UNLOCK}${OUT}`,
    want: 'ok',
  },
  {
    rule: '%s not found at offset=%u',
    ...tc,
    text: `${VALUE}${NODE}${LOCK}
      r1 = r6
      r1 += 16
      r2 = r7
      r3 = 0
      r4 = 0
      call kfunc bpf_list_push_front_impl${OUT}`,
    want: ['EINVAL', 'bpf_list_head not found at offset=16'],
  },
  {
    rule: "R%d doesn't have constant offset. %s has to be at the constant offset",
    ...tc,
    text: `r8 = *(u32 *)(r1 +0)
      r8 &= 8
      ${VALUE}${NODE}${LOCK}
      r1 = r6
      r1 += r8
      r2 = r7
      r3 = 0
      r4 = 0
      call kfunc bpf_list_push_front_impl${OUT}`,
    want: ['EINVAL', "R1 doesn't have constant offset. bpf_list_head has to be at the constant offset"],
  },
  {
    rule: 'operation on %s expects arg#1 %s at offset=%d in struct %s, but arg is at offset=%d in struct %s',
    ...tc,
    text: `${VALUE}${NEW('other')}
      if r0 == 0x0 goto out
      r7 = r0
      r7 += 8${LOCK}${PUSH}${OUT}`,
    want: [
      'EINVAL',
      'operation on bpf_list_head expects arg#1 bpf_list_node at offset=0 in struct node, but arg is at offset=8 in struct other',
    ],
  },
  {
    rule: 'arg#%d expected pointer to map value or allocated object',
    ...tc,
    text: `${VALUE}${NODE}${LOCK}
      r1 = r10
      r1 += -16
      r2 = r7
      r3 = 0
      r4 = 0
      call kfunc bpf_list_push_front_impl${OUT}`,
    want: ['EINVAL', 'arg#0 expected pointer to map value or allocated object'],
  },
  {
    rule: 'allocated object must be referenced',
    name: 'pushed twice',
    ...tc,
    text: `${VALUE}${NODE}${LOCK}${PUSH}${PUSH}${OUT}`,
    want: ['EINVAL', 'arg#1 expected pointer to allocated object'],
  },
  {
    rule: 'arg#%d is neither owning or non-owning ref',
    name: 'refcounted object',
    ...tc,
    text: `${LEAF}
      r1 = r7
      r2 = 0
      call kfunc bpf_refcount_acquire_impl
      r8 = r0${DROP('r8')}${DROP('r7')}${OUT}`,
    want: 'ok',
  },
  {
    rule: 'arg#%d is neither owning or non-owning ref',
    ...tc,
    text: `${VALUE}
      r1 = r6
      r2 = 0
      call kfunc bpf_refcount_acquire_impl${OUT}`,
    want: ['EINVAL', 'arg#0 is neither owning or non-owning ref'],
  },
  {
    rule: "arg#%d doesn't point to a type with bpf_refcount field",
    ...tc,
    text: `${NODE}
      r1 = r7
      r2 = 0
      call kfunc bpf_refcount_acquire_impl${OUT}`,
    want: ['EINVAL', "arg#0 doesn't point to a type with bpf_refcount field"],
  },
  {
    rule: 'rbtree_remove node input must be non-owning ref',
    name: 'add, first, remove',
    ...tc,
    text: `${VALUE}${LEAF}${LOCK}${ADD}${FIRST}
      if r0 == 0x0 goto unlock
      r2 = r0
      r1 = r6
      r1 += 24
      call kfunc bpf_rbtree_remove
      r8 = r0${UNLOCK}
      if r8 == 0x0 goto out${DROP('r8')}
      goto out
      unlock: ${UNLOCK.trim()}${OUT}${LESS}`,
    want: 'ok',
  },
  {
    rule: 'rbtree_remove node input must be non-owning ref',
    ...tc,
    text: `${VALUE}${LEAF}${LOCK}
      r1 = r6
      r1 += 24
      r2 = r7
      call kfunc bpf_rbtree_remove${OUT}`,
    want: ['EINVAL', 'rbtree_remove node input must be non-owning ref'],
  },
  {
    rule: 'rbtree_remove not allowed in rbtree cb',
    ...tc,
    text: `${VALUE}${LEAF}${LOCK}${ADD}${UNLOCK}${OUT}
      less: r2 = r1
      r1 = map_value 0
      r1 += 24
      call kfunc bpf_rbtree_remove
      r0 = 0
      exit`,
    want: ['EINVAL', 'rbtree_remove not allowed in rbtree cb'],
  },
  {
    rule: "can't spin_{lock,unlock} in rbtree cb",
    name: 'compares',
    ...tc,
    text: `${VALUE}${LEAF}${LOCK}${ADD}${UNLOCK}${OUT}
      less: r0 = 0
      exit`,
    want: 'ok',
  },
  {
    rule: "can't spin_{lock,unlock} in rbtree cb",
    ...tc,
    text: `${VALUE}${LEAF}${LOCK}${ADD}${UNLOCK}${OUT}
      less: r1 = map_value 0
      call bpf_spin_unlock
      r0 = 0
      exit`,
    want: ['EACCES', "can't spin_{lock,unlock} in rbtree cb"],
  },
  {
    rule: 'non-owning references end with the lock',
    ...tc,
    text: `${VALUE}${LOCK}${FIRST}
      r7 = r0${UNLOCK}
      if r7 == 0x0 goto out
      r1 = *(u64 *)(r7 +40)${OUT}`,
    want: ['EACCES', "R7 invalid mem access 'scalar'"],
  },
  {
    rule: "%s '%s' has no valid bpf_spin_lock",
    name: 'object with a lock',
    ...tc,
    text: `${NEW('locked')}
      if r0 == 0x0 goto out
      r7 = r0
      r1 = r7
      r1 += 4
      call bpf_spin_lock
      r1 = r7
      r1 += 4
      call bpf_spin_unlock${DROP('r7')}${OUT}`,
    want: 'ok',
  },
  {
    rule: "%s '%s' has no valid bpf_spin_lock",
    name: 'object without',
    ...tc,
    text: `${NEW('plain')}
      if r0 == 0x0 goto out
      r1 = r0
      call bpf_spin_lock${OUT}`,
    want: ['EINVAL', "local 'kptr' has no valid bpf_spin_lock"],
  },
  {
    rule: 'calling kernel function %s is not allowed',
    name: 'objects in a socket filter',
    type: 'SOCKET_FILTER',
    c: C,
    text: `${NEW('plain')}${OUT}`,
    want: ['EACCES', 'calling kernel function bpf_obj_new_impl is not allowed'],
  },
];

verifierCases('allocated objects, lists and trees', cases);
