import {
  MAP,
  type CaseMap,
  type Verdict,
  type VerifierCase,
  verifierGroups,
} from '../../support/verifier-cases.js';

/**
 * Every kernel function that programs may call, once as its prototype wants it, and what is refused. Before the call
 * r6 is the context, r7 the object of the row, r8 a map value of 64 bytes, r9 an unknown number; the stack holds 0 in
 * fp-64..fp-1 and a dynptr of r8 at fp-144.
 */
interface Row {
  readonly name: string;
  readonly home: string;
  /** Leaves the object in r7. */
  readonly object?: string;
  /** Kinds, one an argument: what is passed follows from them. */
  readonly args: readonly string[];
  /** What a load through the result says, or `ok`. */
  readonly result: string;
  /** Gives back what was acquired. */
  readonly after?: string;
  /** Before the program ends, whichever way. */
  readonly end?: string;
}

const HOMES: Readonly<Record<string, Partial<VerifierCase>>> = {
  tc: { type: 'SCHED_CLS' },
  xdp: { type: 'XDP' },
  syscall: { type: 'SYSCALL', sleepable: true },
  session: { type: 'KPROBE', attachType: 56 },
  task: { type: 'TRACING', attachType: 23, attach: { kind: 'raw_tp', target: 'task_newtask' } },
  fentry: { type: 'TRACING', attachType: 24, attach: { kind: 'fentry', target: 'wake_up_new_task' } },
  lsm: { type: 'LSM', attachType: 27, attach: { kind: 'lsm', target: 'file_open' } },
  sleepy: { type: 'LSM', attachType: 27, attach: { kind: 'lsm', target: 'file_open' }, sleepable: true },
  inode: { type: 'LSM', attachType: 27, attach: { kind: 'lsm', target: 'inode_unlink' }, sleepable: true },
  tcp: { type: 'STRUCT_OPS', attach: { kind: 'struct_ops', target: 'tcp_congestion_ops.init' } },
  mapIter: { type: 'TRACING', attachType: 28, attach: { kind: 'iter', target: 'bpf_map' } },
  tcpIter: { type: 'TRACING', attachType: 28, attach: { kind: 'iter', target: 'tcp' } },
  unix: { type: 'CGROUP_SOCK_ADDR', attachType: 49 },
};

const TASK = 'call bpf_get_current_task_btf\nr7 = r0';
const HELD = (call: string): string => `${call}\nif r0 == 0x0 goto out\nr7 = r0`;
const CGROUP = HELD('r1 = 1\ncall kfunc bpf_cgroup_from_id');
const MASK = HELD('call kfunc bpf_cpumask_create');
const KEY = HELD('r1 = 1\ncall kfunc bpf_lookup_system_key');
const release = (name: string): string => `r1 = r7\ncall kfunc ${name}`;
const drop = (name: string): string => `if r0 == 0x0 goto out\nr1 = r0\ncall kfunc ${name}`;
const FREE_CGROUP = release('bpf_cgroup_release');
const FREE_MASK = release('bpf_cpumask_release');
const POINTER = 'trusted_ptr_or_null_';
const ITEM = (name: string, init: string, destroy = true): Pick<Row, 'object' | 'end'> => ({
  object: `${init}\nr1 = r10\nr1 += -112\ncall kfunc bpf_iter_${name}_new`,
  end: destroy ? `r1 = r10\nr1 += -112\ncall kfunc bpf_iter_${name}_destroy` : '',
});
/** Elements: the path on which the iterator has ended goes first, its result is 0. */
const NUM = ITEM('num', 'r2 = 0\nr3 = 5');
const BITS = ITEM('bits', 'r2 = r8\nr3 = 1');
const TASKS = ITEM('task', 'r2 = 0\nr3 = 0');
const VMA = ITEM('task_vma', `${TASK}\nr2 = r7\nr3 = 0`);
const gone = <T extends { end?: string }>({ end: _, ...rest }: T): Omit<T, 'end'> => rest;

const mask = (name: string, args: readonly string[], result = 'scalar'): Row => ({
  ...{ name, home: 'task', object: MASK, args, result, end: FREE_MASK },
});

const ROWS: readonly Row[] = [
  { name: 'bpf_task_from_pid', home: 'tc', args: ['int'], result: POINTER, after: drop('bpf_task_release') },
  ...['bpf_task_acquire'].map((name): Row => ({
    ...{ name, home: 'tc', object: TASK, args: ['struct task_struct'], result: POINTER },
    after: drop('bpf_task_release'),
  })),
  {
    ...{ name: 'bpf_task_release', home: 'tc', object: HELD('r1 = 1\ncall kfunc bpf_task_from_pid') },
    ...{ args: ['release task_struct'], result: 'void' },
  },
  {
    name: 'bpf_cgroup_from_id',
    home: 'tc',
    args: ['int'],
    result: POINTER,
    after: drop('bpf_cgroup_release'),
  },
  {
    ...{ name: 'bpf_cgroup_acquire', home: 'tc', object: CGROUP, args: ['struct cgroup'], result: POINTER },
    ...{ after: 'if r0 == 0x0 goto end\nr1 = r0\ncall kfunc bpf_cgroup_release', end: FREE_CGROUP },
  },
  { name: 'bpf_cgroup_release', home: 'tc', object: CGROUP, args: ['release cgroup'], result: 'void' },
  {
    ...{ name: 'bpf_cgroup_ancestor', home: 'tc', object: CGROUP, args: ['struct cgroup', 'int'] },
    ...{ result: POINTER, end: FREE_CGROUP },
    after: 'if r0 == 0x0 goto end\nr1 = r0\ncall kfunc bpf_cgroup_release',
  },
  {
    ...{ name: 'bpf_task_get_cgroup1', home: 'tc', object: TASK, args: ['struct task_struct', 'int'] },
    ...{ result: POINTER, after: drop('bpf_cgroup_release') },
  },
  { name: 'bpf_throw', home: 'tc', args: ['cookie'], result: 'none' },
  { name: 'bpf_cast_to_kern_ctx', home: 'tc', args: ['ctx'], result: 'sk_buff' },
  { name: 'bpf_rdonly_cast', home: 'tc', args: ['ignored', 'typeid'], result: 'ok' },
  { name: 'bpf_rcu_read_lock', home: 'tc', args: [], result: 'void', end: 'call kfunc bpf_rcu_read_unlock' },
  {
    ...{ name: 'bpf_rcu_read_unlock', home: 'tc', object: 'call kfunc bpf_rcu_read_lock', args: [] },
    result: 'void',
  },
  { name: 'bpf_preempt_disable', home: 'tc', args: [], result: 'void', end: 'call kfunc bpf_preempt_enable' },
  {
    ...{ name: 'bpf_preempt_enable', home: 'tc', object: 'call kfunc bpf_preempt_disable', args: [] },
    result: 'void',
  },
  {
    name: 'bpf_dynptr_slice',
    home: 'tc',
    args: ['dynptr', 'int', 'buffer?', 'szk'],
    result: 'rdonly_mem_or_null',
  },
  {
    name: 'bpf_dynptr_slice_rdwr',
    home: 'tc',
    args: ['dynptr', 'int', 'buffer?', 'szk'],
    result: 'mem_or_null',
  },
  { name: 'bpf_dynptr_adjust', home: 'tc', args: ['dynptr', 'int', 'int'], result: 'scalar' },
  { name: 'bpf_dynptr_is_null', home: 'tc', args: ['dynptr'], result: 'scalar' },
  { name: 'bpf_dynptr_is_rdonly', home: 'tc', args: ['dynptr'], result: 'scalar' },
  { name: 'bpf_dynptr_size', home: 'tc', args: ['dynptr'], result: 'scalar' },
  { name: 'bpf_dynptr_clone', home: 'tc', args: ['dynptr', 'new dynptr'], result: 'scalar' },
  { name: 'bpf_dynptr_from_skb', home: 'tc', args: ['ctx', 'int', 'new dynptr'], result: 'scalar' },
  { name: 'bpf_dynptr_from_xdp', home: 'xdp', args: ['ctx', 'int', 'new dynptr'], result: 'scalar' },
  { name: 'bpf_iter_num_new', home: 'tc', args: ['new iter', 'int', 'int'], result: 'scalar', end: NUM.end! },
  { name: 'bpf_iter_num_next', home: 'tc', ...NUM, args: ['iter num'], result: 'scalar' },
  { name: 'bpf_iter_num_destroy', home: 'tc', ...gone(NUM), args: ['iter num'], result: 'void' },
  {
    ...{ name: 'bpf_iter_bits_new', home: 'tc', args: ['new iter', 'ignored', 'int'], result: 'scalar' },
    end: BITS.end!,
  },
  { name: 'bpf_iter_bits_next', home: 'tc', ...BITS, args: ['iter bits'], result: 'scalar' },
  { name: 'bpf_iter_bits_destroy', home: 'tc', ...gone(BITS), args: ['iter bits'], result: 'void' },
  {
    ...{ name: 'bpf_iter_task_new', home: 'task', args: ['new iter', 'nullable', 'int'], result: 'scalar' },
    end: TASKS.end!,
  },
  { name: 'bpf_iter_task_next', home: 'task', ...TASKS, args: ['iter task'], result: 'scalar' },
  { name: 'bpf_iter_task_destroy', home: 'task', ...gone(TASKS), args: ['iter task'], result: 'void' },
  {
    ...{ name: 'bpf_iter_task_vma_new', home: 'task', object: TASK, end: VMA.end! },
    ...{ args: ['new iter', 'struct task_struct', 'int'], result: 'scalar' },
  },
  { name: 'bpf_iter_task_vma_next', home: 'task', ...VMA, args: ['iter task_vma'], result: 'scalar' },
  { name: 'bpf_iter_task_vma_destroy', home: 'task', ...gone(VMA), args: ['iter task_vma'], result: 'void' },
  {
    name: 'bpf_wq_init',
    home: 'tc',
    object: 'r7 = map_value 1',
    args: ['wq', 'map', 'int'],
    result: 'scalar',
  },
  { name: 'bpf_wq_start', home: 'tc', object: 'r7 = map_value 1', args: ['wq', 'int'], result: 'scalar' },
  {
    ...{ name: 'bpf_wq_set_callback_impl', home: 'tc', object: 'r7 = map_value 1', result: 'scalar' },
    args: ['wq', 'func', 'int', 'ignored'],
  },
  {
    ...{ name: 'bpf_map_sum_elem_count', home: 'mapIter', args: ['map pointer'], result: 'scalar' },
    object: 'r7 = *(u64 *)(r6 +8)\nif r7 == 0x0 goto out',
  },
  { name: 'bpf_modify_return_test_tp', home: 'fentry', args: ['int'], result: 'scalar' },
  {
    ...{ name: 'bpf_copy_from_user_str', home: 'sleepy', args: ['buffer', 'size', 'ignored', 'int'] },
    result: 'scalar',
  },
  {
    ...{ name: 'bpf_arena_alloc_pages', home: 'syscall', result: 'scalar' },
    args: ['arena', 'ignored', 'int', 'int', 'int'],
  },
  { name: 'bpf_arena_free_pages', home: 'syscall', args: ['arena', 'ignored', 'int'], result: 'void' },
  { name: 'bpf_cpumask_create', home: 'task', args: [], result: POINTER, after: drop('bpf_cpumask_release') },
  { name: 'bpf_cpumask_release', home: 'task', object: MASK, args: ['release bpf_cpumask'], result: 'void' },
  {
    ...mask('bpf_cpumask_acquire', ['struct bpf_cpumask'], 'ok'),
    after: 'r1 = r0\ncall kfunc bpf_cpumask_release',
  },
  ...['first', 'first_zero', 'empty', 'full', 'any_distribute', 'weight'].map((name) =>
    mask(`bpf_cpumask_${name}`, ['struct cpumask']),
  ),
  ...['first_and', 'equal', 'intersects', 'subset', 'any_and_distribute'].map((name) =>
    mask(`bpf_cpumask_${name}`, ['struct cpumask', 'struct cpumask']),
  ),
  ...['set_cpu', 'clear_cpu'].map((name) =>
    mask(`bpf_cpumask_${name}`, ['int', 'struct bpf_cpumask'], 'void'),
  ),
  ...['test_and_set_cpu', 'test_and_clear_cpu'].map((name) =>
    mask(`bpf_cpumask_${name}`, ['int', 'struct bpf_cpumask']),
  ),
  mask('bpf_cpumask_test_cpu', ['int', 'struct cpumask']),
  ...['setall', 'clear'].map((name) => mask(`bpf_cpumask_${name}`, ['struct bpf_cpumask'], 'void')),
  mask('bpf_cpumask_copy', ['struct bpf_cpumask', 'struct cpumask'], 'void'),
  mask('bpf_cpumask_and', ['struct bpf_cpumask', 'struct cpumask', 'struct cpumask']),
  mask('bpf_cpumask_or', ['struct bpf_cpumask', 'struct cpumask', 'struct cpumask'], 'void'),
  mask('bpf_cpumask_xor', ['struct bpf_cpumask', 'struct cpumask', 'struct cpumask'], 'void'),
  {
    name: 'bpf_lookup_system_key',
    home: 'sleepy',
    args: ['int'],
    result: POINTER,
    after: drop('bpf_key_put'),
  },
  {
    name: 'bpf_lookup_user_key',
    home: 'sleepy',
    args: ['int', 'int'],
    result: POINTER,
    after: drop('bpf_key_put'),
  },
  { name: 'bpf_key_put', home: 'sleepy', object: KEY, args: ['release bpf_key'], result: 'void' },
  {
    ...{ name: 'bpf_verify_pkcs7_signature', home: 'sleepy', object: KEY, result: 'scalar' },
    ...{ args: ['dynptr', 'dynptr', 'loose bpf_key'], end: release('bpf_key_put') },
  },
  {
    ...{ name: 'bpf_get_file_xattr', home: 'sleepy', object: 'r7 = *(u64 *)(r6 +0)', result: 'scalar' },
    args: ['struct file', 'string', 'dynptr'],
  },
  {
    ...{ name: 'bpf_get_dentry_xattr', home: 'inode', object: 'r7 = *(u64 *)(r6 +8)', result: 'scalar' },
    args: ['struct dentry', 'string', 'dynptr'],
  },
  {
    ...{ name: 'bpf_get_fsverity_digest', home: 'sleepy', object: 'r7 = *(u64 *)(r6 +0)', result: 'scalar' },
    args: ['struct file', 'dynptr'],
  },
  {
    ...{ name: 'bpf_get_task_exe_file', home: 'lsm', object: TASK, args: ['struct task_struct'] },
    ...{ result: POINTER, after: drop('bpf_put_file') },
  },
  {
    ...{ name: 'bpf_put_file', home: 'lsm', args: ['release file'], result: 'void' },
    object: HELD('call bpf_get_current_task_btf\nr1 = r0\ncall kfunc bpf_get_task_exe_file'),
  },
  {
    ...{ name: 'bpf_path_d_path', home: 'lsm', args: ['struct path', 'buffer', 'size'], result: 'scalar' },
    object: 'r7 = *(u64 *)(r6 +0)\nr7 += OFFSETOF(file.f_path)',
  },
  { name: 'bpf_session_is_return', home: 'session', args: [], result: 'scalar' },
  { name: 'bpf_session_cookie', home: 'session', args: [], result: 'ok' },
  { name: 'bpf_xdp_metadata_rx_timestamp', home: 'xdp', args: ['ctx', 'memory'], result: 'scalar' },
  { name: 'bpf_xdp_metadata_rx_hash', home: 'xdp', args: ['ctx', 'memory', 'memory'], result: 'scalar' },
  { name: 'bpf_xdp_metadata_rx_vlan_tag', home: 'xdp', args: ['ctx', 'memory', 'memory'], result: 'scalar' },
  {
    ...{ name: 'bpf_sock_destroy', home: 'tcpIter', args: ['struct sock_common'], result: 'scalar' },
    object: 'r7 = *(u64 *)(r6 +8)\nif r7 == 0x0 goto out',
  },
  {
    ...{
      name: 'bpf_sock_addr_set_sun_path',
      home: 'unix',
      args: ['loose bpf_sock_addr_kern', 'buffer', 'size'],
    },
    ...{ object: 'r1 = r6\ncall kfunc bpf_cast_to_kern_ctx\nr7 = r0', result: 'scalar' },
  },
  {
    ...{
      name: 'bpf_crypto_ctx_create',
      home: 'syscall',
      args: ['buffer', 'size', 'memory'],
      result: POINTER,
    },
    after: drop('bpf_crypto_ctx_release'),
  },
  {
    ...{ name: 'bpf_crypto_ctx_release', home: 'syscall', args: ['release bpf_crypto_ctx'], result: 'void' },
    object: HELD('r1 = r10\nr1 += -64\nr2 = 8\nr3 = r10\nr3 += -8\ncall kfunc bpf_crypto_ctx_create'),
  },
  {
    ...{ name: 'bpf_crypto_ctx_acquire', home: 'syscall', args: ['struct bpf_crypto_ctx'], result: POINTER },
    object: HELD('r1 = r10\nr1 += -64\nr2 = 8\nr3 = r10\nr3 += -8\ncall kfunc bpf_crypto_ctx_create'),
    after: 'if r0 == 0x0 goto end\nr1 = r0\ncall kfunc bpf_crypto_ctx_release',
    end: release('bpf_crypto_ctx_release'),
  },
  ...['bpf_crypto_encrypt', 'bpf_crypto_decrypt'].map((name): Row => ({
    ...{
      name,
      home: 'tc',
      args: ['struct bpf_crypto_ctx', 'dynptr', 'dynptr', 'nullable'],
      result: 'scalar',
    },
    object: 'r7 = map_value 4\nr7 = *(u64 *)(r7 +0)\nif r7 == 0x0 goto out',
  })),
  {
    name: 'cgroup_rstat_updated',
    home: 'task',
    object: CGROUP,
    args: ['loose cgroup', 'int'],
    result: 'void',
    end: FREE_CGROUP,
  },
  {
    name: 'cgroup_rstat_flush',
    home: 'sleepy',
    object: CGROUP,
    args: ['loose cgroup'],
    result: 'void',
    end: FREE_CGROUP,
  },
  ...['tcp_reno_ssthresh', 'tcp_reno_undo_cwnd'].map((name): Row => ({
    ...{ name, home: 'tcp', object: 'r7 = *(u64 *)(r6 +0)', args: ['loose sock'], result: 'scalar' },
  })),
  {
    ...{ name: 'tcp_reno_cong_avoid', home: 'tcp', object: 'r7 = *(u64 *)(r6 +0)', result: 'void' },
    args: ['loose sock', 'int', 'int'],
  },
  {
    ...{ name: 'tcp_slow_start', home: 'tcp', object: 'r7 = *(u64 *)(r6 +0)', result: 'scalar' },
    args: ['loose tcp_sock', 'int'],
  },
  {
    ...{ name: 'tcp_cong_avoid_ai', home: 'tcp', object: 'r7 = *(u64 *)(r6 +0)', result: 'void' },
    args: ['loose tcp_sock', 'int', 'int'],
  },
];

const CSS = ITEM(
  'css',
  `${CGROUP}
r2 = r7
r3 = 1`,
);
const CSS_TASKS = ITEM(
  'css_task',
  `${CGROUP}
r2 = r7
r3 = 0`,
);
const css = (name: string, home: string, item: typeof CSS): Row[] => [
  {
    ...{ name: `bpf_iter_${name}_new`, home, object: CGROUP, result: 'scalar' },
    ...{ args: ['new iter', 'struct cgroup_subsys_state', 'int'], end: `${item.end!}\n${FREE_CGROUP}` },
  },
  {
    ...{
      name: `bpf_iter_${name}_next`,
      home,
      object: item.object!,
      args: [`iter ${name}`],
      result: 'scalar',
    },
    end: `${item.end!}\n${FREE_CGROUP}`,
  },
  {
    ...{ name: `bpf_iter_${name}_destroy`, home, object: item.object!, args: [`iter ${name}`] },
    ...{ result: 'void', end: FREE_CGROUP },
  },
];
const FULL_SOCK = `r7 = *(u64 *)(r6 +168)
if r7 == 0x0 goto out
r1 = r7
call bpf_sk_fullsock
if r0 == 0x0 goto out
r7 = r0`;
const MORE: readonly Row[] = [
  {
    ...{ name: 'bpf_sk_assign_tcp_reqsk', home: 'tc', object: FULL_SOCK, result: 'scalar' },
    args: ['ctx', 'loose sock', 'buffer', 'size'],
  },
  { name: 'crash_kexec', home: 'task', args: ['registers'], result: 'void' },
  ...css('css', 'task', CSS),
  ...css('css_task', 'lsm', CSS_TASKS),
  {
    ...{ name: 'bpf_task_under_cgroup', home: 'task', object: CGROUP, result: 'scalar', end: FREE_CGROUP },
    args: ['running task', 'struct cgroup'],
  },
];

const C = `struct work { struct bpf_wq wq; };
  struct crypto { struct bpf_crypto_ctx __kptr *ctx; };
  int main(struct __sk_buff *ctx); static int callback(u64 a);`;
const MAPS: readonly CaseMap[] = [
  { type: MAP.ARRAY, value: 64 },
  { type: MAP.ARRAY, value: 'struct work' },
  { type: MAP.ARRAY, constant: 'text', flags: 128 },
  { type: MAP.HASH },
  { type: MAP.ARRAY, value: 'struct crypto' },
];
const ARENA: readonly CaseMap[] = [
  ...MAPS.slice(0, 1),
  { type: MAP.ARENA, key: 0, value: 0, max: 10, flags: 1024, extra: 0x1000_0000_0000n },
];

const below = (r: string, off: number): string => `${r} = r10\n${r} += ${off}`;

/** What is passed for a kind of argument. */
function passed(kind: string, r: string): string {
  switch (kind.split(' ')[0]) {
    case 'int':
    case 'cookie':
      return `${r} = ${kind === 'cookie' ? 0 : 1}`;
    case 'size':
    case 'szk':
      return `${r} = 8`;
    case 'ctx':
      return `${r} = r6`;
    case 'registers':
      return below(r, -176);
    case 'running':
      return `${r} = r9`;
    case 'ignored':
    case 'nullable':
    case 'buffer?':
      return `${r} = 0`;
    case 'typeid':
      return `${r} = ktypeid(task_struct)`;
    case 'dynptr':
      return below(r, -144);
    case 'new':
      return below(r, kind === 'new iter' ? -112 : -160);
    case 'iter':
      return below(r, -112);
    case 'buffer':
    case 'memory':
      return below(r, -64);
    case 'map':
      return kind === 'map' ? `${r} = map_fd 1` : `${r} = r7`;
    case 'arena':
      return `${r} = map_fd 1`;
    case 'func':
      return `${r} = func callback`;
    case 'string':
      return `${r} = map_value 2`;
    default:
      return `${r} = r7`;
  }
}

interface Change {
  readonly what: string;
  readonly at?: number;
  readonly text?: string;
  readonly want: Verdict;
  readonly result?: string;
  readonly options?: Partial<VerifierCase>;
}

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
const TRUSTED_CALLS =
  /^bpf_(dynptr_from_skb|xdp_metadata|arena|map_sum|path_d|get_\w*xattr|get_fsverity|iter_\w*_new)/;

function refusals(row: Row, at: number): Change[] {
  const kind = row.args[at]!;
  const r = `r${at + 1}`;
  const reg = `R${at + 1}`;
  const [first, of] = kind.split(' ');
  const list: Change[] =
    first === 'ignored' ? [] : [{ what: 'nothing', at, text: '', want: eacces(`${reg} !read_ok`) }];
  const add = (what: string, text: string, want: Verdict): void => {
    list.push({ what, at, text, want });
  };
  switch (first) {
    case 'int':
    case 'cookie':
      add('a pointer', `${r} = r10`, einval(`${reg} is not a scalar`));
      break;
    case 'typeid':
    case 'szk':
      add('an unknown number', `r9 &= 7\n${r} = r9\n${r} += 1`, einval(`${reg} must be a known constant`));
      break;
    case 'ctx':
      add('the stack', `${r} = r10`, einval(`arg#${at} expected pointer to ctx, but got fp`));
      break;
    case 'dynptr':
      add(
        'a map value',
        `${r} = r8`,
        einval(`arg#${at} expected pointer to stack or const struct bpf_dynptr`),
      );
      if (!/slice|adjust|clone|is_|size/.test(row.name)) break;
      add('no dynptr', below(r, -48), einval(`Expected an initialized dynptr as arg #${at}`));
      break;
    case 'iter':
      add('no iterator', below(r, -48), einval(`expected an initialized iter_${of} as arg #${at}`));
      break;
    case 'release':
    case 'struct': {
      add('NULL', `${r} = 0`, eacces(`Possibly NULL pointer passed to trusted arg${at}`));
      if (of === 'cpumask' || of === 'bpf_cpumask' || of === 'task_struct') break;
      const other = `kernel function ${row.name} args#${at} expected pointer to STRUCT ${of} but ${reg} has a pointer to STRUCT task_struct`;
      if (first === 'struct') add('a task', `${r} = r9`, einval(other));
      break;
    }
    case 'string':
      add('the stack', `${r} = r10`, einval(`arg#${at} doesn't point to a const string`));
      break;
    case 'wq':
      add('the stack', `${r} = r10`, einval(`arg#${at} doesn't point to a map value`));
      break;
    case 'map':
    case 'arena':
      if (kind !== 'map pointer') {
        const isStrict = TRUSTED_CALLS.test(row.name);
        add('a number', `${r} = ${isStrict ? 1 : 0}`, einval(`pointer in ${reg} isn't map pointer`));
      }
      break;
    case 'func':
      add('a number', `${r} = 1`, einval(`arg${at} expected pointer to func`));
      break;
    default:
  }
  return list;
}

function resultChange({ result }: Row): Change[] {
  const load = 'r1 = *(u8 *)(r0 +0)';
  if (result === 'none') return [];
  const what = 'result';
  if (result === 'ok') return [{ what, result: load, want: 'ok' }];
  if (result === 'sk_buff') return [{ what, result: 'r1 = *(u32 *)(r0 +112)', want: 'ok' }];
  if (result === 'void') return [{ what, result: load, want: eacces('R0 !read_ok') }];
  return [{ what, result: load, want: eacces(`R0 invalid mem access '${result}'`) }];
}

/** What needs a licence, a sleepable program, a release. */
function conditions(row: Row): Change[] {
  const list: Change[] = [];
  const isSleepable = HOMES[row.home]!.sleepable === true;
  const home = HOMES[row.home]!;
  if (!['LSM', 'STRUCT_OPS'].includes(home.type!)) {
    const want = einval('cannot call kernel function from non-GPL compatible program');
    list.push({ what: 'not GPL', options: { license: 'MIT' }, want });
  }
  if (
    isSleepable &&
    home.type === 'LSM' &&
    /copy_from_user_str|user_key|pkcs7|_xattr|rstat_flush/.test(row.name)
  ) {
    const want = eacces(`program must be sleepable to call sleepable kfunc ${row.name}`);
    list.push({ what: 'cannot sleep', options: { sleepable: false }, want });
  }
  return list;
}

function text(row: Row, change: Change): string {
  const args = row.args.map((kind, at) => (change.at === at ? change.text! : passed(kind, `r${at + 1}`)));
  const hasDynptr = row.args.some((kind) => kind === 'dynptr');
  const isTask = change.what === 'a task' || row.args.includes('running task');
  const lines = [
    'r6 = r1',
    ...[-64, -56, -48, -40, -32, -24, -16, -8].map((off) => `*(u64 *)(r10 ${off}) = 0`),
    'r8 = map_value 0',
    ...(hasDynptr ? ['r1 = r8', 'r2 = 64', 'r3 = 0', below('r4', -144), 'call bpf_dynptr_from_mem'] : []),
    ...(row.object === undefined ? [] : [row.object]),
    isTask ? 'call bpf_get_current_task_btf' : 'call bpf_ktime_get_ns',
    'r9 = r0',
    ...args.filter((one) => one !== ''),
    `call kfunc ${row.name}`,
    ...(change.result === undefined ? [] : [change.result]),
    ...(row.after === undefined ? [] : [row.after]),
    'end:',
    ...(row.end === undefined ? [] : [row.end]),
    `out: r0 = ${HOMES[row.home]!.type === 'CGROUP_SOCK_ADDR' ? 1 : 0}`,
    'exit',
  ].join('\n');
  return lines.includes('func callback') ? `${lines}\ncallback: r0 = 0\nexit` : lines;
}

function cases(row: Row): VerifierCase[] {
  const changes: Change[] = [
    { what: 'as wanted', want: 'ok' },
    ...resultChange(row),
    ...conditions(row),
    ...row.args.flatMap((_, at) => refusals(row, at)),
  ];
  return changes.map((change): VerifierCase => ({
    ...HOMES[row.home],
    ...change.options,
    rule: row.name,
    name: `${row.name}: ${change.what}${change.at === undefined ? '' : ` in R${change.at + 1}`}`,
    maps: row.args.includes('arena') ? ARENA : MAPS,
    c: C,
    logLevel: 1,
    text: text(row, change),
    want: change.want,
  }));
}

const LISTS = {
  type: 'SCHED_CLS',
  c: `struct item { u64 data; struct bpf_list_node node; };
    struct lists { struct bpf_spin_lock lock; u32 n; struct bpf_list_head head __contains(item, node); };
    int main(struct __sk_buff *ctx);`,
  maps: [{ type: MAP.ARRAY, value: 'struct lists' }],
} as const;
const LOCK = 'r1 = r6\ncall bpf_spin_lock\n';
const UNLOCK = 'r1 = r6\ncall bpf_spin_unlock\n';

/** One call under the lock, and one without it. */
function listCases(name: string, before: string, call: string, after: string): VerifierCase[] {
  const text = (open: string, close: string): string =>
    `r6 = map_value 0\n${before}${open}${call}call kfunc ${name}\nr7 = r0\n${close}${after}out: r0 = 0\nexit`;
  const want = einval('bpf_spin_lock at off=0 must be held for bpf_list_head');
  return [
    { rule: name, name: `${name}: as wanted`, ...LISTS, text: text(LOCK, UNLOCK), want: 'ok' },
    { rule: name, name: `${name}: no lock`, ...LISTS, text: text('', ''), want },
  ];
}

const NEW = `r1 = typeid(struct item)\nr2 = 0\ncall kfunc bpf_obj_new_impl\nif r0 == 0x0 goto out\nr8 = r0\n`;
const HEAD = 'r1 = r6\nr1 += 8\n';
const NODE = 'r2 = r8\nr2 += 8\nr3 = 0\nr4 = 0\n';
const DROP = 'if r7 == 0x0 goto out\nr1 = r7\nr1 += -8\nr2 = 0\ncall kfunc bpf_obj_drop_impl\n';
const lists = [
  ...['front', 'back'].flatMap((end) => listCases(`bpf_list_pop_${end}`, '', HEAD, DROP)),
  ...['front', 'back'].flatMap((end) => listCases(`bpf_list_push_${end}_impl`, NEW, `${HEAD}${NODE}`, '')),
];

/** Functions that programs of every type may call. */
const COMMON =
  /^bpf_(cast_to|rdonly|rcu_read|preempt|dynptr_(?!from)|iter_|wq_|map_sum|modify_return|copy_from|arena)/;

const elsewhere = ROWS.filter(({ name }) => !COMMON.test(name)).map(({ name }): VerifierCase => ({
  rule: name,
  name: `${name}: in another type of program`,
  type: 'SK_LOOKUP',
  text: `call kfunc ${name}\nr0 = 0\nexit`,
  want: eacces(`calling kernel function ${name} is not allowed`),
}));

verifierGroups(
  'calls of kernel functions',
  [...[...ROWS, ...MORE].flatMap(cases), ...elsewhere, ...lists],
  (test) => test.rule,
);
