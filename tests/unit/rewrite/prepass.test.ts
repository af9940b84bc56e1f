import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepare } from '../../../host/verifier/prepass/prepare.js';
import { Errno, VerifierError } from '../../../host/verifier/verifier-error.js';
import { kernelOf, map, type RewriteCase, specOf } from '../../support/rewriting.js';

interface Refusal extends RewriteCase {
  readonly name: string;
  readonly errno: number;
  readonly message: string;
}

const TRACING = 26;
const LSM = 29;
const SYSCALL = 31;
const FENTRY = 24;
const RAW_TP = 23;
const SLEEPABLE = 16;

const attached = (type: number, attach: number, target: string, btfId = 0): Partial<RewriteCase> => ({
  type,
  spec: { expectedAttachType: attach, attach: { kind: '', target, btfId } },
});

const refusals: readonly Refusal[] = [
  {
    name: 'falls out of the program',
    before: 'r0 = 0',
    errno: Errno.EINVAL,
    message: 'last insn is not an exit or jmp',
  },
  {
    name: 'jumps before the start',
    before: 'goto -2\nexit',
    errno: Errno.EINVAL,
    message: 'jump out of range from insn 0 to -1',
  },
  {
    name: 'jumps into another function',
    before: 'call a\nif r0 == 0x0 goto b\nexit\na: r0 = 0\nb: exit',
    errno: Errno.EINVAL,
    message: 'jump out of range from insn 1 to 4',
  },
  {
    name: 'falls into the next function',
    before: 'call a\nr0 = 0\na: exit',
    errno: Errno.EINVAL,
    message: 'last insn is not an exit or jmp',
  },
  {
    name: 'calls past the end',
    before: 'call +9\nexit',
    errno: Errno.EINVAL,
    message: 'call to invalid destination',
  },
  {
    name: 'has code that nothing reaches',
    before: 'goto +1\nr0 = 0\nexit',
    errno: Errno.EINVAL,
    message: 'unreachable insn 1',
  },
  {
    name: 'jumps between the halves of a 64-bit load',
    before: 'if r1 == 0x0 goto +1\nr0 = 1 ll\nexit',
    errno: Errno.EINVAL,
    message: 'jump into the middle of ldimm64 insn 1',
  },
  {
    name: 'loops without privileges',
    before: 'again: if r1 == 0x0 goto again\nexit',
    privileged: false,
    errno: Errno.EINVAL,
    message: 'back-edge from insn 0 to 0',
  },
  {
    name: 'recurses on 6.1',
    kernel: '6.1',
    before: 'again: call again\nexit',
    errno: Errno.EINVAL,
    message: 'back-edge from insn 0 to 0',
  },
  {
    name: 'calls through a register',
    before: '(8d) call 1\nexit',
    errno: Errno.EINVAL,
    message: 'unknown opcode 8d',
  },
  {
    name: 'swaps bytes in the form 6.1 lacks',
    kernel: '6.1',
    before: 'r0 = bswap16 r0\nexit',
    errno: Errno.EINVAL,
    message: 'unknown opcode d7',
  },
  {
    name: 'loads with sign extension on 6.1',
    kernel: '6.1',
    before: 'r0 = *(s8 *)(r1 +0)\nexit',
    errno: Errno.EINVAL,
    message: 'BPF_LDX uses reserved fields',
  },
  {
    name: 'has something else in the second half of a 64-bit load',
    before: 'exit',
    spec: {
      insns: Uint8Array.from([
        0x18, 0, 0, 0, 1, 0, 0, 0, 0xb7, 1, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0,
      ]),
    },
    errno: Errno.EINVAL,
    message: 'invalid bpf_ld_imm64 insn',
  },
  {
    name: 'names a map that is not there',
    before: 'r1 = map_fd 1000\nexit',
    errno: Errno.EBADF,
    message: 'fd 1000 is not pointing to valid bpf_map',
  },
  {
    name: 'takes the value of a hash',
    maps: [map(1)],
    before: 'r1 = map_value 1000\nexit',
    errno: Errno.EINVAL,
    message: 'no direct value access support for this map type',
  },
  {
    name: 'points past the value',
    maps: [map(2)],
    before: 'r1 = map_value 1000 +8\nexit',
    errno: Errno.EINVAL,
    message: 'invalid access to map value pointer, value_size=8 off=8',
  },
  {
    name: 'names no variable',
    before: 'r1 = btf_id 1\nexit',
    errno: Errno.EINVAL,
    message: "pseudo btf_id 1 in ldimm64 isn't KIND_VAR or KIND_FUNC",
  },
  {
    name: 'calls a kernel function under a closed licence',
    spec: { license: 'Proprietary' },
    before: 'call kfunc 1\nexit',
    errno: Errno.EINVAL,
    message: 'cannot call kernel function from non-GPL compatible program',
  },
  {
    name: 'calls a type that is no function',
    before: 'call kfunc 1\nexit',
    errno: Errno.EINVAL,
    message: 'kernel btf_id 1 is not a function',
  },
  {
    name: 'has a tail call in a function without BTF',
    before: 'call a\nexit\na: call bpf_tail_call\nexit',
    errno: Errno.EINVAL,
    message: 'tail_call is not allowed in subprogs without BTF',
  },
  {
    name: 'is a syscall program that may not sleep',
    type: SYSCALL,
    before: 'exit',
    errno: Errno.EINVAL,
    message: 'Syscall programs can only be sleepable',
  },
  {
    name: 'is a socket filter that may sleep',
    spec: { flags: SLEEPABLE },
    before: 'exit',
    errno: Errno.EINVAL,
    message: 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable',
  },
  {
    name: 'attaches to nothing',
    ...attached(TRACING, FENTRY, 'no_such_function'),
    before: 'exit',
    errno: Errno.EINVAL,
    message: 'Tracing programs must provide btf_id',
  },
  {
    name: 'attaches to a type that is no tracepoint',
    ...attached(TRACING, RAW_TP, '', 1),
    before: 'exit',
    errno: Errno.EINVAL,
    message: 'attach_btf_id 1 is not a typedef',
  },
  {
    name: 'attaches a hook program to another function',
    ...attached(LSM, 27, 'x', 0),
    spec: { expectedAttachType: 27, attach: { kind: 'lsm', target: 'file_open', btfId: 0 }, license: 'MIT' },
    before: 'exit',
    errno: Errno.EINVAL,
    message: 'LSM programs must have a GPL compatible license',
  },
];

for (const { name, errno, message, ...given } of refusals) {
  test(`a program that ${name}`, () => {
    const spec = specOf(given);
    const kernel = kernelOf(given.kernel ?? '6.12', spec.maps);
    assert.throws(
      () => prepare(spec, kernel, { privileged: given.privileged ?? true }),
      (error: unknown) => {
        assert(error instanceof VerifierError);
        assert.equal(error.message, message);
        assert.equal(error.errno, errno);
        const lines = error.log.map((line) => line.text);
        assert.equal(lines.at(-2), message);
        assert.match(lines.at(-1)!, /^processed 0 insns /);
        return true;
      },
    );
  });
}

test('functions, callees and marks are found', () => {
  const spec = specOf({ before: 'call a\nif r0 == 0x0 goto out\nr2 = func a\nout: exit\na: r0 = 0\nexit' });
  const prepared = prepare(spec, kernelOf('6.12', []));
  assert.deepEqual(
    prepared.subprograms.map(({ start, end }) => [start, end]),
    [
      [0, 5],
      [5, 7],
    ],
  );
  assert.deepEqual([...prepared.calleeOf], [1, -1, 1, -1, -1, -1, -1]);
  assert.deepEqual(
    prepared.log.map((line) => line.text),
    ['func#0 @0', 'func#1 @5'],
  );
  // After the call, at the branch and its target, after the load of an address, at the function.
  assert.deepEqual([...prepared.prunePoint], [1, 1, 1, 0, 1, 1, 0]);
});

test('an empty program and one past the limit', () => {
  for (const [insns, privileged] of [
    [new Uint8Array(0), true],
    [new Uint8Array(8 * 4097), false],
  ] as const) {
    const spec = { ...specOf({ before: 'exit' }), insns };
    assert.throws(
      () => prepare(spec, kernelOf('6.12', []), { privileged }),
      (error: unknown) =>
        error instanceof VerifierError && error.errno === Errno.E2BIG && error.log.length === 0,
    );
  }
});
