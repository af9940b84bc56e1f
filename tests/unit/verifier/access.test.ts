import { Btf } from '../../../host/btf/btf.js';
import { BtfBuilder } from '../../support/btf-builder.js';
import {
  MAP,
  type Verdict,
  type VerifierCase,
  lastRefused,
  verifierCases,
} from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];
interface Wants {
  readonly want?: Verdict;
  readonly want61?: Verdict;
}
const both = (want: Verdict): Wants => ({ want, want61: want });
const row = (
  rule: string,
  name: string,
  text: string,
  wants: Wants,
  more: Partial<VerifierCase> = {},
): VerifierCase => ({
  ...{ rule, name, text: `${lastRefused(text, wants)}\nout: r0 = 0\nexit` },
  ...wants,
  ...more,
});

/** r2 = frame pointer - `down` + 0 to `mask`. */
const variable = (mask: number, down: number): string =>
  `call bpf_get_prandom_u32\nr0 &= ${mask}\nr2 = r10\nr2 += -${down}\nr2 += r0`;
const FILL = 'invalid size of register fill';
const LEAK = 'leaking pointer from stack off %d';
const VARIABLE_ATOMIC =
  'variable offset stack pointer cannot be passed into helper function; var_off=%s off=%d size=%d';
const stack: readonly VerifierCase[] = [
  row('R%d is invalid', 'the frame pointer is the last', 'r1 = r10', both('ok')),
  row(FILL, 'a pointer whole', '*(u64 *)(r10 -8) = r1\nr2 = *(u64 *)(r10 -8)', both('ok')),
  row(FILL, 'half a number', 'r1 = 7\n*(u64 *)(r10 -8) = r1\nr2 = *(u32 *)(r10 -8)', both('ok')),
  row(
    FILL,
    'the upper half of a pointer',
    '*(u64 *)(r10 -8) = r1\nr2 = *(u32 *)(r10 -4)',
    both(eacces(FILL)),
  ),
  row(
    FILL,
    'a pointer to the upper half of which was stored',
    '*(u64 *)(r10 -8) = r1\n*(u32 *)(r10 -4) = 0\nr2 = *(u32 *)(r10 -8)',
    both('ok'),
  ),
  row(
    FILL,
    'into the register it is read through',
    '*(u64 *)(r10 -8) = r1\nr2 = r10\nr2 = *(u16 *)(r2 -8)',
    both(eacces(FILL)),
  ),
  row(
    LEAK,
    'added to',
    '*(u64 *)(r10 -8) = r1\nr2 = 1\nlock *(u64 *)(r10 -8) += r2',
    both(eacces('leaking pointer from stack off -8')),
    { unprivileged: true },
  ),
  row(LEAK, 'a number', '*(u64 *)(r10 -8) = 5\nr2 = 1\nlock *(u64 *)(r10 -8) += r2', both('ok'), {
    unprivileged: true,
  }),
  row(LEAK, 'privileged', '*(u64 *)(r10 -8) = r1\nr2 = 1\nlock *(u64 *)(r10 -8) += r2', both('ok')),
  row(
    VARIABLE_ATOMIC,
    'fixed',
    '*(u64 *)(r10 -8) = 5\nr2 = r10\nr2 += -8\nr1 = 1\nlock *(u64 *)(r2 +0) += r1',
    both('ok'),
  ),
  row(
    'invalid unbounded variable-offset%s stack R%d',
    'store',
    'r3 = *(u64 *)(r10 -8)\nr2 = r10\nif r3 s> 0 goto out\nif r3 s< 0xe0000001 goto out\nr2 += r3\n*(u8 *)(r2 -8) = 1',
    both(eacces('invalid variable-offset write to stack R2 var_off=(0x0; 0xffffffffffffffff) off=-8 size=1')),
    { want61: undefined },
  ),
  row(
    'invalid unbounded variable-offset%s stack R%d',
    'bounded',
    `*(u64 *)(r10 -8) = 0\n${variable(7, 8)}\nr0 = *(u8 *)(r2 +0)`,
    both('ok'),
  ),
];

const FOR_EACH = (body: string): string => `
  r1 = map_fd 0
  r2 = func cb
  r3 = 0
  r4 = 0
  call bpf_for_each_map_elem
  r0 = 0
  exit
  cb: ${body}`;
const each: Partial<VerifierCase> = {
  type: 'SCHED_CLS',
  maps: [{ type: MAP.HASH, key: 6, value: 16 }],
  c: 'int main(struct __sk_buff *ctx); static int cb(void *map, void *key, void *value, void *ctx);',
};
const KEY_SIZE = 'invalid access to map key, key_size=%d off=%d size=%d';
const KEY_WRITE = 'write to change key R%d not allowed';
const OUTSIDE = 'R2 min value is outside of the allowed memory range';
const keys: readonly VerifierCase[] = [
  row(KEY_SIZE, 'all of it', FOR_EACH('r0 = *(u32 *)(r2 +0)\nr0 = *(u16 *)(r2 +4)'), both('ok'), each),
  row(
    KEY_SIZE,
    'past it',
    FOR_EACH('r0 = *(u32 *)(r2 +4)'),
    both(eacces(`invalid access to map key, key_size=6 off=4 size=4\n${OUTSIDE}`)),
    each,
  ),
  row(
    KEY_SIZE,
    'before it',
    FOR_EACH('r0 = *(u8 *)(r2 -1)'),
    both(eacces(`invalid access to map key, key_size=6 off=-1 size=1\n${OUTSIDE}`)),
    each,
  ),
  row(KEY_SIZE, 'as a key', FOR_EACH('r1 = map_fd 0\ncall bpf_map_lookup_elem'), both('ok'), each),
  row(
    KEY_SIZE,
    'as a key, moved',
    FOR_EACH('r1 = map_fd 0\nr2 += 1\ncall bpf_map_lookup_elem'),
    both(eacces(`invalid access to map key, key_size=6 off=1 size=6\n${OUTSIDE}`)),
    each,
  ),
  row(
    KEY_WRITE,
    'a byte',
    FOR_EACH('*(u8 *)(r2 +0) = 1'),
    both(eacces('write to change key R2 not allowed')),
    each,
  ),
  row(KEY_WRITE, 'the value', FOR_EACH('*(u8 *)(r3 +15) = 1'), both('ok'), each),
  row(
    'R%d cannot write into %s',
    'a key, by a helper',
    FOR_EACH('r1 = r2\nr2 = 4\nr3 = 0\ncall bpf_probe_read_kernel'),
    { want: eacces('R1 cannot write into map_key') },
    each,
  ),
];

const CONTEXT = 'dereference of modified %s ptr R%d off=%d disallowed';
const NEGATIVE = 'negative offset %s ptr R%d off=%d disallowed';
const tc = { type: 'SCHED_CLS' } as const;
const contexts: readonly VerifierCase[] = [
  row(CONTEXT, 'by the instruction', 'r0 = *(u32 *)(r1 +4)', both('ok')),
  row(NEGATIVE, 'there and back', 'r1 += -4\nr1 += 4\nr0 = *(u32 *)(r1 +0)', both('ok')),
  row(
    CONTEXT,
    'handed to a helper',
    'r1 += 4\nr2 = 0\ncall bpf_skb_pull_data',
    both(eacces('dereference of modified ctx ptr R1 off=4 disallowed')),
    tc,
  ),
  row(
    'invalid access to flow keys off=%d size=%d',
    'moved',
    'r1 = *(u64 *)(r1 +144)\nr1 += 50\nr2 = *(u32 *)(r1 +4)',
    both(eacces('invalid access to flow keys off=54 size=4')),
    { type: 'FLOW_DISSECTOR' },
  ),
  row(
    'invalid access to flow keys off=%d size=%d',
    'moved inside',
    'r1 = *(u64 *)(r1 +144)\nr1 += 50\nr2 = *(u32 *)(r1 +2)\n*(u8 *)(r1 -50) = 0',
    both('ok'),
    { type: 'FLOW_DISSECTOR' },
  ),
  row(
    'invalid access to flow keys off=%d size=%d',
    'moved before',
    'r1 = *(u64 *)(r1 +144)\nr1 += -8\nr2 = *(u32 *)(r1 +0)',
    both(eacces('invalid access to flow keys off=-8 size=4')),
    { type: 'FLOW_DISSECTOR' },
  ),
];

const RING = [{ type: MAP.RINGBUF, key: 0, value: 0, max: 4096 }];
const RESERVED = (body: string): string => `
  r6 = r1
  r1 = map_fd 0
  r2 = 16
  r3 = 0
  call bpf_ringbuf_reserve
  if r0 == 0x0 goto out
  r7 = r0
  ${body}
  r1 = r7
  r2 = 0
  call bpf_ringbuf_submit`;
const user = { unprivileged: true } as const;
const MEM_LEAK = 'R%d leaks addr into mem';
const MAP_PTR = "'struct %s' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN";
const EPERM = (struct: string): Wants => ({
  want: ['EPERM', `'struct ${struct}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`],
  want61: ['EPERM', `${struct} access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`],
});
const array = { maps: [{ type: MAP.ARRAY, value: 8 }] } as const;
const leaks: readonly VerifierCase[] = [
  row(
    MEM_LEAK,
    'a record',
    RESERVED('refused: *(u64 *)(r7 +0) = r6'),
    both(eacces('R6 leaks addr into mem')),
    {
      ...user,
      maps: RING,
    },
  ),
  row(MEM_LEAK, 'a number', RESERVED('r6 = 5\n*(u64 *)(r7 +0) = r6'), both('ok'), { ...user, maps: RING }),
  row(MEM_LEAK, 'a record, privileged', RESERVED('*(u64 *)(r7 +0) = r6'), both('ok'), { maps: RING }),
  row(
    MEM_LEAK,
    'added to a record',
    RESERVED('refused: lock *(u64 *)(r7 +0) += r6'),
    both(eacces('R6 leaks addr into mem')),
    { ...user, maps: RING },
  ),
  row('R%d leaks addr into ctx', 'a number', 'r2 = 5\n*(u32 *)(r1 +48) = r2', both('ok'), user),
  row(MAP_PTR, 'an array', 'r1 = map_fd 0\nr2 = *(u32 *)(r1 +24)', EPERM('bpf_array'), { ...user, ...array }),
  row(MAP_PTR, 'a hash', 'r1 = map_fd 0\nr2 = *(u32 *)(r1 +24)', EPERM('bpf_htab'), {
    ...user,
    maps: [{ type: MAP.HASH }],
  }),
  row(MAP_PTR, 'an array, privileged', 'r1 = map_fd 0\nr2 = *(u32 *)(r1 +24)', both('ok'), array),
  row('only read from %s is supported', 'read', 'r1 = map_fd 0\nr2 = *(u32 *)(r1 +24)', both('ok'), array),
  row(
    'R%d is %s invalid negative access: off=%d',
    'the first bytes',
    'r1 = map_fd 0\nr2 = *(u64 *)(r1 +0)',
    both('ok'),
    array,
  ),
];

const TINY = new BtfBuilder();
TINY.int('int', 4);
const tiny = Btf.parse(TINY.bytes());
const kernels: readonly VerifierCase[] = [
  row(
    'map_ptr access not supported for map type %d',
    'a kernel without the struct',
    'r1 = map_fd 0\nr2 = *(u32 *)(r1 +24)',
    both(['ENOTSUPP', 'map_ptr access not supported for map type 2']),
    { ...array, kernel: { btf: tiny } },
  ),
];

const KPTR = `struct v { u64 a; struct task_struct __kptr *held; struct task_struct __kptr_untrusted *loose; u64 b; };
  int main(struct __sk_buff *ctx);`;
const kptr = { ...tc, c: KPTR, maps: [{ type: MAP.ARRAY, value: 'struct v' }] };
const VALUE = 'r9 = r1\nr6 = map_value 0\n';
const READ = (size: number, at: number): string =>
  `${VALUE}r1 = r6\nr1 += ${at}\nr2 = ${size}\nr3 = 0\ncall bpf_probe_read_kernel`;
const kptrs: readonly VerifierCase[] = [
  row(
    'kptr access cannot have variable offset',
    'beside them',
    `${VALUE}r7 = *(u32 *)(r9 +0)\nr7 &= 7\nr6 += r7\nr1 = *(u8 *)(r6 +0)`,
    both('ok'),
    kptr,
  ),
  row(
    'kptr access cannot have variable offset',
    'may touch one',
    `${VALUE}r7 = *(u32 *)(r9 +0)\nr7 &= 7\nr6 += r7\nr1 = *(u16 *)(r6 +0)`,
    both(eacces('kptr access cannot have variable offset')),
    kptr,
  ),
  row(
    'kptr access misaligned expected=%u off=%llu',
    'at it',
    `${VALUE}r1 = *(u64 *)(r6 +16)`,
    both('ok'),
    kptr,
  ),
  row(
    'kptr access misaligned expected=%u off=%llu',
    'across two',
    `${VALUE}r1 = *(u64 *)(r6 +12)`,
    both(eacces('kptr access misaligned expected=8 off=12')),
    kptr,
  ),
  row(
    'kptr access misaligned expected=%u off=%llu',
    'into one',
    `${VALUE}r1 = *(u64 *)(r6 +4)`,
    both(eacces('kptr access misaligned expected=8 off=4')),
    kptr,
  ),
  row(
    'kptr access size must be BPF_DW',
    'before the mode',
    `${VALUE}r1 = 1\nlock *(u32 *)(r6 +16) += r1`,
    both(eacces('kptr access size must be BPF_DW')),
    kptr,
  ),
  row(
    'kptr in map can only be accessed using BPF_MEM instruction mode',
    'plain',
    `${VALUE}r1 = *(u64 *)(r6 +8)`,
    both('ok'),
    kptr,
  ),
  row(
    'kptr in map can only be accessed using BPF_MEM instruction mode',
    'before the kind of kptr',
    `${VALUE}r1 = 1\nlock *(u64 *)(r6 +8) += r1`,
    both(eacces('kptr in map can only be accessed using BPF_MEM instruction mode')),
    kptr,
  ),
  row(
    'kptr cannot be accessed indirectly by helper',
    'written',
    READ(16, 0),
    both(eacces('kptr cannot be accessed indirectly by helper')),
    kptr,
  ),
  row('kptr cannot be accessed indirectly by helper', 'beside them', READ(8, 24), both('ok'), kptr),
  row(
    'invalid kptr access, R%d type=%s%s',
    'NULL',
    `${VALUE}r1 = 0\n*(u64 *)(r6 +16) = r1`,
    both('ok'),
    kptr,
  ),
  row(
    'invalid kptr access, R%d type=%s%s',
    'what was loaded',
    `${VALUE}r1 = *(u64 *)(r6 +8)\n*(u64 *)(r6 +16) = r1`,
    both('ok'),
    kptr,
  ),
  row(
    '%s cannot be accessed directly by load/store',
    'no special fields',
    `${VALUE}r1 = *(u64 *)(r6 +0)`,
    both('ok'),
    kptr,
  ),
];

const LOCAL = `
  r1 = map_value 0
  r2 = 8
  r3 = 0
  r4 = r10
  r4 += -16
  call bpf_dynptr_from_mem
  r0 = *(u64 *)(r9 +0)
  `;
const INDIRECT = 'invalid%s read from stack R%d off %d+%d size %d';
const INDIRECT_VARIABLE = 'invalid%s read from stack R%d var_off %s+%d size %d';
const OUTPUT = (size: string): string => `r1 = map_fd 1\nr3 = ${size}\nr4 = 0\ncall bpf_ringbuf_output`;
const two = { ...tc, maps: [{ type: MAP.ARRAY, value: 8 }, ...RING] };
const DYNPTR = LOCAL.replace('r0 = *(u64 *)(r9 +0)', '').trim();
const helperMemory: readonly VerifierCase[] = [
  row(INDIRECT, 'never written', `r2 = r10\nr2 += -8\n${OUTPUT('8')}`, both('ok'), two),
  row(
    INDIRECT,
    'never written, unprivileged',
    `r2 = r10\nr2 += -8\nr1 = map_fd 0\nr3 = 8\nr4 = 0\ncall bpf_ringbuf_output`,
    both(eacces('invalid indirect read from stack R2 off -8+0 size 8')),
    { ...user, maps: RING },
  ),
  row(
    INDIRECT,
    'written in part, unprivileged',
    `*(u32 *)(r10 -8) = 0\nr2 = r10\nr2 += -8\nr1 = map_fd 0\nr3 = 8\nr4 = 0\ncall bpf_ringbuf_output`,
    both(eacces('invalid indirect read from stack R2 off -8+4 size 8')),
    { ...user, maps: RING },
  ),
  row(
    INDIRECT,
    'a pointer, unprivileged',
    `*(u64 *)(r10 -8) = r1\nr2 = r10\nr2 += -8\nr1 = map_fd 0\nr3 = 8\nr4 = 0\ncall bpf_ringbuf_output`,
    both(eacces('invalid indirect read from stack R2 off -8+0 size 8')),
    { ...user, maps: RING },
  ),
  row(
    INDIRECT,
    'a number, unprivileged',
    `*(u64 *)(r10 -8) = 7\nr2 = r10\nr2 += -8\nr1 = map_fd 0\nr3 = 8\nr4 = 0\ncall bpf_ringbuf_output`,
    both('ok'),
    { ...user, maps: RING },
  ),
  row(
    INDIRECT,
    'a dynptr',
    `${DYNPTR}\nr2 = r10\nr2 += -24\n${OUTPUT('16')}`,
    both(eacces('invalid indirect read from stack R2 off -24+8 size 16')),
    two,
  ),
  row(
    INDIRECT_VARIABLE,
    'a dynptr',
    `${DYNPTR}\n${variable(4, 24)}\n${OUTPUT('8')}`,
    both(eacces('invalid indirect read from stack R2 var_off (0x0; 0x4)+8 size 8')),
    two,
  ),
  row(INDIRECT_VARIABLE, 'beside a dynptr', `${DYNPTR}\n${variable(4, 32)}\n${OUTPUT('8')}`, both('ok'), two),
  row(
    INDIRECT_VARIABLE,
    'loaded over a dynptr',
    `${DYNPTR}\n${variable(4, 20)}\nr1 = *(u8 *)(r2 +0)`,
    both(eacces('invalid read from stack R2 var_off (0x0; 0x4)+4 size 1')),
    two,
  ),
  row('R%d type=%s', 'the frame pointer', `r2 = r10\nr2 += -8\n${OUTPUT('8')}`, both('ok'), two),
  row(
    'R%d type=%s',
    'the context of tc',
    `r2 = r1\n${OUTPUT('8')}`,
    both(
      eacces(
        'R2 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_',
      ),
    ),
    {
      ...two,
      want61: eacces('R2 type=ctx expected=fp, pkt, pkt_meta, map_key, map_value, mem, alloc_mem, buf'),
    },
  ),
  row(
    "R%d min value is negative, either use unsigned or 'var &= const'",
    'masked',
    `r3 = *(u64 *)(r10 -8)\nr3 &= 7\nr5 = r3\nr2 = r10\nr2 += -8\n${OUTPUT('r5')}`,
    both('ok'),
    two,
  ),
  row(
    "R%d min value is negative, either use unsigned or 'var &= const'",
    'signed',
    `r5 = *(u64 *)(r10 -8)\nr2 = r10\nr2 += -8\n${OUTPUT('r5')}`,
    both(eacces("R3 min value is negative, either use unsigned or 'var &= const'")),
    two,
  ),
  row(
    'R%d invalid zero-sized read: u64=[%lld,%lld]',
    'at least one',
    `r5 = *(u64 *)(r10 -8)\nr5 &= 7\nif r5 == 0x0 goto out\nr2 = r5\nr1 = r10\nr1 += -8\nr3 = 0\ncall bpf_trace_printk`,
    { want: 'ok' },
    { type: 'KPROBE' },
  ),
  row(
    'R%d invalid zero-sized read: u64=[%lld,%lld]',
    'zero or more',
    `r5 = *(u64 *)(r10 -8)\nr5 &= 7\nr2 = r5\nr1 = r10\nr1 += -8\nr3 = 0\ncall bpf_trace_printk`,
    { want: eacces('R2 invalid zero-sized read: u64=[0,7]') },
    { type: 'KPROBE' },
  ),
];

const LOADED: Partial<VerifierCase> = { maps: [{ type: MAP.HASH, key: 4, value: 8 }] };
/** r0 = a value of map 0, not NULL; r7 = an unknown number. */
const FOUND =
  'r7 = *(u32 *)(r1 +0)\n*(u32 *)(r10 -4) = 0\nr2 = r10\nr2 += -4\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nif r0 == 0x0 goto out\n';
const ELEMENT =
  'r1 = r10\nr1 += -8\nr2 = 0\nr3 = 3\ncall kfunc bpf_iter_num_new\nr1 = r10\nr1 += -8\ncall kfunc bpf_iter_num_next';
const UNBOUNDED = 'R%d unbounded memory access, make sure to bounds check any such access';
const values: readonly VerifierCase[] = [
  row(
    UNBOUNDED,
    'bounded by a test',
    `${FOUND}if r7 > 0x7 goto out\nr0 += r7\nr1 = *(u8 *)(r0 +0)`,
    both('ok'),
    LOADED,
  ),
  row(
    UNBOUNDED,
    'not bounded',
    `${FOUND}r0 += r7\nr1 = *(u8 *)(r0 +0)`,
    both(eacces('R0 unbounded memory access, make sure to bounds check any such access')),
    LOADED,
  ),
  row(
    UNBOUNDED,
    'bounded by 2^29 - 1',
    `${FOUND}r7 &= 536870911\nr0 += r7\nr1 = *(u8 *)(r0 +0)`,
    both(
      eacces(
        'invalid access to map value, value_size=8 off=536870911 size=1\nR0 max value is outside of the allowed memory range',
      ),
    ),
    LOADED,
  ),
  row(
    'R%d min value is outside of the allowed memory range',
    'the last bytes',
    `${FOUND}r1 = *(u32 *)(r0 +4)`,
    both('ok'),
    LOADED,
  ),
  row(
    'R%d min value is outside of the allowed memory range',
    'a number below the start',
    `${FOUND}r0 += -1\nr1 = *(u8 *)(r0 +1)`,
    both('ok'),
    LOADED,
  ),
  row(
    'BPF_ATOMIC stores into R%d %s is not allowed',
    'a value',
    `${FOUND}r7 = 1\nlock *(u64 *)(r0 +0) += r7`,
    both('ok'),
    LOADED,
  ),
  row(
    'BPF_ATOMIC stores into R%d %s is not allowed',
    'the stack',
    '*(u64 *)(r10 -8) = 0\nr7 = 1\nlock *(u64 *)(r10 -8) += r7',
    both('ok'),
  ),
  row(
    'BPF_ATOMIC stores into R%d %s is not allowed',
    'before the address is looked at',
    'r7 = 1\nr1 += 8\nlock *(u64 *)(r1 +0) += r7',
    both(eacces('BPF_ATOMIC stores into R1 ctx is not allowed')),
  ),
  row(
    'write into map forbidden, value_size=%d off=%d size=%d',
    'atomic',
    `${FOUND}r7 = 1\nlock *(u64 *)(r0 +0) += r7`,
    both(eacces('write into map forbidden, value_size=8 off=0 size=8')),
    { maps: [{ type: MAP.HASH, key: 4, value: 8, flags: 128 }] },
  ),
  ...(['r1 = *(u32 *)(r0 +0)', 'refused: *(u32 *)(r0 +0) = 1'] as const).map((use, store) =>
    row(
      'R%d cannot write into %s',
      store === 0 ? 'an element read' : 'an element',
      `${ELEMENT}\nif r0 == 0x0 goto end\n${use}\nend: r1 = r10\nr1 += -8\ncall kfunc bpf_iter_num_destroy`,
      { want: store === 0 ? 'ok' : eacces('R0 cannot write into rdonly_mem') },
      { type: 'SCHED_CLS' },
    ),
  ),
];

const PACKET =
  'r2 = *(u32 *)(r1 +76)\nr3 = *(u32 *)(r1 +80)\nr4 = r2\nr4 += 4\nif r4 > r3 goto beyond\nr0 = 0\nexit\nbeyond: ';
const BEYOND = 'R%d offset is outside of the packet';
const packets: readonly VerifierCase[] = [
  row(
    BEYOND,
    'known to be past the end',
    `${PACKET}r0 = *(u8 *)(r4 +0)`,
    both(einval('R4 offset is outside of the packet')),
    tc,
  ),
  row(
    BEYOND,
    'the start where the end is known to be near',
    `${PACKET}r0 = *(u8 *)(r2 +0)`,
    both(
      eacces(
        'invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)\nR2 offset is outside of the packet',
      ),
    ),
    tc,
  ),
  row(
    BEYOND,
    'in the range',
    `${PACKET.replace('r0 = 0', 'r0 = *(u32 *)(r2 +0)\nr0 = *(u8 *)(r4 -1)')}r0 = 0`,
    both('ok'),
    tc,
  ),
];

verifierCases('packets', packets);
verifierCases('stack access', stack);
verifierCases('map values', values);
verifierCases('map keys', keys);
verifierCases('contexts and flow keys', contexts);
verifierCases('what unprivileged programs may not store or see', leaks);
verifierCases('kernels without a struct', kernels);
verifierCases('kptrs in values', kptrs);
verifierCases('memory of helpers', helperMemory);
