import { type Basics, kernelWith } from '../../support/kernel-types.js';
import { MAP, type Verdict, type VerifierCase, verifierCases } from '../../support/verifier-cases.js';

const einval = (message: string): Verdict => ['EINVAL', message];
const eacces = (message: string): Verdict => ['EACCES', message];

/** A function that every program type may call and that has no flags, with a prototype of the case's own. */
const FREE = 'bpf_modify_return_test_tp';
type Prototype = Parameters<typeof kernelWith>[1];
const given = (prototype: Prototype, name = FREE) => ({ kernel: kernelWith(name, prototype) });
const taking =
  (...params: ((basics: Basics) => [string, number])[]): Prototype =>
  (basics) => ({ returns: basics.int, params: params.map((make) => make(basics)) });
const numbers = (count: number): Prototype =>
  taking(...Array.from({ length: count }, (_, i) => ({ u64 }: Basics): [string, number] => [`a${i}`, u64]));
const CALL = `call kfunc ${FREE}\nr0 = 0\nexit`;
const STACK = '*(u64 *)(r10 -8) = 0\nr1 = r10\nr1 += -8';
const LOOKUP = '*(u32 *)(r10 -4) = 0\nr2 = r10\nr2 += -4\nr1 = map_fd 0\ncall bpf_map_lookup_elem\nr1 = r0';
const MAPS = [{ type: MAP.ARRAY, value: 8 }];

/** A struct with a struct in it, and so on: `levels` of them. */
function nested({ b, u32 }: Basics, levels: number): number {
  let id = b.struct('s1', 4, [['n', u32, 0]]);
  for (let i = 2; i <= levels; i++) id = b.struct(`s${i}`, 4, [['s', id, 0]]);
  return id;
}
const pointerToNested = (levels: number): Prototype =>
  taking((basics) => ['p', basics.pointer(nested(basics, levels))]);
const MUST_POINT = 'must point to scalar, or struct with scalar';

const shapes: readonly VerifierCase[] = [
  {
    rule: 'Function %s has %d > %d args',
    ...{ ...given(numbers(6)), text: CALL, want: einval(`Function ${FREE} has 6 > 5 args`) },
  },
  {
    rule: 'Function %s has %d > %d args',
    name: 'five',
    ...{ ...given(numbers(5)), text: `r1 = 1\nr2 = 1\nr3 = 1\nr4 = 1\nr5 = 1\n${CALL}`, want: 'ok' },
  },
  {
    rule: 'Unrecognized arg#%d type %s',
    ...given(taking(({ b }) => ['s', b.struct('pair', 8, [])])),
    ...{ text: `r1 = 1\n${CALL}`, want: einval('Unrecognized arg#0 type STRUCT') },
  },
  {
    rule: 'Unrecognized arg#%d type %s',
    name: 'a register that was never written comes first',
    ...given(
      taking(
        ({ u64 }) => ['a', u64],
        ({ b }) => ['f', b.float('double', 8)],
      ),
    ),
    ...{ text: `r1 = 1\n${CALL}`, want: eacces('R2 !read_ok') },
  },
  {
    rule: 'Unrecognized arg#%d type %s',
    name: 'enumeration',
    ...given(taking(({ b }) => ['e', b.enum('e', [['A', 0]])])),
    ...{ text: `r1 = 1\n${CALL}`, want: 'ok' },
  },
  {
    rule: 'max struct nesting depth exceeded',
    ...given(pointerToNested(5)),
    text: `${STACK}\n${CALL}`,
    want: einval(`max struct nesting depth exceeded\narg#0 pointer type STRUCT s5 ${MUST_POINT}`),
  },
  {
    rule: 'max struct nesting depth exceeded',
    name: 'four',
    ...{ ...given(pointerToNested(4)), text: `${STACK}\n${CALL}`, want: 'ok' },
  },
  {
    rule: 'arg#%d pointer type %s %s must point to %sscalar, or struct with scalar',
    ...given(taking(({ b, u64, pointer }) => ['p', pointer(b.struct('s', 8, [['p', pointer(u64), 0]]))])),
    ...{ text: `${STACK}\n${CALL}`, want: einval(`arg#0 pointer type STRUCT s ${MUST_POINT}`) },
  },
  {
    rule: 'arg#%d pointer type %s %s must point to %sscalar, or struct with scalar',
    name: 'nothing',
    ...given(taking(({ pointer }) => ['p', pointer(0)])),
    ...{ text: `${STACK}\n${CALL}`, want: einval(`arg#0 pointer type UNKNOWN  ${MUST_POINT}`) },
  },
  {
    rule: 'arg#%d pointer type %s %s must point to %sscalar, or struct with scalar',
    name: 'nothing, with a size',
    ...given(
      taking(
        ({ pointer }) => ['p', pointer(0)],
        ({ u32 }) => ['p__sz', u32],
      ),
    ),
    ...{ text: `${STACK}\nr2 = 8\n${CALL}`, want: 'ok' },
  },
  {
    rule: 'arg#%d pointer type %s %s must point to %sscalar, or struct with scalar',
    name: 'a function, with a size',
    ...given(
      taking(
        ({ b, pointer }) => ['p', pointer(b.struct('s', 8, [['p', pointer(0), 0]]))],
        ({ u32 }) => ['p__sz', u32],
      ),
    ),
    text: `${STACK}\nr2 = 8\n${CALL}`,
    want: einval('arg#0 pointer type STRUCT s must point to void, scalar, or struct with scalar'),
  },
  {
    rule: 'kernel function %s args#%d pointer type %s %s is not supported',
    ...given(taking(({ u64, pointer }) => ['p', pointer(u64)])),
    type: 'XDP',
    text: `call bpf_get_current_task_btf\nr1 = r0\n${CALL}`,
    kernel: {
      btf: kernelWith(FREE, (basics) => {
        basics.b.struct('task_struct', 8, [['flags', basics.u64, 0]]);
        return { returns: basics.int, params: [['p', basics.pointer(basics.u64)]] };
      }).btf,
    },
    want: einval(`kernel function ${FREE} args#0 pointer type INT long long unsigned int is not supported`),
  },
  {
    rule: 'kernel function %s args#%d pointer type %s %s is not supported',
    name: 'memory',
    ...{ ...given(taking(({ u64, pointer }) => ['p', pointer(u64)])), text: `${STACK}\n${CALL}`, want: 'ok' },
  },
];

const memory: readonly VerifierCase[] = [
  {
    rule: 'kfunc memory',
    name: 'NULL',
    ...{ ...given(taking(({ u64, pointer }) => ['p', pointer(u64)])), text: `r1 = 0\n${CALL}`, want: 'ok' },
  },
  {
    rule: 'kfunc memory',
    name: 'that may be NULL',
    ...given(taking(({ u64, pointer }) => ['p', pointer(u64)])),
    ...{ text: `${LOOKUP}\n${CALL}`, maps: MAPS, want: 'ok' },
  },
  {
    rule: 'kfunc memory',
    name: 'too small',
    ...given(taking(({ b, u64, pointer }) => ['p', pointer(b.struct('s', 16, [['a', u64, 0]]))])),
    ...{ text: `${STACK}\n${CALL}`, want: einval('invalid indirect access to stack R1 off=-8 size=16') },
  },
  {
    rule: 'kfunc memory',
    name: 'of a map that programs may not read',
    ...given(taking(({ u64, pointer }) => ['p', pointer(u64)])),
    ...{ text: `${LOOKUP}\n${CALL}`, maps: [{ type: MAP.ARRAY, value: 8, flags: 256 }] },
    want: eacces('read from map forbidden, value_size=8 off=0 size=8'),
  },
  {
    rule: 'kfunc memory',
    name: 'of a map that programs may not write',
    ...given(taking(({ u64, pointer }) => ['p', pointer(u64)])),
    ...{ text: `${LOOKUP}\n${CALL}`, maps: [{ type: MAP.ARRAY, value: 8, flags: 128 }] },
    want: eacces('write into map forbidden, value_size=8 off=0 size=8'),
  },
  {
    rule: 'arg#%d arg#%d memory, len pair leads to invalid memory access',
    ...given(
      taking(
        ({ pointer }) => ['p', pointer(0)],
        ({ u32 }) => ['p__sz', u32],
      ),
    ),
    text: `${STACK}\nr2 = 9\n${CALL}`,
    want: einval(
      'invalid indirect access to stack R1 off=-8 size=9\narg#0 arg#1 memory, len pair leads to invalid memory access',
    ),
  },
  {
    rule: 'arg#%d arg#%d memory, len pair leads to invalid memory access',
    name: 'it fits',
    ...given(
      taking(
        ({ pointer }) => ['p', pointer(0)],
        ({ u32 }) => ['p__sz', u32],
      ),
    ),
    ...{ text: `${STACK}\nr2 = 8\n${CALL}`, want: 'ok' },
  },
];

const buffer =
  (...names: string[]): Prototype =>
  (basics) => ({
    returns: basics.pointer(0),
    params: names.map((name): [string, number] => [name, basics.u64]),
  });
const USE = (access: string): string => `call kfunc ${FREE}\n${access}\nr0 = 0\nexit`;

const buffers: readonly VerifierCase[] = [
  {
    rule: '2 or more rdonly/rdwr_buf_size parameters for kfunc',
    ...given(buffer('rdonly_buf_size', 'rdwr_buf_size')),
    ...{ text: `r1 = 8\nr2 = 8\n${CALL}` },
    want: einval('2 or more rdonly/rdwr_buf_size parameters for kfunc'),
  },
  {
    rule: '2 or more rdonly/rdwr_buf_size parameters for kfunc',
    name: 'one',
    ...{ ...given(buffer('rdonly_buf_size')), text: `r1 = 8\n${USE('r1 = *(u64 *)(r0 +0)')}`, want: 'ok' },
  },
  {
    rule: 'R%d is not a const',
    ...{ ...given(buffer('rdonly_buf_size')), text: `r1 = *(u32 *)(r1 +0)\n${CALL}` },
    want: einval('R1 is not a const'),
  },
  {
    rule: 'R%d is not a const',
    name: 'a constant',
    ...{ ...given(buffer('rdwr_buf_size')), text: `r1 = 8\n${USE('*(u64 *)(r0 +0) = 1')}`, want: 'ok' },
  },
  {
    rule: 'R%d rdonly/rdwr_buf_size exceeds u32 max',
    ...{ ...given(buffer('rdonly_buf_size')), text: `r1 = 0x100000000 ll\n${CALL}` },
    want: einval('R1 rdonly/rdwr_buf_size exceeds u32 max'),
  },
  {
    rule: 'R%d rdonly/rdwr_buf_size exceeds u32 max',
    name: 'the largest',
    ...{ ...given(buffer('rdonly_buf_size')), text: `r1 = 0xffffffff ll\n${CALL}`, want: 'ok' },
  },
  {
    rule: 'result of a kfunc',
    name: 'past the buffer',
    ...{ ...given(buffer('rdonly_buf_size')), text: `r1 = 8\n${USE('r1 = *(u64 *)(r0 +8)')}` },
    want: eacces(
      'invalid access to memory, mem_size=8 off=8 size=8\nR0 min value is outside of the allowed memory range',
    ),
  },
  {
    rule: 'result of a kfunc',
    name: 'a buffer to read',
    ...{ ...given(buffer('rdonly_buf_size')), text: `r1 = 8\n${USE('*(u64 *)(r0 +0) = 1')}` },
    want: eacces('R0 cannot write into rdonly_mem'),
  },
  {
    rule: 'kernel function %s returns pointer type %s %s is not supported',
    ...{ ...given(buffer()), text: CALL },
    want: einval(`kernel function ${FREE} returns pointer type UNKNOWN  is not supported`),
  },
  {
    rule: 'kernel function %s returns pointer type %s %s is not supported',
    name: 'a number',
    ...given(({ u32, pointer }) => ({ returns: pointer(u32), params: [] })),
    ...{ text: USE('r1 = *(u32 *)(r0 +0)'), want: 'ok' },
  },
];

verifierCases('prototypes of kfuncs', shapes);
verifierCases('memory for kfuncs', memory);
verifierCases('buffers of kfuncs', buffers);
