import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NONE } from '../../../host/verifier/insn-aux.js';
import {
  kernelOf,
  listing,
  listingOf,
  map,
  rewriteCase,
  type RewriteCase,
  symbol,
} from '../../support/rewriting.js';

const TRACING = 26;

interface Case extends RewriteCase {
  readonly name: string;
  readonly after: string;
}

const tracing = (attachType: number, target: string): Pick<RewriteCase, 'type' | 'spec'> => ({
  type: TRACING,
  spec: { expectedAttachType: attachType, attach: { kind: '', target, btfId: 0 } },
});

const FENTRY = tracing(24, 'wake_up_new_task');
const FEXIT = tracing(25, 'wake_up_new_task');

const jiffies = (kernel: '6.12' | '6.1'): bigint => kernelOf(kernel, []).symbolAddress('jiffies');

const lookup: Pick<RewriteCase, 'before' | 'facts'> = {
  before: 'call bpf_map_lookup_elem\nexit',
  facts: (aux) => (aux.map[0] = 0),
};
const lookups: readonly Case[] = [
  {
    name: 'array of an unprivileged user',
    ...lookup,
    privileged: false,
    maps: [map(2, { valueSize: 20, maxEntries: 5 })],
    after: `
      r1 += 264
      r0 = *(u32 *)(r2 +0)
      if r0 >= 0x5 goto none
      w0 &= 7
      r0 *= 24
      r0 += r1
      goto +1
      none: r0 = 0
      exit`,
  },
  {
    name: 'array of one element, of an unprivileged user of 6.1',
    ...lookup,
    kernel: '6.1',
    privileged: false,
    maps: [map(2)],
    after: `
      r1 += 272
      r0 = *(u32 *)(r2 +0)
      if r0 >= 0x1 goto none
      w0 &= 0
      r0 <<= 3
      r0 += r1
      goto +1
      none: r0 = 0
      exit`,
  },
  {
    name: 'per-CPU array',
    ...lookup,
    maps: [map(6, { valueSize: 100, maxEntries: 300 })],
    after: `
      r1 += 264
      r0 = *(u32 *)(r2 +0)
      if r0 >= 0x12c goto none
      r0 <<= 3
      r0 += r1
      r0 = *(u64 *)(r0 +0)
      r0 = &(void __percpu *)(r0)
      goto +1
      none: r0 = 0
      exit`,
  },
  {
    name: 'per-CPU array of an unprivileged user',
    ...lookup,
    privileged: false,
    maps: [map(6, { maxEntries: 300 })],
    after: `
      r1 += 264
      r0 = *(u32 *)(r2 +0)
      if r0 >= 0x12c goto none
      w0 &= 511
      r0 <<= 3
      r0 += r1
      r0 = *(u64 *)(r0 +0)
      r0 = &(void __percpu *)(r0)
      goto +1
      none: r0 = 0
      exit`,
  },
  {
    name: 'array of maps',
    ...lookup,
    maps: [map(12, { valueSize: 4, maxEntries: 8 })],
    after: `
      r1 += 264
      r0 = *(u32 *)(r2 +0)
      if r0 >= 0x8 goto none
      r0 <<= 3
      r0 += r1
      r0 = *(u64 *)(r0 +0)
      if r0 == 0x0 goto none
      goto +1
      none: r0 = 0
      exit`,
  },
  {
    name: 'array of maps of an unprivileged user',
    ...lookup,
    privileged: false,
    maps: [map(12, { valueSize: 4, maxEntries: 9 })],
    after: `
      r1 += 264
      r0 = *(u32 *)(r2 +0)
      if r0 >= 0x9 goto none
      w0 &= 15
      r0 <<= 3
      r0 += r1
      r0 = *(u64 *)(r0 +0)
      if r0 == 0x0 goto none
      goto +1
      none: r0 = 0
      exit`,
  },
  {
    name: 'array of maps of 6.1',
    ...lookup,
    kernel: '6.1',
    maps: [map(12, { valueSize: 4, maxEntries: 8 })],
    after: `
      r1 += 272
      r0 = *(u32 *)(r2 +0)
      if r0 >= 0x8 goto none
      r0 <<= 3
      r0 += r1
      r0 = *(u64 *)(r0 +0)
      if r0 == 0x0 goto none
      goto +1
      none: r0 = 0
      exit`,
  },
  {
    name: 'hash with an odd key',
    ...lookup,
    maps: [map(1, { keySize: 5 })],
    after: `
      call ${symbol('__htab_map_lookup_elem')}
      if r0 == 0x0 goto +1
      r0 += 56
      exit`,
  },
  {
    name: 'LRU hash',
    ...lookup,
    maps: [map(9, { keySize: 16 })],
    after: `
      call ${symbol('__htab_map_lookup_elem')}
      if r0 == 0x0 goto +4
      r1 = *(u8 *)(r0 +35)
      if r1 != 0x0 goto +1
      *(u8 *)(r0 +35) = 1
      r0 += 64
      exit`,
  },
  {
    name: 'LRU hash of 6.1',
    ...lookup,
    kernel: '6.1',
    maps: [map(9, { keySize: 4 })],
    after: `
      call ${symbol('__htab_map_lookup_elem')}
      if r0 == 0x0 goto +4
      r1 = *(u8 *)(r0 +35)
      if r1 != 0x0 goto +1
      *(u8 *)(r0 +35) = 1
      r0 += 56
      exit`,
  },
  {
    name: 'hash of maps of 6.1',
    ...lookup,
    kernel: '6.1',
    maps: [map(13, { keySize: 4, valueSize: 4 })],
    after: `
      call ${symbol('__htab_map_lookup_elem')}
      if r0 == 0x0 goto +2
      r0 += 56
      r0 = *(u64 *)(r0 +0)
      exit`,
  },
  {
    name: 'per-CPU hash',
    ...lookup,
    maps: [map(5, { keySize: 4 })],
    after: `
      call ${symbol('__htab_map_lookup_elem')}
      if r0 == 0x0 goto +3
      r0 += 56
      r0 = *(u64 *)(r0 +0)
      r0 = &(void __percpu *)(r0)
      exit`,
  },
  {
    name: 'per-CPU hash of 6.1',
    ...lookup,
    kernel: '6.1',
    maps: [map(5)],
    after: `call ${symbol('htab_percpu_map_lookup_elem')}\nexit`,
  },
  ...(['6.12', '6.1'] as const).map((kernel): Case => ({
    name: `per-CPU LRU hash of ${kernel}`,
    ...lookup,
    kernel,
    maps: [map(10)],
    after: `call ${symbol('htab_lru_percpu_map_lookup_elem')}\nexit`,
  })),
  {
    name: 'lookup in an array whose element size is no power of two',
    before: 'call bpf_map_lookup_elem\nexit',
    maps: [map(2, { valueSize: 20, maxEntries: 10 })],
    facts: (aux) => (aux.map[0] = 0),
    after: `
      r1 += 264
      r0 = *(u32 *)(r2 +0)
      if r0 >= 0xa goto none
      r0 *= 24
      r0 += r1
      goto +1
      none: r0 = 0
      exit`,
  },
  {
    name: 'lookup in a hash of maps',
    before: 'call bpf_map_lookup_elem\nexit',
    maps: [map(13, { keySize: 12 })],
    facts: (aux) => (aux.map[0] = 0),
    after: `
      call ${symbol('__htab_map_lookup_elem')}
      if r0 == 0x0 goto +2
      r0 += 64
      r0 = *(u64 *)(r0 +0)
      exit`,
  },
  {
    name: 'lookup in different maps',
    before: 'call bpf_map_lookup_elem\nexit',
    maps: [map(1)],
    facts: (aux) => (aux.map[0] = NONE - 1),
    after: `call ${symbol('bpf_map_lookup_elem')}\nexit`,
  },
  {
    name: 'lookup in a per-CPU array of 6.1',
    kernel: '6.1',
    before: 'call bpf_map_lookup_elem\nexit',
    maps: [map(6)],
    facts: (aux) => (aux.map[0] = 0),
    after: `call ${symbol('percpu_array_map_lookup_elem')}\nexit`,
  },
];

const calls: readonly Case[] = [
  {
    name: 'update of a map',
    before: 'call bpf_map_update_elem\nexit',
    maps: [map(9)],
    facts: (aux) => (aux.map[0] = 0),
    after: `call ${symbol('htab_lru_map_update_elem')}\nexit`,
  },
  {
    name: 'random number',
    before: 'call bpf_get_prandom_u32\nexit',
    after: `call ${symbol('bpf_user_rnd_u32')}\nexit`,
  },
  {
    name: 'CPU number in 6.1',
    kernel: '6.1',
    before: 'call bpf_get_smp_processor_id\nexit',
    after: `call ${symbol('bpf_get_raw_cpu_id')}\nexit`,
  },
  {
    name: 'storage of a task where sleeping is not allowed',
    before: 'call bpf_task_storage_get\nexit',
    ...FENTRY,
    after: `
      r5 = 2080
      call ${symbol('bpf_task_storage_get_recur')}
      exit`,
  },
  {
    name: 'argument of the traced function',
    before: 'call bpf_get_func_arg\nexit',
    ...FENTRY,
    after: `
      r0 = *(u64 *)(r1 -8)
      if w2 >= w0 goto bad
      r2 <<= 3
      r2 += r1
      r0 = *(u64 *)(r2 +0)
      *(u64 *)(r3 +0) = r0
      r0 = 0
      goto +1
      bad: r0 = -22
      exit`,
  },
  {
    name: 'result of the traced function, after it',
    before: 'call bpf_get_func_ret\nexit',
    ...FEXIT,
    after: `
      r0 = *(u64 *)(r1 -8)
      r0 <<= 3
      r0 += r1
      r3 = *(u64 *)(r0 +0)
      *(u64 *)(r2 +0) = r3
      r0 = 0
      exit`,
  },
  {
    name: 'result of the traced function, before it',
    before: 'call bpf_get_func_ret\nexit',
    ...FENTRY,
    after: 'r0 = -95\nexit',
  },
  {
    name: 'exchange of a kernel pointer',
    before: 'call bpf_kptr_xchg\nexit',
    after: `
      r0 = r2
      r0 = atomic64_xchg((u64 *)(r1 +0), r0)
      exit`,
  },
  {
    name: 'exchange of a kernel pointer in 6.1',
    kernel: '6.1',
    before: 'call bpf_kptr_xchg\nexit',
    after: `call ${symbol('bpf_kptr_xchg')}\nexit`,
  },
  ...(['6.12', '6.1'] as const).map((kernel): Case => ({
    name: `jiffies of ${kernel}`,
    kernel,
    before: 'call bpf_jiffies64\nexit',
    after: `
      r0 = ${jiffies(kernel)} ll
      r0 = *(u64 *)(r0 +0)
      exit`,
  })),
  {
    name: 'number of arguments of the traced function',
    before: 'call bpf_get_func_arg_cnt\nexit',
    ...FENTRY,
    after: `
      r0 = *(u64 *)(r1 -8)
      exit`,
  },
  {
    name: 'address of the traced function',
    before: 'call bpf_get_func_ip\nexit',
    ...FEXIT,
    kernel: '6.1',
    after: `
      r0 = *(u64 *)(r1 -16)
      exit`,
  },
];

for (const { name, after, ...given } of [...lookups, ...calls]) {
  test(name, () => {
    const { insns } = rewriteCase(given);
    assert.deepEqual(listing(insns), listingOf(after));
  });
}
