import type { FdEntry } from '../../../host/program/program-spec.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import { madeUpKernel } from '../../support/kernel-types.js';
import {
  type CaseMap,
  MAP,
  type Verdict,
  type VerifierCase,
  verifierCases,
} from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const OUT = '\nr0 = 0\nexit';

/** ld_imm64 into r1 as bytes, and a result. */
function load(src: number, low: number, high = 0, off = 0): Partial<VerifierCase> {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  bytes.set([0x18, 1 | (src << 4)]);
  view.setInt16(2, off, true);
  view.setInt32(4, low, true);
  view.setInt32(12, high, true);
  bytes.set([0xb7], 16);
  bytes.set([0x95], 24);
  return { bytes };
}
const MAP_FD = 1;
const MAP_VALUE = 2;
const BTF_ID = 3;
const MAP_IDX = 5;
const MAP_IDX_VALUE = 6;
const FD = 1000;
const ARRAY: CaseMap = { type: MAP.ARRAY, value: 16 };
const maps = (...list: CaseMap[]): Partial<VerifierCase> => ({ maps: list });
const fds = (...list: (FdEntry | null)[]): Partial<VerifierCase> => ({ spec: { fdArray: list } });
const FIRST: FdEntry = { kind: 'map', map: 0 };

const NOT_MAP = 'fd %d is not pointing to valid bpf_map';
const UNKNOWN = 'unrecognized bpf_ld_imm64 insn';
const NO_ARRAY = 'fd_idx without fd_array is invalid';
const OFFSET = 'direct value offset of %u is not allowed';
const NO_VALUE = 'no direct value access support for this map type';
const OUTSIDE = 'invalid access to map value pointer, value_size=%u off=%u';
const FIELDS = 'BPF_LD_IMM64 uses reserved fields';

const mapLoads: readonly VerifierCase[] = [
  { rule: NOT_MAP, ...load(MAP_FD, FD), ...maps(ARRAY), ...both('ok') },
  {
    rule: NOT_MAP,
    ...{ ...load(MAP_FD, FD + 1), ...maps(ARRAY) },
    ...both(['EBADF', `fd ${FD + 1} is not pointing to valid bpf_map`]),
  },
  ...[0, 2].map((fd): VerifierCase => ({
    ...{ rule: NOT_MAP, name: `standard stream ${fd}`, ...load(MAP_FD, fd), ...maps(ARRAY) },
    ...both(einval(`fd ${fd} is not pointing to valid bpf_map`)),
  })),
  {
    rule: NOT_MAP,
    name: 'the first that is not open',
    ...{ ...load(MAP_FD, 3), ...maps(ARRAY) },
    ...both(['EBADF', 'fd 3 is not pointing to valid bpf_map']),
  },
  {
    rule: NOT_MAP,
    name: 'a place in fd_array that is closed',
    ...{ ...load(MAP_IDX, 0), ...fds(null) },
    ...both(['EBADF', 'fd -1 is not pointing to valid bpf_map']),
  },
  {
    rule: NOT_MAP,
    name: 'a place in fd_array that holds BTF',
    ...{ ...load(MAP_IDX, 0), ...fds({ kind: 'btf', of: 'kernel', btf: kernelBtf('6.12') }) },
    ...both(einval('fd -1 is not pointing to valid bpf_map')),
  },
  { rule: UNKNOWN, ...load(MAP_FD, FD, 1), ...maps(ARRAY), ...both(einval(UNKNOWN)) },
  {
    rule: UNKNOWN,
    name: 'fd_array',
    ...load(MAP_IDX, 0, 1),
    ...fds(FIRST),
    ...maps(ARRAY),
    ...both(einval(UNKNOWN)),
  },
  { rule: UNKNOWN, name: 'fd_array', ...load(MAP_IDX, 0), ...fds(FIRST), ...maps(ARRAY), ...both('ok') },
  { rule: UNKNOWN, name: 'kind 7', ...load(7, 0), ...both(einval(UNKNOWN)) },
  { rule: NO_ARRAY, ...load(MAP_IDX_VALUE, 0, 8), ...maps(ARRAY), ...both(['EPROTO', NO_ARRAY]) },
  { rule: NO_ARRAY, ...load(MAP_IDX_VALUE, 0, 8), ...maps(ARRAY), ...fds(FIRST), ...both('ok') },
  {
    rule: OFFSET,
    ...{ ...load(MAP_VALUE, FD, 1 << 29), ...maps(ARRAY) },
    ...both(einval(`direct value offset of ${1 << 29} is not allowed`)),
  },
  {
    rule: OFFSET,
    name: 'before the type of the map',
    ...{ ...load(MAP_VALUE, FD, -1), ...maps({ type: MAP.HASH }) },
    ...both(einval('direct value offset of 4294967295 is not allowed')),
  },
  { rule: OFFSET, ...load(MAP_VALUE, FD, 8), ...maps(ARRAY), ...both('ok') },
  {
    rule: NO_VALUE,
    ...{ ...load(MAP_VALUE, FD), ...maps({ type: MAP.HASH }) },
    ...{ want: einval(NO_VALUE), want61: ['EACCES', NO_VALUE] },
  },
  {
    rule: NO_VALUE,
    name: 'an array per CPU',
    ...{ ...load(MAP_VALUE, FD), ...maps({ type: MAP.PERCPU_ARRAY }) },
    ...{ want: einval(NO_VALUE), want61: ['EACCES', NO_VALUE] },
  },
  { rule: NO_VALUE, ...load(MAP_VALUE, FD), ...maps(ARRAY), ...both('ok') },
  {
    rule: OUTSIDE,
    name: 'an arena',
    ...{ ...load(MAP_VALUE, FD, 8193), ...maps(arena()) },
    want: ['ERANGE', 'invalid access to map value pointer, value_size=0 off=8193'],
  },
  { rule: OUTSIDE, name: 'an arena', ...load(MAP_VALUE, FD, 4096), ...maps(arena()), want: 'ok' },
  {
    rule: OUTSIDE,
    name: 'of several elements',
    ...{ ...load(MAP_VALUE, FD, 99), ...maps({ ...ARRAY, max: 2 }) },
    ...both(['ENOTSUPP', 'invalid access to map value pointer, value_size=16 off=99']),
  },
  { rule: FIELDS, ...load(0, 1, 0, 1), ...both(einval(FIELDS)) },
  { rule: FIELDS, ...load(0, 1), ...both('ok') },
  { rule: 'bpf_struct_ops map cannot be used in prog', ...load(MAP_FD, FD), ...maps(ARRAY), ...both('ok') },
];

const NO_ADDRESS = "ldimm64 failed to find the address for kernel symbol '%s'.";
const NO_SIZE = "ldimm64 unable to resolve the size of type '%s': %ld";
const NO_MODULE = 'invalid module BTF object FD specified.';
const NO_ID = 'ldimm64 insn specifies invalid btf_id %d.';
const KIND = "pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC";
const JIFFIES = kernelBtf('6.12').find('bpf_prog_active');
const symbols = madeUpKernel(({ b, u64 }) => {
  b.variable('number', u64);
  b.variable('unsized', b.forward('later'));
});
const known = { type: 'SCHED_CLS', kernel: { btf: symbols } } as const;

const symbolLoads: readonly VerifierCase[] = [
  {
    rule: NO_ADDRESS,
    ...{ ...known, text: `r1 = btf_id number${OUT}`, kernel: { btf: symbols, symbolAddress: () => 0n } },
    ...both(['ENOENT', "ldimm64 failed to find the address for kernel symbol 'number'."]),
  },
  {
    rule: NO_ADDRESS,
    name: 'before its size',
    ...{ ...known, text: `r1 = btf_id unsized${OUT}`, kernel: { btf: symbols, symbolAddress: () => 0n } },
    ...both(['ENOENT', "ldimm64 failed to find the address for kernel symbol 'unsized'."]),
  },
  { rule: NO_ADDRESS, ...known, text: `r1 = btf_id number${OUT}`, ...both('ok') },
  {
    rule: NO_SIZE,
    ...{ ...known, text: `r1 = btf_id unsized${OUT}` },
    ...both(einval("ldimm64 unable to resolve the size of type 'later': -22")),
  },
  { rule: NO_SIZE, ...known, text: `r1 = btf_id number\nr0 = *(u64 *)(r1 +0)${OUT}`, ...both('ok') },
  { rule: NO_MODULE, type: 'SCHED_CLS', ...load(BTF_ID, JIFFIES, 1), ...both(einval(NO_MODULE)) },
  { rule: NO_MODULE, type: 'SCHED_CLS', ...load(BTF_ID, JIFFIES), want: 'ok' },
  {
    rule: NO_ID,
    ...{ type: 'SCHED_CLS', ...load(BTF_ID, 0x7fffffff) },
    ...both(['ENOENT', 'ldimm64 insn specifies invalid btf_id 2147483647.']),
  },
  {
    rule: NO_ID,
    name: 'negative',
    ...{ type: 'SCHED_CLS', ...load(BTF_ID, -1) },
    ...both(['ENOENT', 'ldimm64 insn specifies invalid btf_id -1.']),
  },
  { rule: NO_ID, type: 'SCHED_CLS', ...load(BTF_ID, JIFFIES), want: 'ok' },
  {
    rule: KIND,
    name: 'void',
    ...{ type: 'SCHED_CLS', ...load(BTF_ID, 0) },
    want: einval("pseudo btf_id 0 in ldimm64 isn't KIND_VAR or KIND_FUNC"),
    want61: einval("pseudo btf_id 0 in ldimm64 isn't KIND_VAR."),
  },
];

const CAPABLE = 'CAP_BPF and CAP_PERFMON are required to use arena';
const JIT = 'JIT is required to use arena';
const ADDRESS = "arena's user address must be set via map_extra or mmap()";
const interpreted = { jit: false } as const;
const TAIL = 'tail_calls are not allowed in non-JITed programs with bpf-to-bpf calls';
const CALLBACK = 'callbacks are not allowed in non-JITed programs';
const STACK = 'stack size %d(extra %d) is too large';
const NOT_ELIMINATED = 'invalid kernel function call not eliminated in verifier pass';
const mayGoto = (depth: number): Partial<VerifierCase> => ({
  text: `*(u64 *)(r10 -${depth}) = 0\nloop: may_goto +1\ngoto loop${OUT}`,
});
const tailInFunction: Partial<VerifierCase> = {
  type: 'SCHED_CLS',
  c: 'int main(struct __sk_buff *ctx); static int f(struct __sk_buff *ctx);',
  text: 'call f\nr0 = 0\nexit\nf: r2 = map_fd 0\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit',
  maps: [{ type: MAP.PROG_ARRAY, value: 4 }],
};
const loop: Partial<VerifierCase> = {
  c: 'int main(struct __sk_buff *ctx); static int cb(u64 i, void *ctx);',
  text: 'r1 = 4\nr2 = func cb\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\ncb: r0 = 0\nexit',
};

const kernels: readonly VerifierCase[] = [
  { rule: JIT, ...load(MAP_FD, FD), ...maps(arena()), ...interpreted, want: ['EOPNOTSUPP', JIT] },
  {
    rule: JIT,
    name: 'before its address',
    ...{ ...load(MAP_FD, FD), ...maps({ ...arena(), extra: 0n }), ...interpreted, want: ['EOPNOTSUPP', JIT] },
  },
  ...[JIT, CAPABLE, ADDRESS].map((rule): VerifierCase => ({
    ...{ rule, ...load(MAP_FD, FD), ...maps(arena()), want: 'ok' },
  })),
  { rule: TAIL, ...tailInFunction, ...interpreted, ...both(einval(TAIL)) },
  { rule: TAIL, ...tailInFunction, ...both('ok') },
  { rule: CALLBACK, ...loop, ...interpreted, ...both(einval(CALLBACK)) },
  { rule: CALLBACK, ...loop, ...both('ok') },
  { rule: STACK, ...mayGoto(512), ...interpreted, want: einval('stack size 520(extra 8) is too large') },
  { rule: STACK, ...mayGoto(504), ...interpreted, want: 'ok' },
  { rule: STACK, name: 'compiled', ...mayGoto(512), want: 'ok' },
  { rule: NOT_ELIMINATED, text: `call kfunc 0${OUT}`, ...both(einval(NOT_ELIMINATED)) },
  { rule: NOT_ELIMINATED, text: `r1 = 0\nif r1 == 0x0 goto +1\ncall kfunc 0${OUT}`, ...both('ok') },
  {
    rule: NOT_ELIMINATED,
    name: 'the call changes nothing',
    ...{ text: 'r0 = *(u32 *)(r1 +0)\ncall kfunc 0\nr0 = *(u32 *)(r2 +0)\nexit' },
    ...both(['EACCES', 'R2 !read_ok']),
  },
];

function arena(): CaseMap {
  return { type: MAP.ARENA, key: 0, value: 0, max: 2, flags: 1024, extra: 0x7f0000000000n };
}

verifierCases('loads of maps', mapLoads);
verifierCases('loads of kernel symbols', symbolLoads);
verifierCases('what kernels cannot do', kernels);
