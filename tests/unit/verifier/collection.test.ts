import { Btf } from '../../../host/btf/btf.js';
import { BtfKind } from '../../../host/btf/types.js';
import type { FdEntry } from '../../../host/program/program-spec.js';
import { BtfBuilder } from '../../support/btf-builder.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import {
  type KernelName,
  MAP,
  type Verdict,
  type VerifierCase,
  verifierCases,
} from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });

/** One instruction as bytes. */
function insn(opcode: number, dst = 0, src = 0, off = 0, imm = 0): number[] {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  bytes[0] = opcode;
  bytes[1] = dst | (src << 4);
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return [...bytes];
}
const kfunc = (id: number, offset = 0): number[] => insn(0x85, 0, 2, offset, id);
/** A program that ends with 0; `parts` come first. */
const program = (...parts: number[][]): Uint8Array =>
  Uint8Array.from([...parts, insn(0xb7), insn(0x95)].flat());
/** The same with `parts` where no path comes: they are found all the same. */
const unreached = (...parts: number[][]): Uint8Array =>
  Uint8Array.from([insn(0xb7), insn(0x15, 0, 0, parts.length, 0), ...parts, insn(0xb7), insn(0x95)].flat());

/** Ids of the first functions of a kernel's BTF. */
function functionIds(version: KernelName, count: number): number[] {
  const btf = kernelBtf(version);
  const ids: number[] = [];
  for (let id = 1; ids.length < count; id++) if (btf.kind(id) === BtfKind.FUNC) ids.push(id);
  return ids;
}

const TINY = new BtfBuilder();
const INT = TINY.int('int', 4, { signed: true });
const GOOD = TINY.func('good', TINY.proto(INT, []));
const BROKEN = TINY.func('broken', INT);
const tiny = Btf.parse(TINY.bytes());
const module: FdEntry = { kind: 'btf', of: 'module', btf: tiny };
const modules = (count: number): Partial<VerifierCase> => ({
  spec: { fdArray: [null, ...Array.from({ length: count }, () => module)] },
});
const moduleCalls = (count: number): number[][] =>
  Array.from({ length: count }, (_, i) => kfunc(GOOD, i + 1));
const entry = (one: FdEntry | null): Partial<VerifierCase> => ({ spec: { fdArray: [null, one] } });

const NO_BTF = 'failed to find BTF for kernel function';
const refused = (rule: string, errno: 'EPROTO' | 'EINVAL' | 'EBADF' | 'E2BIG'): Partial<VerifierCase> => ({
  rule,
  ...both([errno, `${rule}\n${NO_BTF}`]),
});
const MANY = 'too many different kernel function calls';
const MANY_BTFS = 'too many different module BTFs';
const NO_FD = 'invalid module BTF fd specified';
const NO_MODULE = 'BTF fd for kfunc is not a module BTF';
const NEGATIVE = 'negative offset disallowed for kernel module function call';
const NO_ARRAY = 'kfunc offset > 0 without fd_array is invalid';
const NOT_ALLOWED = 'calling kernel function %s is not allowed';
const NO_PROTO = 'kernel function btf_id %u does not have a valid func_proto';
const NO_ADDRESS = 'cannot find address for kernel function %s';
const FAR = 'address of kernel function %s is out of range';
const NO_JIT = 'JIT is required for calling kernel function';
const GPL = 'cannot call kernel function from non-GPL compatible program';
const POINTER = 'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN';

const CALL_BASE_612 = 0xffff_ffff_8127_c940n;
const at612 = (address: bigint): Partial<VerifierCase> => ({ kernel: { symbolAddress: () => address } });
const THROW = {
  type: 'SCHED_CLS',
  text: 'call kfunc bpf_rcu_read_lock\ncall kfunc bpf_rcu_read_unlock\nr0 = 0\nexit',
} as const;

const kernelFunctions: readonly VerifierCase[] = [
  { ...refused(NO_ARRAY, 'EPROTO'), bytes: program(kfunc(5, 1)) } as VerifierCase,
  { ...refused(NEGATIVE, 'EINVAL'), bytes: program(kfunc(5, -1)) } as VerifierCase,
  {
    ...refused(NO_FD, 'EBADF'),
    name: 'no such descriptor',
    ...entry(null),
    bytes: program(kfunc(GOOD, 1)),
  } as VerifierCase,
  {
    rule: NO_BTF,
    ...both(['EFAULT', NO_BTF]),
    name: 'past the array',
    ...entry(module),
    bytes: program(kfunc(GOOD, 2)),
  } as VerifierCase,
  {
    ...refused(NO_FD, 'EINVAL'),
    name: 'a map',
    ...entry({ kind: 'map', map: 0 }),
    maps: [{ type: MAP.ARRAY }],
    bytes: program(kfunc(GOOD, 1)),
  } as VerifierCase,
  {
    ...refused(NO_MODULE, 'EINVAL'),
    name: 'the kernel',
    ...entry({ kind: 'btf', of: 'kernel', btf: tiny }),
    bytes: program(kfunc(GOOD, 1)),
  } as VerifierCase,
  {
    ...refused(NO_MODULE, 'EINVAL'),
    name: 'a program',
    ...entry({ kind: 'btf', of: 'program', btf: tiny }),
    bytes: program(kfunc(GOOD, 1)),
  } as VerifierCase,
  { ...refused(MANY_BTFS, 'E2BIG'), ...modules(257), bytes: unreached(...moduleCalls(257)) } as VerifierCase,
  ...[NO_ARRAY, NO_FD, NO_MODULE, NEGATIVE, NO_BTF].map((rule): VerifierCase => ({
    rule,
    name: 'a module',
    ...entry(module),
    bytes: unreached(kfunc(GOOD, 1)),
    ...both('ok'),
  })),
  {
    rule: MANY_BTFS,
    name: '256 of them',
    ...modules(256),
    bytes: unreached(...moduleCalls(256)),
    ...both('ok'),
  },
  {
    rule: NOT_ALLOWED,
    name: 'a function of a module',
    ...entry(module),
    bytes: program(kfunc(GOOD, 1)),
    ...both(['EACCES', 'calling kernel function good is not allowed']),
  },
  { rule: MANY, bytes: unreached(...functionIds('6.12', 257).map((id) => kfunc(id))), want: ['E2BIG', MANY] },
  {
    rule: MANY,
    bytes: unreached(...functionIds('6.1', 257).map((id) => kfunc(id))),
    want61: ['E2BIG', MANY],
  },
  {
    rule: MANY,
    name: '256 of them',
    bytes: unreached(...functionIds('6.12', 256).map((id) => kfunc(id))),
    want: 'ok',
  },
  {
    rule: MANY,
    name: 'one of them often',
    bytes: unreached(...Array.from({ length: 300 }, () => kfunc(functionIds('6.12', 1)[0]!))),
    want: 'ok',
  },
  {
    rule: NO_PROTO,
    kernel: { btf: tiny },
    bytes: program(kfunc(BROKEN)),
    ...both(einval(NO_PROTO.replace('%u', String(BROKEN)))),
  },
  {
    rule: NO_PROTO,
    name: 'a whole one',
    kernel: { btf: tiny },
    bytes: unreached(kfunc(GOOD)),
    ...both('ok'),
  },
  {
    rule: 'kernel btf_id %u is not a function',
    name: 'a type',
    kernel: { btf: tiny },
    bytes: program(kfunc(INT)),
    ...both(einval(`kernel btf_id ${INT} is not a function`)),
  },
  {
    rule: 'kernel btf_id %u is not a function',
    name: 'past the end',
    bytes: program(kfunc(0x7fff_ffff)),
    ...both(einval('kernel btf_id 2147483647 is not a function')),
  },
  {
    rule: 'kernel btf_id %u is not a function',
    name: 'negative',
    bytes: program(kfunc(-1)),
    ...both(einval('kernel btf_id 4294967295 is not a function')),
  },
  {
    rule: NO_ADDRESS,
    ...THROW,
    ...at612(0n),
    want: einval(NO_ADDRESS.replace('%s', 'bpf_rcu_read_lock')),
  },
  { rule: NO_ADDRESS, ...THROW, ...at612(CALL_BASE_612), want: 'ok' },
  {
    rule: FAR,
    ...THROW,
    ...at612(CALL_BASE_612 - 0x8000_0001n),
    want: einval(FAR.replace('%s', 'bpf_rcu_read_lock')),
  },
  { rule: FAR, name: 'the furthest', ...THROW, ...at612(CALL_BASE_612 - 0x8000_0000n), want: 'ok' },
  { rule: NO_JIT, ...THROW, jit: false, want: ['ENOTSUPP', NO_JIT] },
  {
    rule: NO_JIT,
    name: 'before the licence',
    ...THROW,
    jit: false,
    license: 'BSD',
    want: ['ENOTSUPP', NO_JIT],
  },
  { rule: NO_JIT, ...THROW, want: 'ok' },
  { rule: GPL, ...THROW, license: 'BSD', want: einval(GPL) },
  { rule: GPL, ...THROW, license: 'Dual BSD/GPL', want: 'ok' },
  {
    rule: GPL,
    name: 'before the id is looked at',
    license: 'BSD',
    bytes: program(kfunc(1)),
    ...both(einval(GPL)),
  },
];

const CALLS = 'r1 = 0\ncall f\nexit\nf: r0 = 0\nexit';
const functions: readonly VerifierCase[] = [
  { rule: POINTER, name: 'a call', unprivileged: true, text: CALLS, ...both(['EPERM', POINTER]) },
  {
    rule: POINTER,
    name: 'an address',
    unprivileged: true,
    text: 'r1 = func f\nr0 = 0\nexit\nf: r0 = 0\nexit',
    ...both(['EPERM', POINTER]),
  },
  {
    rule: POINTER,
    name: 'a kernel function',
    unprivileged: true,
    bytes: program(kfunc(1)),
    ...both(['EPERM', POINTER]),
  },
  {
    rule: POINTER,
    name: 'before the target is looked at',
    unprivileged: true,
    bytes: program(insn(0x85, 0, 1, 0, 90)),
    ...both(['EPERM', POINTER]),
  },
  {
    rule: POINTER,
    name: 'a helper',
    unprivileged: true,
    text: 'call bpf_ktime_get_ns\nr0 = 0\nexit',
    ...both('ok'),
  },
  { rule: POINTER, name: 'privileged', text: CALLS, ...both('ok') },
  {
    rule: 'call to invalid destination',
    name: 'the end',
    bytes: program(insn(0x85, 0, 1, 0, 2)),
    ...both(einval('call to invalid destination')),
  },
  {
    rule: 'call to invalid destination',
    name: 'before the start',
    bytes: program(insn(0x85, 0, 1, 0, -2)),
    ...both(einval('call to invalid destination')),
  },
  {
    rule: 'call to invalid destination',
    name: 'an address',
    bytes: program(insn(0x18, 1, 4, 0, 9), insn(0)),
    ...both(einval('call to invalid destination')),
  },
];

const handled = 'int main(struct __sk_buff *ctx) __tag(exception_callback:handler); int handler(u64 cookie);';
const THROWING = '\nr1 = 5\ncall kfunc bpf_throw\nr0 = 0\nexit';
const exceptions: readonly VerifierCase[] = [
  {
    rule: 'exception callback type id not found in func_info',
    type: 'SCHED_CLS',
    c: handled,
    text: THROWING,
    want: einval('exception callback type id not found in func_info'),
  },
  {
    rule: 'exception callback type id not found in func_info',
    type: 'SCHED_CLS',
    c: handled,
    text: `${THROWING}\nhandler: r0 = 0\nexit`,
    want: 'ok',
  },
  {
    rule: 'invalid exception callback insn_off in func_info: 0',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx) __tag(exception_callback:main);',
    text: THROWING,
    want: einval('invalid exception callback insn_off in func_info: 0'),
  },
  {
    rule: 'invalid exception callback insn_off in func_info: 0',
    name: 'without func_info nobody looks',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx) __tag(exception_callback:main);',
    spec: { funcInfo: [] },
    text: THROWING,
    want: 'ok',
  },
  {
    rule: 'multiple exception callback tags for main subprog',
    name: 'one tag, on main',
    type: 'SCHED_CLS',
    c: `${handled} static int other(void) __tag(exception_callback:nobody);`,
    text: `${THROWING}\nhandler: r0 = 0\nexit`,
    want: 'ok',
  },
  {
    rule: 'multiple exception callback tags for main subprog',
    name: 'the same twice',
    type: 'SCHED_CLS',
    c: 'int main(struct __sk_buff *ctx) __tag(exception_callback:handler) __tag(exception_callback:handler); int handler(u64 c);',
    text: `${THROWING}\nhandler: r0 = 0\nexit`,
    want: ['EEXIST', 'multiple exception callback tags for main subprog'],
  },
  {
    rule: "exception callback '%s' must have global linkage",
    type: 'SCHED_CLS',
    c: handled,
    text: `${THROWING}\nhandler: r0 = 0\nexit`,
    want: 'ok',
  },
  {
    rule: "exception callback '%s' could not be found in BTF",
    name: 'a type of that name',
    type: 'SCHED_CLS',
    c: 'struct handler { int a; }; int main(struct __sk_buff *ctx) __tag(exception_callback:handler);',
    text: THROWING,
    want: ['ENOENT', "exception callback 'handler' could not be found in BTF"],
  },
];

const ASYNC = 'The sequence of %d jumps is too complex for async cb.';
/** `count` conditions that leave a path each, then a callback that runs later. */
const asyncAfter = (count: number): string => `
  r6 = r1
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd 0
  call bpf_map_lookup_elem
  if r0 == 0x0 goto out
  r7 = r0
  ${Array.from(
    { length: count },
    (_, i) => `r0 = *(u32 *)(r6 +${(i % 2) * 8})\nif r0 == 0x${(i + 1).toString(16)} goto out`,
  ).join('\n')}
  r1 = r7
  r2 = func cb
  call bpf_timer_set_callback
  out: r0 = 0
  exit
  cb: r0 = 0
  exit`;
const timers = {
  type: 'SCHED_CLS',
  logLevel: 1,
  maps: [{ type: MAP.ARRAY, value: 'struct v' }],
  c: 'struct v { struct bpf_timer t; }; int main(struct __sk_buff *ctx); static int cb(void *m, int *k, struct v *v);',
} as const;
const queued: readonly VerifierCase[] = [
  // The lookup's test leaves one more.
  {
    rule: ASYNC,
    ...timers,
    text: asyncAfter(8191),
    want: ['E2BIG', ASYNC.replace('%d', '8193')],
    want61: ['EFAULT', ASYNC.replace('%d', '8193')],
  },
  { rule: ASYNC, name: 'one less', ...timers, text: asyncAfter(8190), ...both('ok') },
];

verifierCases('kernel functions found', kernelFunctions);
verifierCases('functions found', functions);
verifierCases('exception callbacks found', exceptions);
verifierCases('queued callbacks', queued);
