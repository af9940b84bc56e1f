import { BtfKind } from '../../../host/btf/types.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import { MAP, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const btf = kernelBtf('6.12');

/** Where a field of a variable of each CPU lies in the section of such variables. */
function perCpu(variable: string, field: string): number {
  const section = btf.type(btf.find('.data..percpu', BtfKind.DATASEC));
  const entry =
    section.kind === BtfKind.DATASEC
      ? section.vars.find((one) => btf.type(one.type).name === variable)
      : undefined;
  if (entry === undefined) throw new Error(`no variable ${variable} of each CPU`);
  const { type } = btf.type(entry.type) as { type: number };
  return entry.offset + btf.member(btf.skipModifiers(type), field).bitOffset / 8;
}

const OUT = '\nr0 = 0\nexit';
const FENTRY = {
  type: 'TRACING',
  attachType: 24,
  attach: { kind: 'fentry', target: 'wake_up_new_task' },
} as const;
const FEXIT = {
  type: 'TRACING',
  attachType: 25,
  attach: { kind: 'fexit', target: 'wake_up_new_task' },
} as const;
const LSM = { type: 'LSM', attachType: 27, attach: { kind: 'lsm', target: 'file_open' } } as const;
const KEY = `
  *(u64 *)(r10 -8) = 0
  *(u64 *)(r10 -16) = 0
  r2 = r10
  r2 += -8`;
const KEY_DUMP = `
  *(u64 *)(r10 -8) = 0
  *(u64 *)(r10 -16) = 0
  r2 = r10
  r2 += -8
  r1 = 0x1
  r3 = r10
  r3 += -16
  r4 = 0`;
const RESULT = '\nr3 = r10\nr3 += -8\ncall';

type Rewrite = Partial<VerifierCase> & {
  readonly name: string;
  readonly text: string;
  readonly xlated: string;
};

const ROWS: readonly Rewrite[] = [
  {
    name: 'jiffies',
    type: 'SCHED_CLS',
    text: `call bpf_jiffies64${OUT}`,
    xlated: `r0 = ADDRESS\nr0 = *(u64 *)(r0 +0)${OUT}`,
  },
  {
    name: 'get_func_arg',
    ...FENTRY,
    text: `r2 = 0${RESULT} bpf_get_func_arg${OUT}`,
    xlated: `
      r2 = 0
      r3 = r10
      r3 += -8
      r0 = *(u64 *)(r1 -8)
      if w2 >= w0 goto pc+6
      r2 <<= 3
      r2 += r1
      r0 = *(u64 *)(r2 +0)
      *(u64 *)(r3 +0) = r0
      r0 = 0
      goto pc+1
      r0 = -22${OUT}`,
  },
  {
    name: 'get_func_arg of a hook is a call',
    ...LSM,
    text: `r2 = 0${RESULT} bpf_get_func_arg${OUT}`,
    xlated: `r2 = 0\nr3 = r10\nr3 += -8\ncall &get_func_arg${OUT}`,
  },
  {
    name: 'get_func_ret after the function',
    ...FEXIT,
    text: `r2 = r10\nr2 += -8\ncall bpf_get_func_ret${OUT}`,
    xlated: `
      r2 = r10
      r2 += -8
      r0 = *(u64 *)(r1 -8)
      r0 <<= 3
      r0 += r1
      r3 = *(u64 *)(r0 +0)
      *(u64 *)(r2 +0) = r3
      r0 = 0${OUT}`,
  },
  {
    name: 'get_func_ret before the function',
    ...FENTRY,
    text: `r2 = r10\nr2 += -8\ncall bpf_get_func_ret${OUT}`,
    xlated: `r2 = r10\nr2 += -8\nr0 = -95${OUT}`,
  },
  {
    name: 'get_func_arg_cnt',
    ...FENTRY,
    text: `call bpf_get_func_arg_cnt${OUT}`,
    xlated: `r0 = *(u64 *)(r1 -8)${OUT}`,
  },
  {
    name: 'get_func_ip',
    ...FENTRY,
    text: `call bpf_get_func_ip${OUT}`,
    xlated: `r0 = *(u64 *)(r1 -16)${OUT}`,
  },
  {
    name: 'get_func_ip of a kprobe is a call',
    type: 'KPROBE',
    text: `call bpf_get_func_ip${OUT}`,
    xlated: `call &bpf_get_func_ip_kprobe${OUT}`,
  },
  ...(
    [
      ['HASH', 'htab_map_update_elem'],
      ['PERCPU_HASH', 'htab_percpu_map_update_elem'],
      ['LRU_HASH', 'htab_lru_map_update_elem'],
      ['LRU_PERCPU_HASH', 'htab_lru_percpu_map_update_elem'],
      ['ARRAY', 'array_map_update_elem'],
      ['PERCPU_ARRAY', 'array_map_update_elem'],
    ] as const
  ).map(([map, symbol]): Rewrite => ({
    name: `update of ${map}`,
    type: 'SCHED_CLS',
    maps: [{ type: MAP[map] }],
    text: `${KEY}\nr1 = map_fd 0\nr3 = r10\nr3 += -16\nr4 = 0\ncall bpf_map_update_elem${OUT}`,
    xlated: `${KEY_DUMP}\ncall &${symbol}${OUT}`,
  })),
  {
    name: 'update where nothing is compiled',
    ...{ type: 'SCHED_CLS', jit: false, maps: [{ type: MAP.HASH }] },
    text: `${KEY}\nr1 = map_fd 0\nr3 = r10\nr3 += -16\nr4 = 0\ncall bpf_map_update_elem${OUT}`,
    xlated: `${KEY_DUMP}\ncall &bpf_map_update_elem${OUT}`,
  },
];

/** What only Linux 6.12 has, or does so. */
const ROWS_612: readonly Rewrite[] = [
  {
    name: 'number of the processor',
    type: 'SCHED_CLS',
    text: `call bpf_get_smp_processor_id\nexit`,
    xlated: `w0 = ${perCpu('pcpu_hot', 'cpu_number')}\n(bf) r0 = &(void __percpu *)(r0)\nr0 = *(u32 *)(r0 +0)\nexit`,
  },
  {
    name: 'cast to a kernel struct',
    type: 'SCHED_CLS',
    text: `r2 = ktypeid(task_struct)\ncall kfunc bpf_rdonly_cast${OUT}`,
    xlated: `r2 = ${btf.find('task_struct', BtfKind.STRUCT)}\nr0 = r1${OUT}`,
  },
  {
    name: 'cast of the context',
    type: 'SCHED_CLS',
    text: `call kfunc bpf_cast_to_kern_ctx${OUT}`,
    xlated: `r0 = r1${OUT}`,
  },
  {
    name: 'a kernel function',
    type: 'SCHED_CLS',
    text: `call kfunc bpf_rcu_read_lock\ncall kfunc bpf_rcu_read_unlock${OUT}`,
    xlated: `call &bpf_rcu_read_lock\ncall &bpf_rcu_read_unlock${OUT}`,
  },
  {
    name: 'a packet that may be written',
    type: 'SCHED_CLS',
    text: `r2 = 0\nr3 = r10\nr3 += -16\ncall kfunc bpf_dynptr_from_skb${OUT}`,
    xlated: `r2 = 0\nr3 = r10\nr3 += -16\ncall &bpf_dynptr_from_skb${OUT}`,
  },
  {
    name: 'a packet that may only be read',
    type: 'SOCKET_FILTER',
    text: `r2 = 0\nr3 = r10\nr3 += -16\ncall kfunc bpf_dynptr_from_skb${OUT}`,
    xlated: `r2 = 0\nr3 = r10\nr3 += -16\ncall &bpf_dynptr_from_skb_rdonly${OUT}`,
  },
];

verifierCases('rewritten calls', [
  ...ROWS.map((row): VerifierCase => ({
    ...row,
    rule: 'rewrite of a call',
    want: 'ok',
    want61: 'ok',
    xlated61: row.xlated,
  })),
  ...ROWS_612.map((row): VerifierCase => ({ ...row, rule: 'rewrite of a call', want: 'ok' })),
]);
