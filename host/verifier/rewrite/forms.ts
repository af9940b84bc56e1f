import {
  BPF_CALL,
  BPF_JMP,
  BPF_LDX,
  BPF_MEM,
  BPF_PROBE_ATOMIC,
  BPF_PROBE_MEM,
  BPF_PROBE_MEM32,
  BPF_PROBE_MEMSX,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_ST,
  BPF_STX,
  BPF_TAIL_CALL,
  INSN_SIZE,
} from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import { Errno, VerifierError } from '../verifier-error.js';
import type { RewriteEnvironment } from './environment.js';
import { CALL, GOTOL, type InsnStream, LD_IMM64, NO_TARGET } from './stream.js';

const HELPER_TAIL_CALL = 12;

/** Does the exception table cover this instruction? */
export function isProbe(code: number): boolean {
  const cls = code & 7;
  const mode = code & 0xe0;
  if (mode === BPF_PROBE_MEM32) return cls === BPF_LDX || cls === BPF_ST || cls === BPF_STX;
  if (cls === BPF_LDX) return mode === BPF_PROBE_MEM || mode === BPF_PROBE_MEMSX;
  return cls === BPF_STX && mode === BPF_PROBE_ATOMIC;
}

/** Writes one slot. */
function put(view: DataView, at: InsnIndex, code: number, regs: number, off: number, imm: number): void {
  view.setUint8(at * INSN_SIZE, code);
  view.setUint8(at * INSN_SIZE + 1, regs);
  view.setInt16(at * INSN_SIZE + 2, off, true);
  view.setInt32(at * INSN_SIZE + 4, imm, true);
}

/** Distance of a branch, checked to fit its field. */
function distance(stream: InsnStream, at: InsnIndex): number {
  const value = stream.target[at] - at - 1;
  if (stream.code[at] !== GOTOL && (value < -0x8000 || value > 0x7fff)) {
    const insn = stream.origin[at];
    throw new VerifierError(Errno.ENOMEM, `insn ${insn} cannot be patched due to 16-bit range`, insn, []);
  }
  return value;
}

/** The instructions as the JIT takes them. */
export function jitForm(
  env: RewriteEnvironment,
  stream: InsnStream,
  functionAt: (slot: number) => number,
): Uint8Array {
  const bytes = new Uint8Array(stream.length * INSN_SIZE);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < stream.length; at++) {
    const code = stream.code[at];
    const regs = stream.dst[at] | (stream.src[at] << 4);
    const target = stream.target[at];
    if (code === LD_IMM64) {
      putImm64(env, view, stream, at, functionAt);
      at++;
    } else if (target === NO_TARGET) {
      put(view, at, code, regs, stream.off[at], stream.imm[at]);
    } else if (code === CALL) {
      put(view, at, code, regs, functionAt(target), 1);
    } else if (code === GOTOL) {
      put(view, at, code, regs, stream.off[at], distance(stream, at));
    } else {
      put(view, at, code, regs, distance(stream, at), stream.imm[at]);
    }
  }
  return bytes;
}

function putImm64(
  env: RewriteEnvironment,
  view: DataView,
  stream: InsnStream,
  at: InsnIndex,
  functionAt: (slot: number) => number,
): void {
  const src = stream.src[at];
  const dst = stream.dst[at];
  if (src === BPF_PSEUDO_FUNC) {
    put(view, at, LD_IMM64, dst | (src << 4), stream.off[at], functionAt(stream.target[at]));
    put(view, at + 1, 0, 0, 0, 0);
    return;
  }
  const resolved = stream.inserted[at] === 0 ? env.prepared.imm64.get(stream.origin[at]) : undefined;
  const low = resolved === undefined ? stream.imm[at] : Number(BigInt.asIntN(32, resolved));
  const high = resolved === undefined ? stream.imm[at + 1] : Number(BigInt.asIntN(32, resolved >> 32n));
  put(view, at, LD_IMM64, dst, stream.off[at], low);
  put(view, at + 1, 0, 0, 0, high);
}

/** The instructions as BPF_OBJ_GET_INFO_BY_FD shows them: maps by id, callees by distance, no probe modes of loads. */
export function dumpForm(
  env: RewriteEnvironment,
  stream: InsnStream,
  jit: Uint8Array,
  functionAt: (slot: number) => number,
): Uint8Array {
  const bytes = jit.slice();
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < stream.length; at++) {
    const code = stream.code[at];
    if (code === LD_IMM64) {
      dumpImm64(env, view, stream, at, functionAt);
      at++;
    } else if (code === CALL && stream.target[at] !== NO_TARGET) {
      const target = stream.target[at];
      view.setInt16(at * INSN_SIZE + 2, target - at - 1, true);
      view.setInt32(at * INSN_SIZE + 4, functionAt(target), true);
    } else if (code === (BPF_JMP | BPF_TAIL_CALL)) {
      put(view, at, BPF_JMP | BPF_CALL, 0, 0, HELPER_TAIL_CALL);
    } else if (isProbe(code) && ((code & 0xe0) === BPF_PROBE_MEM || (code & 0xe0) === BPF_PROBE_MEM32)) {
      view.setUint8(at * INSN_SIZE, (code & ~0xe0) | BPF_MEM);
    }
  }
  return bytes;
}

function dumpImm64(
  env: RewriteEnvironment,
  view: DataView,
  stream: InsnStream,
  at: InsnIndex,
  functionAt: (slot: number) => number,
): void {
  const { prepared, kernel } = env;
  const origin = stream.origin[at];
  const src = stream.src[at];
  if (stream.inserted[at] === 1 || src === 0 || src === BPF_PSEUDO_BTF_ID) return;
  if (src === BPF_PSEUDO_FUNC) {
    const target = stream.target[at];
    view.setInt32(at * INSN_SIZE + 4, target - at - 1, true);
    view.setInt32((at + 1) * INSN_SIZE + 4, functionAt(target), true);
    return;
  }
  const isValue = src === BPF_PSEUDO_MAP_VALUE || src === BPF_PSEUDO_MAP_VALUE + 4;
  const shown = isValue ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD;
  view.setUint8(at * INSN_SIZE + 1, stream.dst[at] | (shown << 4));
  view.setInt32(at * INSN_SIZE + 4, kernel.maps[prepared.mapOf[origin]].id, true);
  view.setInt32((at + 1) * INSN_SIZE + 4, isValue ? stream.imm[at + 1] : 0, true);
}
