import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { type LogRecord, logText } from '../../../host/verifier/log.js';
import { Errno, VerifierError } from '../../../host/verifier/verifier-error.js';
import { verify } from '../../../host/verifier/verify.js';
import { loadCore } from '../../support/jit.js';
import { type KernelName, loadCase, MAP, type VerifierCase } from '../../support/verifier-cases.js';

type Program = Omit<VerifierCase, 'rule' | 'want' | 'want61'>;

let core: Core;

before(async () => {
  core = await loadCore();
});

function logOf(program: Program, version: KernelName, logLevel: number): string {
  const { spec, kernel } = loadCase({ rule: '', ...program }, version);
  let records: readonly LogRecord[];
  try {
    const privileged = program.unprivileged !== true;
    records = verify(spec, kernel, { core, logLevel, privileged }).log;
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    records = error.log;
  }
  return logText(records, logLevel);
}

/** What registers and slots are printed as, in 6.12 and 6.1; null = the kernel has no such thing. */
interface Shown {
  readonly name: string;
  readonly program: Program;
  readonly state: string | null;
  readonly state61: string | null;
}

const tc = { type: 'SCHED_CLS' } as const;
const WAKE = {
  type: 'TRACING',
  attachType: 24,
  attach: { kind: 'fentry', target: 'wake_up_new_task' },
} as const;
const SWITCH = {
  type: 'TRACING',
  attachType: 23,
  attach: { kind: 'raw_tp', target: 'sched_switch' },
} as const;
const OUT = `
  out: r0 = 0
  exit`;
const LOOKUP = `
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd 0
  call bpf_map_lookup_elem`;
const SK = `
  r6 = *(u64 *)(r1 +168)
  if r6 == 0x0 goto out
  r1 = r6`;

const shown: readonly Shown[] = [
  {
    name: 'context',
    program: { ...tc, text: `r6 = r1${OUT}` },
    state: 'R6_w=ctx()',
    state61: 'R6_w=ctx(off=0,imm=0)',
  },
  {
    name: 'context with an offset',
    program: { ...tc, text: `r1 += 4${OUT}` },
    state: 'R1_w=ctx(off=4)',
    state61: 'R1_w=ctx(off=4,imm=0)',
  },
  { name: 'small number', program: { ...tc, text: `r6 = -5${OUT}` }, state: 'R6_w=-5', state61: 'R6_w=-5' },
  {
    name: 'large number',
    program: { ...tc, text: `w6 = -1${OUT}` },
    state: 'R6_w=0xffffffff',
    state61: 'R6_w=4294967295',
  },
  {
    name: 'bounded number',
    program: { ...tc, text: `r6 = *(u16 *)(r10 -2)${OUT}` },
    state: 'R6_w=scalar(smin=smin32=0,smax=umax=smax32=umax32=0xffff,var_off=(0x0; 0xffff))',
    state61: 'R6_w=scalar(umax=65535,var_off=(0x0; 0xffff))',
  },
  {
    name: 'number of 32 bits',
    program: { ...tc, text: `r6 = *(u32 *)(r1 +0)${OUT}` },
    state: 'R6_w=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))',
    state61: 'R6_w=scalar(umax=4294967295,var_off=(0x0; 0xffffffff))',
  },
  {
    name: 'copies of a number',
    program: { ...tc, text: `r6 = *(u64 *)(r10 -8)\nr7 = r6\nr7 += 4${OUT}` },
    state: 'R7_w=scalar(id=1+4)',
    state61: 'R7_w=scalar()',
  },
  {
    name: 'stack pointer',
    program: { ...tc, text: `r6 = r10\nr6 += -8${OUT}` },
    state: 'R6_w=fp-8',
    state61: 'R6_w=fp-8',
  },
  {
    name: 'map',
    program: { ...tc, maps: [{ type: MAP.HASH, name: 'h', value: 64 }], text: `r6 = map_fd 0${OUT}` },
    state: 'R6_w=map_ptr(map=h,ks=4,vs=64)',
    state61: 'R6_w=map_ptr(off=0,ks=4,vs=64,imm=0)',
  },
  {
    name: 'value that may be missing',
    program: { ...tc, maps: [{ type: MAP.HASH, name: 'h', value: 64 }], text: `${LOOKUP}${OUT}` },
    state: 'R0_w=map_value_or_null(id=1,map=h,ks=4,vs=64)',
    state61: 'R0_w=map_value_or_null(id=1,off=0,ks=4,vs=64,imm=0)',
  },
  {
    name: 'value with an offset',
    program: { ...tc, maps: [{ type: MAP.ARRAY, name: 'a', value: 64 }], text: `r6 = map_value 0 +8${OUT}` },
    state: 'R6_w=map_value(map=a,ks=4,vs=64,off=8)',
    state61: 'R6_w=map_value(off=8,ks=4,vs=64,imm=0)',
  },
  {
    name: 'packet',
    program: { ...tc, text: `r6 = *(u32 *)(r1 +76)\nr6 += 14${OUT}` },
    state: 'R6_w=pkt(off=14,r=0)',
    state61: 'R6_w=pkt(off=14,r=0,imm=0)',
  },
  {
    name: 'end of the packet',
    program: { ...tc, text: `r6 = *(u32 *)(r1 +80)${OUT}` },
    state: 'R6_w=pkt_end()',
    state61: 'R6_w=pkt_end(off=0,imm=0)',
  },
  {
    name: 'metadata',
    program: { ...tc, text: `r6 = *(u32 *)(r1 +140)${OUT}` },
    state: 'R6_w=pkt_meta(r=0)',
    state61: 'R6_w=pkt_meta(off=0,r=0,imm=0)',
  },
  {
    name: 'flow keys',
    program: { type: 'FLOW_DISSECTOR', text: `r6 = *(u64 *)(r1 +144)${OUT}` },
    state: 'R6_w=flow_keys()',
    state61: 'R6_w=flow_keys(off=0,imm=0)',
  },
  {
    name: 'part of a socket, which may be missing',
    program: { ...tc, text: `${SK}${OUT}` },
    state: 'R6_w=sock_common_or_null(id=1)',
    state61: 'R6_w=sock_common_or_null(id=1,off=0,imm=0)',
  },
  {
    name: 'socket, which may be missing',
    program: { ...tc, text: `${SK}\ncall bpf_sk_fullsock${OUT}` },
    state: 'R0_w=sock_or_null(id=2)',
    state61: 'R0_w=sock_or_null(id=2,off=0,imm=0)',
  },
  {
    name: 'TCP socket',
    program: { ...tc, text: `${SK}\ncall bpf_tcp_sock\nif r0 == 0x0 goto out\nr6 = r0${OUT}` },
    state: 'R6_w=tcp_sock()',
    state61: 'R6_w=tcp_sock(off=0,imm=0)',
  },
  {
    name: 'XDP socket',
    program: {
      type: 'XDP',
      maps: [{ type: MAP.XSKMAP, value: 4 }],
      text: `${LOOKUP}\nif r0 == 0x0 goto out\nr6 = r0${OUT}`,
    },
    state: 'R0_w=xdp_sock()',
    state61: 'R0_w=xdp_sock(off=0,imm=0)',
  },
  {
    name: 'tracepoint buffer',
    program: { type: 'RAW_TRACEPOINT_WRITABLE', text: `r6 = *(u64 *)(r1 +0)${OUT}` },
    state: 'R6_w=tp_buffer()',
    state61: 'R6_w=tp_buffer(off=0,imm=0)',
  },
  {
    name: 'pointer to a struct',
    program: { ...WAKE, text: `r6 = *(u64 *)(r1 +0)${OUT}` },
    state: 'R6_w=ptr_task_struct()',
    state61: 'R6_w=ptr_task_struct(off=0,imm=0)',
  },
  {
    name: 'pointer in the struct of a map',
    program: { ...tc, maps: [{ type: MAP.ARRAY }], text: `r1 = map_fd 0\nr6 = *(u64 *)(r1 +0)${OUT}` },
    state: 'R6_w=ptr_bpf_map_ops()',
    state61: 'R6_w=ptr_bpf_map_ops(off=0,imm=0)',
  },
  {
    name: 'trusted pointer to a struct',
    program: { ...SWITCH, text: `r6 = *(u64 *)(r1 +16)${OUT}` },
    state: 'R6_w=trusted_ptr_task_struct()',
    state61: 'R6_w=ptr_task_struct(off=0,imm=0)',
  },
  {
    name: 'pointer to a struct under RCU',
    program: {
      ...SWITCH,
      text: `r6 = *(u64 *)(r1 +16)\nr7 = *(u64 *)(r6 +OFFSETOF(task_struct.real_parent))${OUT}`,
    },
    state: 'R7_w=rcu_ptr_task_struct()',
    state61: 'R7_w=ptr_task_struct(off=0,imm=0)',
  },
  {
    name: 'pointer to a struct that may be NULL',
    program: {
      type: 'TRACING',
      attachType: 28,
      attach: { kind: 'iter', target: 'bpf_iter_task' },
      text: `r6 = *(u64 *)(r1 +8)${OUT}`,
    },
    state: 'R6_w=trusted_ptr_or_null_task_struct(id=1)',
    state61: 'R6_w=ptr_or_null_task_struct(id=1,off=0,imm=0)',
  },
  {
    name: 'pointer that may be stale',
    program: {
      ...WAKE,
      text: `r1 = *(u64 *)(r1 +0)\nr2 = ktypeid(file)\ncall kfunc bpf_rdonly_cast\nr6 = r0${OUT}`,
    },
    state: 'R6_w=untrusted_ptr_file()',
    state61: null,
  },
  {
    name: 'ring buffer record',
    program: {
      type: 'KPROBE',
      maps: [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }],
      text: `
        r1 = map_fd 0
        r2 = 8
        r3 = 0
        call bpf_ringbuf_reserve
        if r0 == 0x0 goto out
        r1 = r0
        r2 = 0
        call bpf_ringbuf_submit${OUT}`,
    },
    state: 'R0_w=ringbuf_mem_or_null(id=2,ref_obj_id=2,sz=8) refs=2',
    state61: 'R0_w=alloc_mem_or_null(id=2,ref_obj_id=2,off=0,imm=0) refs=2',
  },
  {
    name: 'function',
    program: {
      ...tc,
      c: 'int main(struct __sk_buff *ctx); static int cb(u32 index, void *data);',
      text: `
        r1 = 1
        r2 = func cb
        r3 = 0
        r4 = 0
        call bpf_loop${OUT}
        cb: r0 = 0
        exit`,
    },
    state: 'R2_w=func()',
    state61: 'R2_w=func(off=0,imm=0)',
  },
  {
    name: 'arena',
    program: {
      type: 'SYSCALL',
      sleepable: true,
      maps: [{ type: MAP.ARENA, key: 0, value: 0, max: 1, flags: 1 << 10, extra: 0x7f1200000000n }],
      text: `r6 = map_fd 0\nr7 = 64\nr7 = addr_space_cast(r7, 0, 1)${OUT}`,
    },
    state: 'R7_w=arena',
    state61: null,
  },
  {
    name: 'numbers on the stack',
    program: {
      ...tc,
      text: `r6 = *(u8 *)(r10 -1)\n*(u64 *)(r10 -16) = r6\n*(u32 *)(r10 -20) = r6\n*(u16 *)(r10 -24) = 0${OUT}`,
    },
    state: 'fp-24=mmmm??0',
    state61: 'fp-24=mmmm??00',
  },
];

for (const { name, program, state, state61 } of shown) {
  for (const [version, want] of [
    ['6.12', state],
    ['6.1', state61],
  ] as const) {
    if (want === null) continue;
    test(`${version} prints: ${name}`, () => {
      const log = logOf(program, version, 2);
      assert.ok(
        log.split('\n').some((line) => `${line} `.includes(` ${want} `)),
        `${want}\nexpected in\n${log}`,
      );
    });
  }
}

/** Whole logs of a program with a global function that is called and verified. */
const GLOBAL: Program = {
  type: 'XDP',
  c: 'int main(struct xdp_md *ctx); int g(int a);',
  text: `
    r1 = 1
    call g
    exit
    g: r0 = r1
    exit`,
};
const BROKEN: Program = { ...GLOBAL, text: GLOBAL.text!.replace('r0 = r1', 'r0 = r5') };
const PROCESSED = (insns: number): string =>
  `processed ${insns} insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0`;

const logs: readonly [program: Program, version: KernelName, level: number, want: readonly string[]][] = [
  [GLOBAL, '6.12', 0, []],
  [
    GLOBAL,
    '6.12',
    1,
    ['Validating g() func#1...', "Func#1 ('g') is safe for any args that match its prototype", PROCESSED(5)],
  ],
  [
    GLOBAL,
    '6.12',
    2,
    [
      'func#0 @0',
      'func#1 @3',
      '0: R1=ctx() R10=fp0',
      '0: (b7) r1 = 1                        ; R1_w=1',
      '1: (85) call pc+1',
      "Func#1 ('g') is global and assumed valid.",
      '2: R0_w=scalar()',
      '2: (95) exit',
      'Validating g() func#1...',
      '3: R1=scalar() R10=fp0',
      '3: (bf) r0 = r1                       ; R0_w=scalar(id=1) R1=scalar(id=1)',
      '4: (95) exit',
      "Func#1 ('g') is safe for any args that match its prototype",
      PROCESSED(5),
    ],
  ],
  [
    GLOBAL,
    '6.1',
    2,
    [
      'func#0 @0',
      'func#1 @3',
      'Validating g() func#1...',
      '3: R1=scalar() R10=fp0',
      '3: (bf) r0 = r1                       ; R0_w=scalar(id=1) R1=scalar(id=1)',
      '4: (95) exit',
      'Func#1 is safe for any args that match its prototype',
      '0: R1=ctx(off=0,imm=0) R10=fp0',
      '0: (b7) r1 = 1                        ; R1_w=1',
      '1: (85) call pc+1',
      'Func#1 is global and valid. Skipping.',
      '2: R0_w=scalar()',
      '2: (95) exit',
      PROCESSED(5),
    ],
  ],
  [GLOBAL, '6.12', 4, [PROCESSED(5)]],
  [BROKEN, '6.12', 1, ['Validating g() func#1...', 'R5 !read_ok', PROCESSED(4)]],
  [BROKEN, '6.12', 4, ['R5 !read_ok', PROCESSED(4)]],
];

for (const [program, version, level, want] of logs) {
  test(`${version} at level ${level}: ${program === GLOBAL ? 'accepted' : 'refused'}`, () => {
    assert.deepEqual(logOf(program, version, level).split('\n').slice(0, -1), want);
  });
}

/** The log buffer has room for a whole log, or lacks a byte. */
for (const [version, cut] of [
  ['6.12', (text: string): string => text.slice(1)],
  ['6.1', (text: string): string => text.slice(0, -1)],
] as const) {
  for (const program of [GLOBAL, BROKEN]) {
    test(`${version}: ${program === GLOBAL ? 'an accepted' : 'a refused'} program whose log does not fit`, () => {
      const { spec, kernel } = loadCase({ rule: '', ...program }, version);
      const whole = logOf(program, version, 2);
      const errno = (logSize: number): number => {
        try {
          verify(spec, kernel, { core, logLevel: 2, logSize });
          return 0;
        } catch (error) {
          assert(error instanceof VerifierError);
          if (error.errno === Errno.ENOSPC) {
            // Lines end where the buffer does: the newline that a cut took off is printed again.
            assert.equal(logText(error.log, 2).trimEnd(), cut(whole).trimEnd());
          }
          return error.errno;
        }
      };
      assert.equal(errno(whole.length + 1), program === GLOBAL ? 0 : Errno.EACCES);
      assert.equal(errno(whole.length), Errno.ENOSPC);
    });
  }
}

/** main asks for two and three, two asks for one. */
const ASKING: Program = {
  type: 'XDP',
  c: 'int main(struct xdp_md *ctx); int one(int a); int two(int a); int three(int a);',
  text: `
    r1 = 1
    call two
    r1 = 1
    call three
    exit
    one: r0 = r1
    exit
    two: call one
    exit
    three: r0 = r1
    exit`,
};

for (const [version, order] of [
  ['6.12', ['two', 'three', 'one']],
  ['6.1', ['one', 'two', 'three']],
] as const) {
  test(`${version} verifies functions for any arguments in the order ${order.join(', ')}`, () => {
    const names = [...logOf(ASKING, version, 1).matchAll(/^Validating (\w+)\(\)/gm)].map(([, name]) => name);
    assert.deepEqual(names, order);
  });
}

/** Two paths that meet with nothing known of r6 any more, too short for a state to be stored. */
const MEETING: Program = {
  type: 'XDP',
  text: `
    r6 = *(u32 *)(r1 +12)
    if r6 == 0x5 goto meet
    r7 = 1
    meet: r7 = 0
    r0 = 0
    exit`,
};
const BPF_F_TEST_STATE_FREQ = 8;

for (const version of ['6.12', '6.1'] as const) {
  for (const [flags, insns] of [
    [0, 6 + 3],
    [BPF_F_TEST_STATE_FREQ, 6 + 1],
  ] as const) {
    test(`${version} processes ${insns} instructions with flags ${flags}`, () => {
      assert.match(logOf({ ...MEETING, flags }, version, 1), new RegExp(`^processed ${insns} insns`, 'm'));
    });
  }
}

test('a mispredicted path ends where a path that is taken was proved', () => {
  const program: Program = {
    unprivileged: true,
    flags: BPF_F_TEST_STATE_FREQ,
    text: `
      r6 = 0
      if r6 == 0x0 goto meet
      r0 = 1
      meet: r0 = 0
      exit`,
  };
  // Slots 0, 1, 3, 4, then 2 and, on arriving at 3, no more.
  assert.match(logOf(program, '6.12', 1), /^3: safe\nprocessed 6 insns/m);
});
