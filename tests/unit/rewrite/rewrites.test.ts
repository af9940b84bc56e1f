import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegType, TypeFlag } from '../../../host/verifier/reg-type.js';
import { listing, listingOf, map, rewriteCase, type RewriteCase, symbol } from '../../support/rewriting.js';

const SCHED_CLS = 3;
const XDP = 6;
const SYSCALL = 31;
const ARENA_MAP = 33;

interface Case extends RewriteCase {
  readonly name: string;
  readonly after: string;
}

const through = (type: number, fieldSize = 0): RewriteCase['facts'] => {
  return (aux) => {
    aux.pointerType[0] = type;
    aux.ctxFieldSize[0] = fieldSize;
  };
};

const cases: readonly Case[] = [
  {
    name: 'branch that is always taken',
    before: `
      if r1 == 0x0 goto out
      r0 = 1
      out: exit`,
    facts: (aux) => (aux.seen[1] = 0),
    after: 'exit',
  },
  {
    name: 'branch that is never taken',
    before: `
      if r1 == 0x0 goto dead
      exit
      dead: r0 = 1
      exit`,
    facts: (aux) => aux.seen.fill(0, 2, 4),
    after: 'exit',
  },
  {
    name: 'only jumps to the next instruction go, not those that become such',
    before: `
      if r1 == 0x0 goto b
      goto a
      b: goto +0
      a: exit`,
    after: `
      if r1 == 0x0 goto a
      goto +0
      a: exit`,
  },
  {
    name: 'dead code without privileges',
    before: `
      if r1 == 0x0 goto out
      r0 = 1
      out: exit`,
    privileged: false,
    facts: (aux) => (aux.seen[1] = 0),
    after: `
      if r1 == 0x0 goto out
      trap: goto trap
      out: exit`,
  },
  {
    name: 'plain pointer to a kernel structure',
    before: 'r0 = *(u32 *)(r1 +8)\nexit',
    facts: through(RegType.BTF_ID),
    after: '(21) r0 = *(u32 *)(r1 +8)\nexit',
  },
  {
    name: 'sign-extending load through an untrusted pointer',
    before: 'r0 = *(s16 *)(r1 +8)\nexit',
    facts: through(RegType.BTF_ID | TypeFlag.PTR_UNTRUSTED),
    after: '(49) r0 = *(u16 *)(r1 +8)\nexit',
  },
  {
    name: 'trusted pointer',
    before: 'r0 = *(u32 *)(r1 +8)\nexit',
    facts: through(RegType.BTF_ID | TypeFlag.PTR_TRUSTED),
    after: 'r0 = *(u32 *)(r1 +8)\nexit',
  },
  {
    name: 'store to an arena',
    before: '*(u32 *)(r1 +8) = 5\nexit',
    facts: through(RegType.ARENA),
    after: '(a2) *(u32 *)(r1 +8) = 5\nexit',
  },
  {
    name: 'atomic in an arena',
    before: 'lock *(u64 *)(r1 +8) += r2\nexit',
    facts: through(RegType.ARENA),
    after: '(fb) lock *(u64 *)(r1 +8) += r2\nexit',
  },
  {
    name: 'cast to the arena of the kernel',
    type: SYSCALL,
    spec: { flags: 16 },
    before: 'r1 = addr_space_cast(r2, 0, 1)\nexit',
    after: 'w1 = w2\nexit',
  },
  {
    name: 'cast to the arena of the user',
    type: SYSCALL,
    spec: { flags: 16 },
    before: 'r1 = addr_space_cast(r2, 1, 0)\nexit',
    after: 'r1 = addr_space_cast(r2, 1, 0)\nexit',
  },
  {
    name: 'cast to the arena of the user, which has no addresses of its own',
    type: SYSCALL,
    spec: { flags: 16 },
    maps: [map(ARENA_MAP, { flags: 1 << 18 })],
    before: 'r1 = addr_space_cast(r2, 1, 0)\nexit',
    after: 'w1 = w2\nexit',
  },
  {
    name: 'skb->len',
    before: 'r0 = *(u32 *)(r1 +0)\nexit',
    facts: through(RegType.CTX, 4),
    after: 'r0 = *(u32 *)(r1 +112)\nexit',
  },
  {
    name: 'upper half of skb->mark',
    before: 'r0 = *(u16 *)(r1 +10)\nexit',
    facts: through(RegType.CTX, 4),
    after: `
      r0 = *(u32 *)(r1 +168)
      w0 >>= 16
      w0 &= 65535
      exit`,
  },
  {
    name: 'half of skb->protocol, which the kernel keeps in 16 bits',
    before: 'r0 = *(u16 *)(r1 +16)\nexit',
    facts: through(RegType.CTX, 4),
    after: 'r0 = *(u16 *)(r1 +180)\nexit',
  },
  {
    name: 'skb->ifindex of a socket filter',
    before: 'r0 = *(u32 *)(r1 +40)\nexit',
    facts: through(RegType.CTX, 4),
    after: `
      r0 = *(u64 *)(r1 +16)
      if r0 == 0x0 goto +1
      r0 = *(u32 *)(r0 +224)
      exit`,
  },
  {
    name: 'skb->vlan_present in 6.1',
    kernel: '6.1',
    before: 'r0 = *(u32 *)(r1 +20)\nexit',
    facts: through(RegType.CTX, 4),
    after: `
      r0 = *(u8 *)(r1 +130)
      w0 &= 1
      exit`,
  },
  {
    name: 'store to skb->queue_mapping',
    type: SCHED_CLS,
    before: '*(u32 *)(r1 +12) = r2\nexit',
    facts: through(RegType.CTX),
    after: `
      if r2 >= 0xffff goto +1
      *(u16 *)(r1 +124) = r2
      exit`,
  },
  {
    name: 'store to skb->tstamp',
    type: SCHED_CLS,
    before: '*(u64 *)(r1 +152) = r2\nexit',
    facts: through(RegType.CTX),
    after: `
      r11 = *(u8 *)(r1 +129)
      if w11 & 0x4 goto +1
      goto +2
      w11 &= -4
      *(u8 *)(r1 +129) = r11
      *(u64 *)(r1 +32) = r2
      exit`,
  },
  {
    name: 'skb->tstamp of a program that knows its type',
    type: SCHED_CLS,
    before: `
      r0 = *(u64 *)(r1 +152)
      r2 = *(u8 *)(r1 +180)
      exit`,
    facts: (aux) => aux.pointerType.fill(RegType.CTX, 0, 2),
    after: `
      r0 = *(u64 *)(r1 +32)
      r2 = *(u8 *)(r1 +129)
      w2 &= 3
      exit`,
  },
  {
    name: 'ingress interface of an XDP frame',
    type: XDP,
    before: 'r0 = *(u32 *)(r1 +12)\nexit',
    facts: through(RegType.CTX, 4),
    after: `
      r0 = *(u64 *)(r1 +32)
      r0 = *(u64 *)(r0 +0)
      r0 = *(u32 *)(r0 +224)
      exit`,
  },
  {
    name: 'queue of a socket, which may have none',
    type: SCHED_CLS,
    before: 'r0 = *(u32 *)(r1 +76)\nexit',
    facts: through(RegType.SOCKET, 4),
    after: `
      r0 = *(u16 *)(r1 +122)
      if r0 != 0xffff goto +1
      r0 = -1
      exit`,
  },
  {
    name: 'address that a cgroup program writes, with a register to spare',
    type: 18,
    spec: { expectedAttachType: 10 },
    before: '*(u32 *)(r1 +4) = r9\nexit',
    facts: through(RegType.CTX),
    after: `
      *(u64 *)(r1 +16) = r8
      r8 = *(u64 *)(r1 +8)
      *(u32 *)(r8 +4) = r9
      r8 = *(u64 *)(r1 +16)
      exit`,
  },
  {
    name: 'program that writes packets',
    type: SCHED_CLS,
    writesPacket: true,
    before: `
      again: r0 += 1
      if r0 == 0x5 goto again
      exit`,
    after: `
      r6 = *(u8 *)(r1 +126)
      w6 &= 1
      if r6 == 0x0 goto again
      r6 = r1
      r2 ^= r2
      call ${symbol('bpf_skb_pull_data')}
      if r0 == 0x0 goto +2
      w0 = 2
      exit
      r1 = r6
      again: r0 += 1
      if r0 == 0x5 goto again
      exit`,
  },
  {
    name: 'byte of the packet at a register',
    before: 'r0 = *(u8 *)skb[r7 + 20]\nexit',
    after: `
      r2 = r7
      r2 += 20
      r1 = r6
      call ${symbol('bpf_skb_load_helper_8_no_cache')}
      if r0 s>= 0x0 goto +2
      w0 ^= w0
      exit
      exit`,
  },
  {
    name: 'counted loop',
    before: `
      r0 = 0
      again: may_goto out
      goto again
      out: exit`,
    stackDepth: [12],
    after: `
      *(u64 *)(r10 -24) = 8388608
      r0 = 0
      again: r11 = *(u64 *)(r10 -24)
      if r11 == 0x0 goto out
      r11 -= 1
      *(u64 *)(r10 -24) = r11
      goto again
      out: exit`,
  },
  {
    name: 'registers kept around a call that is a call',
    before: `
      *(u64 *)(r10 -8) = r1
      call bpf_get_numa_node_id
      r1 = *(u64 *)(r10 -8)
      exit`,
    after: `
      *(u64 *)(r10 -8) = r1
      call ${symbol('bpf_get_numa_node_id')}
      r1 = *(u64 *)(r10 -8)
      exit`,
  },
  {
    name: 'registers kept around a call that does not touch them',
    before: `
      *(u64 *)(r10 -8) = r6
      *(u64 *)(r10 -16) = r1
      *(u64 *)(r10 -24) = r2
      call bpf_get_smp_processor_id
      r2 = *(u64 *)(r10 -24)
      r1 = *(u64 *)(r10 -16)
      exit`,
    after: `
      *(u64 *)(r10 -8) = r6
      w0 = 217100
      r0 = &(void __percpu *)(r0)
      r0 = *(u32 *)(r0 +0)
      exit`,
  },
];

for (const { name, after, ...given } of cases) {
  test(name, () => {
    const { insns } = rewriteCase(given);
    assert.deepEqual(listing(insns), listingOf(after));
  });
}
