import { Btf } from '../../../host/btf/btf.js';
import { BtfBuilder } from '../../support/btf-builder.js';
import {
  MAP,
  type Verdict,
  type VerifierCase,
  lastRefused,
  verifierCases,
} from '../../support/verifier-cases.js';

const eacces = (message: string): Verdict => ['EACCES', message];
const both = (want: Verdict): { want: Verdict; want61: Verdict } => ({ want, want61: want });
const OUT = '\nout: r0 = 0\nexit';

/** A kernel whose functions take a pointer to `struct box { int a; int b; }` that is tagged, or not. */
function kernelOf(): Btf {
  const types = new BtfBuilder();
  const int = types.int('int', 4, { signed: true });
  const box = types.struct('box', 8, [
    ['a', int, 0],
    ['b', int, 32],
  ]);
  const takes = (name: string, target: number): number =>
    types.func(name, types.proto(0, [['p', types.pointer(target)]]));
  takes('plain', box);
  takes('users', types.modifier(18, box, 'user'));
  takes('processors', types.modifier(18, box, 'percpu'));
  return Btf.parse(types.bytes());
}
const kernel = { btf: kernelOf() };
const fentry = (target: string): Partial<VerifierCase> => ({
  type: 'TRACING',
  attachType: 24,
  attach: { kind: 'fentry', target },
  kernel,
});
const row = (rule: string, name: string, target: string, text: string, want: Verdict): VerifierCase => ({
  ...{ rule, name, ...fentry(target), text: `r1 = *(u64 *)(r1 +0)\n${lastRefused(text, { want })}${OUT}` },
  ...both(want),
});
const USER = 'R%d is ptr_%s access user memory: off=%d';
const PERCPU = 'R%d is ptr_%s access percpu memory: off=%d';
const NEGATIVE = 'R%d is ptr_%s invalid negative access: off=%d';

const tagged: readonly VerifierCase[] = [
  row(USER, 'loaded', 'users', 'r2 = *(u32 *)(r1 +4)', eacces('R1 is ptr_box access user memory: off=4')),
  row(
    USER,
    'moved',
    'users',
    'r1 += 4\nr2 = *(u32 *)(r1 +0)',
    eacces('R1 is ptr_box access user memory: off=4'),
  ),
  row(
    USER,
    'read by a helper',
    'users',
    'r3 = r1\nr2 = 4\nr1 = r10\nr1 += -8\ncall bpf_probe_read_user',
    'ok',
  ),
  row(USER, 'the kernel has it', 'plain', 'r2 = *(u32 *)(r1 +4)', 'ok'),
  row(
    PERCPU,
    'loaded',
    'processors',
    'r2 = *(u32 *)(r1 +4)',
    eacces('R1 is ptr_box access percpu memory: off=4'),
  ),
  row(PERCPU, 'the kernel has one', 'plain', 'r2 = *(u32 *)(r1 +0)', 'ok'),
  row(PERCPU, 'of this processor', 'processors', 'call bpf_this_cpu_ptr\nr2 = *(u32 *)(r0 +4)', 'ok'),
  row(
    NEGATIVE,
    'before the user memory',
    'users',
    'r2 = *(u32 *)(r1 -4)',
    eacces('R1 is ptr_box invalid negative access: off=-4'),
  ),
  row(
    NEGATIVE,
    'not known how far',
    'plain',
    'r6 = r1\ncall bpf_get_prandom_u32\nr0 &= 3\nr6 += r0\nr2 = *(u32 *)(r6 -4)',
    eacces('R6 is ptr_box invalid negative access: off=-4'),
  ),
  row(NEGATIVE, 'the start', 'plain', 'r1 += 4\nr2 = *(u32 *)(r1 -4)', 'ok'),
  row(
    'R%d is ptr_%s invalid variable offset: off=%d, var_off=%s',
    'of user memory',
    'users',
    'r6 = r1\ncall bpf_get_prandom_u32\nr0 &= 3\nr6 += r0\nr2 = *(u32 *)(r6 +0)',
    eacces('R6 is ptr_box invalid variable offset: off=0, var_off=(0x0; 0x3)'),
  ),
  row(
    'only read is supported',
    'user memory',
    'users',
    '*(u32 *)(r1 +0) = 1',
    eacces('R1 is ptr_box access user memory: off=0'),
  ),
  row(
    'only read is supported',
    'kernel memory',
    'plain',
    '*(u32 *)(r1 +0) = 1',
    eacces('only read is supported'),
  ),
];

const writable = {
  type: 'RAW_TRACEPOINT_WRITABLE',
  maps: [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }],
} as const;
const VARIABLE = 'R%d invalid variable buffer offset: off=%d, var_off=%s';
const buffers: readonly VerifierCase[] = [
  {
    rule: VARIABLE,
    name: 'fixed',
    ...writable,
    text: `r1 = *(u64 *)(r1 +0)\nr1 += 8\nr2 = *(u32 *)(r1 -8)${OUT}`,
    ...both('ok'),
  },
  {
    rule: 'R%d invalid %s buffer access: off=%d, size=%d',
    name: 'moved before',
    ...writable,
    text: `r1 = *(u64 *)(r1 +0)\nr1 += 8\n*(u32 *)(r1 -16) = 1${OUT}`,
    ...both(eacces('R1 invalid tracepoint buffer access: off=-8, size=4')),
  },
];

verifierCases('tagged kernel pointers', tagged);
verifierCases('buffers of tracepoints', buffers);
