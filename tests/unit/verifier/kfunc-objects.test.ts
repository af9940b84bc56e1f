import { kernelBtf } from '../../support/golden-kernel.js';
import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const OUT = '\nout: r0 = 0\nexit';

const C = `
  struct node { struct bpf_list_node l; u64 data; };
  struct two { struct bpf_list_node a; struct bpf_list_node b; };
  struct leaf { struct bpf_rb_node r; struct bpf_refcount ref; u64 key; };
  struct plain { u64 a; u32 b; };
  struct value {
    struct bpf_spin_lock lock; u32 n;
    struct bpf_list_head head __contains(node, l);
    struct bpf_list_head twos __contains(two, a);
    struct bpf_rb_root root __contains(leaf, r);
  };
  struct timed { u64 n; struct bpf_wq w; };
  int main(struct __sk_buff *ctx);
  static int less(struct bpf_rb_node *a, struct bpf_rb_node *b);
  static int cb(void *map, void *key, void *value);
`;
const tc = { type: 'SCHED_CLS', c: C, maps: [{ type: MAP.ARRAY, value: 'struct value' }] } as const;
/** Offsets in the value: lock 0, head 8, twos 24, root 40. */
const object = (type: string): string =>
  `r1 = typeid(struct ${type})\nr2 = 0\ncall kfunc bpf_obj_new_impl\nif r0 == 0x0 goto out\nr7 = r0`;
const LOCK = 'r6 = map_value 0\nr1 = r6\ncall bpf_spin_lock';
const UNLOCK = 'r1 = r6\ncall bpf_spin_unlock';
const push = (head: number, node: number): string =>
  `r1 = r6\nr1 += ${head}\nr2 = r7\nr2 += ${node}\nr3 = 0\nr4 = 0\ncall kfunc bpf_list_push_front_impl`;
const wq = { ...tc, maps: [{ type: MAP.ARRAY, value: 'struct timed' }] } as const;
const WQ = 'r6 = map_value 0\nr1 = r6\nr1 += 8\nr2 = map_fd 0\nr3 = 0\ncall kfunc bpf_wq_init';

const objects: readonly VerifierCase[] = [
  {
    rule: 'arg#1 offset=%d, but expected %s at offset=%d in struct %s',
    ...{ ...tc, text: `${object('two')}\n${LOCK}\n${push(24, 24)}${OUT}` },
    want: einval('arg#1 offset=24, but expected bpf_list_node at offset=0 in struct two'),
  },
  ...(
    [
      'arg#1 offset=%d, but expected %s at offset=%d in struct %s',
      'operation on %s expects arg#1 %s at offset=%d in struct %s, but arg is at offset=%d in struct %s',
      'bpf_spin_lock at off=%d must be held for %s',
      '%s not found at offset=%u',
      'arg#%d expected pointer to map value or allocated object',
      "R%d doesn't have constant offset. %s has to be at the constant offset",
      'kfunc %s#%d conversion of owning ref to non-owning failed',
    ] as const
  ).map((rule): VerifierCase => ({
    ...{ rule, ...tc, text: `${object('two')}\n${LOCK}\n${push(24, 0)}\n${UNLOCK}${OUT}`, want: 'ok' },
  })),
  ...(
    [
      'bpf_obj_new/bpf_percpu_obj_new requires prog BTF',
      'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct',
      'local type ID argument must be in range [0, U32_MAX]',
      'arg#%d expected for bpf_obj_drop_impl()',
      'allocated object must be referenced',
      'R%d must be a known constant',
    ] as const
  ).map((rule): VerifierCase => ({
    rule,
    ...tc,
    text: `${object('plain')}\nr1 = r7\nr2 = 0\ncall kfunc bpf_obj_drop_impl${OUT}`,
    want: 'ok',
  })),
  ...(
    [
      'bpf_percpu_obj_new type size (%d) is greater than %d',
      'bpf_percpu_obj_new type ID argument must be of a struct of scalars',
      'bpf_percpu_obj_new type ID argument must not contain special fields',
    ] as const
  ).map((rule): VerifierCase => ({
    rule,
    ...tc,
    text: `
      r1 = typeid(struct plain)
      r2 = 0
      call kfunc bpf_percpu_obj_new_impl
      if r0 == 0x0 goto out
      r1 = r0
      r2 = 0
      call kfunc bpf_percpu_obj_drop_impl${OUT}`,
    want: 'ok',
  })),
  {
    rule: 'R%d must have zero offset when passed to release func or trusted arg to kfunc',
    ...{ ...tc, text: `${object('plain')}\nr1 = r7\nr1 += 8\nr2 = 0\ncall kfunc bpf_obj_drop_impl${OUT}` },
    want: einval('R1 must have zero offset when passed to release func or trusted arg to kfunc'),
  },
  {
    rule: "arg#%d doesn't point to a type with bpf_refcount field",
    ...tc,
    text: `
      ${object('leaf')}
      r1 = r7
      r2 = 0
      call kfunc bpf_refcount_acquire_impl
      r1 = r0
      r2 = 0
      call kfunc bpf_obj_drop_impl
      r1 = r7
      r2 = 0
      call kfunc bpf_obj_drop_impl${OUT}`,
    want: 'ok',
  },
  {
    rule: 'rbtree_remove not allowed in rbtree cb',
    name: 'after the lock was taken',
    ...tc,
    text: `
      ${LOCK}
      r1 = r6
      r1 += 40
      call kfunc bpf_rbtree_first
      if r0 == 0x0 goto none
      r2 = r0
      r1 = r6
      r1 += 40
      call kfunc bpf_rbtree_remove
      r7 = r0
      ${UNLOCK}
      if r7 == 0x0 goto out
      r1 = r7
      r2 = 0
      call kfunc bpf_obj_drop_impl
      goto out
      none: ${UNLOCK}${OUT}`,
    want: 'ok',
  },
  ...(
    [
      "pointer in R%d isn't map pointer",
      "workqueue pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d",
      "arg#%d doesn't point to a map value",
      'arg%d expected pointer to func',
    ] as const
  ).map((rule): VerifierCase => ({
    rule,
    ...wq,
    text: `
      ${WQ}
      r1 = r6
      r1 += 8
      r2 = func cb
      r3 = 0
      r4 = 0
      call kfunc bpf_wq_set_callback_impl${OUT}
      cb: r0 = 0
      exit`,
    want: 'ok',
  })),
];

const ADD = `${object('leaf')}
  ${LOCK}
  r1 = r6
  r1 += 40
  r2 = r7
  r3 = func less
  r4 = 0
  r5 = 0
  call kfunc bpf_rbtree_add_impl
  ${UNLOCK}${OUT}`;
/** A function that adds to a tree, `depth` calls below the main program. */
const addBelow = (depth: number): Partial<VerifierCase> => ({
  ...tc,
  c: `${C} ${Array.from({ length: depth }, (_, i) => `static int f${i}(void);`).join(' ')}`,
  text: `
    call f0
    r0 = 0
    exit
    ${Array.from({ length: depth }, (_, i) => `f${i}: ${i + 1 < depth ? `call f${i + 1}\nexit` : ADD}`).join('\n')}
    less: r0 = 0
    exit`,
});
const TREE_ADD = kernelBtf('6.12').find('bpf_rbtree_add_impl');

const callbacks: readonly VerifierCase[] = [
  { rule: 'kfunc %s#%d failed callback verification', ...addBelow(6), want: 'ok' },
  {
    rule: 'kfunc %s#%d failed callback verification',
    ...addBelow(7),
    want: [
      'E2BIG',
      `the call stack of 9 frames is too deep\nkfunc bpf_rbtree_add_impl#${TREE_ADD} failed callback verification`,
    ],
  },
];

verifierCases('kfuncs that make objects', objects);
verifierCases('kfuncs that call back', callbacks);
