import * as L from '../../assembly/layout/jit.js';
import type { JitFailure } from '../core/jit.js';
import { JitError } from '../errors.js';

const hex2 = (value: bigint): string => value.toString(16).padStart(2, '0');
const signed = (value: bigint): string => BigInt.asIntN(64, value).toString();

/** Code and message of each status; messages that Linux logs are its own, word for word. */
const FAILURES: Readonly<Record<number, readonly [string, (value: bigint) => string]>> = {
  [L.JIT_UNKNOWN_OPCODE]: ['JIT_UNKNOWN_OPCODE', (op) => `bpf_jit: unknown opcode ${hex2(op)}`],
  [L.JIT_UNKNOWN_ATOMIC]: ['JIT_UNKNOWN_ATOMIC', (op) => `bpf_jit: unknown atomic opcode ${hex2(op)}`],
  [L.JIT_SMALL_ATOMIC]: ['JIT_SMALL_ATOMIC', () => 'bpf_jit: 1 and 2 byte atomics are not supported'],
  [L.JIT_EX_GEN_BUG]: ['JIT_EX_GEN_BUG', () => 'ex gen bug'],
  [L.JIT_MEM32_EX_BUG]: ['JIT_MEM32_EX_BUG', () => 'mem32 extable bug'],
  [L.JIT_EXTABLE_HANDLER_RANGE]: ['JIT_EXTABLE_RANGE', () => "extable->handler doesn't fit into 32-bit"],
  [L.JIT_PROBE_REGISTER]: ['JIT_PROBE_REGISTER', () => 'verifier error'],
  [L.JIT_EXTABLE_NOT_POPULATED]: ['JIT_EXTABLE_NOT_POPULATED', () => 'extable is not populated'],
  [L.JIT_COND_JUMP_PADDING]: [
    'JIT_PADDING',
    (bytes) => `unexpected jmp_cond padding: ${signed(bytes)} bytes`,
  ],
  [L.JIT_NOP_JUMP_PADDING]: ['JIT_PADDING', (bytes) => `unexpected nop jump padding: ${signed(bytes)} bytes`],
  [L.JIT_JUMP_PADDING]: ['JIT_PADDING', (bytes) => `unexpected jump padding: ${signed(bytes)} bytes`],
  [L.JIT_CALL_RANGE]: ['JIT_CALL_RANGE', (target) => `Target call ${target.toString(16)} is out of range`],
  [L.JIT_CALL_NULL]: ['JIT_CALL_NULL', () => 'call: expected a target, found imm 0'],
  [L.JIT_FATAL]: ['JIT_FATAL', () => 'bpf_jit: fatal error'],
  [L.JIT_NO_CONVERGENCE]: ['JIT_NO_CONVERGENCE', () => 'sizes of jumps still change after 20 passes'],
  [L.JIT_NO_MEMORY]: ['JIT_NO_MEMORY', () => 'linear memory of the core is exhausted'],
  [L.JIT_BAD_REGISTER]: ['JIT_BAD_REGISTER', () => 'instruction names a register above 11'],
  [L.JIT_BAD_TARGET]: [
    'JIT_BAD_TARGET',
    (slot) => `branch to slot ${signed(slot)}: expected the start of an instruction of the function`,
  ],
  [L.JIT_BAD_PROGRAM]: [
    'JIT_BAD_PROGRAM',
    (op) => (op === 0n ? 'function without instructions' : 'ld_imm64 without its second slot'),
  ],
};

/** The error for a failed step; `length` is the code length the sizing passes had found. */
export function jitError(failure: JitFailure, length: number): JitError {
  const { status, insn, value } = failure;
  if (status === L.JIT_LENGTH_CHANGED)
    return new JitError('JIT_LENGTH_CHANGED', `bpf_jit: proglen=${value} != oldproglen=${length}`);
  const [code, message] = FAILURES[status] ?? ['JIT_FATAL', () => `bpf_jit: fatal error (status ${status})`];
  return new JitError(code, message(value), { insn });
}
