import {
  BPF_ALU64,
  BPF_ALU,
  BPF_AND,
  BPF_ATOMIC,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOV,
  BPF_NOSPEC,
  BPF_PROBE_ATOMIC,
  BPF_PROBE_MEM,
  BPF_PROBE_MEM32,
  BPF_PROBE_MEMSX,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_X,
} from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';
import { type Convert, sizeCode } from '../ctx/conversion.js';
import { convertContextAccess } from '../ctx/convert.js';
import { convertSocketAccess } from '../ctx/sock-conversion.js';
import { Skb } from '../ctx/skb-fields.js';
import { ProgType } from '../prog-type.js';
import { RegType, TypeFlag } from '../reg-type.js';
import { Errno, VerifierError } from '../verifier-error.js';
import type { RewriteEnvironment } from './environment.js';
import { type Code, Pass } from './pass.js';
import type { InsnStream } from './stream.js';
import { needsOwnPacket, uncloneOnEntry } from './unclone.js';

const BYTES: Readonly<Record<number, number>> = { 0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8 };

/** Pointers to kernel structures that may be stale: the load must be able to fault. */
const PROBED = new Set<number>([
  RegType.BTF_ID,
  RegType.BTF_ID | TypeFlag.PTR_UNTRUSTED,
  RegType.BTF_ID | TypeFlag.MEM_ALLOC | TypeFlag.PTR_UNTRUSTED,
]);

/**
 * Accesses of the context and of sockets become accesses of the kernel's own structures; loads through pointers that
 * may be stale, and every access of an arena, get a mode that the exception table covers.
 */
export function convertAccesses(env: RewriteEnvironment, code: Code, writesPacket: boolean): Code {
  const context = convertContextAccess(env.spec.type);
  const readsTimestampType = readsField(env, code.stream, Skb.TSTAMP_TYPE);
  const unclones = writesPacket && needsOwnPacket(env.spec.type);
  return Pass.run(code, (pass, at) => {
    const { input } = pass;
    if (at === 0 && unclones) uncloneOnEntry(env, pass);
    if (input.inserted[at] === 1 || !isAccess(input.code[at])) return pass.copy();
    const type = env.aux.pointerType[input.origin[at]];
    const convert = type === RegType.CTX ? context : convertSocketAccess(type);
    if (convert !== undefined) convertAccess(env, pass, at, convert, readsTimestampType);
    else if (type === RegType.ARENA) markArena(pass, at);
    else if (PROBED.has(type) && (input.code[at] & 7) === BPF_LDX) markProbe(pass, at);
    else pass.copy();
    if (env.aux.nospec[input.origin[at]] === 1) pass.insn(BPF_ST | BPF_NOSPEC, 0, 0, 0, 0);
  });
}

/** Loads (plain and sign-extending), stores and atomics. */
function isAccess(code: number): boolean {
  const mode = code & 0xe0;
  switch (code & 7) {
    case BPF_LDX:
      return mode === BPF_MEM || mode === BPF_MEMSX;
    case BPF_STX:
      return mode === BPF_MEM || mode === BPF_ATOMIC;
    case BPF_ST:
      return mode === BPF_MEM;
    default:
      return false;
  }
}

function markProbe(pass: Pass, at: InsnIndex): void {
  pass.copy();
  const code = pass.input.code[at];
  const mode = (code & 0xe0) === BPF_MEM ? BPF_PROBE_MEM : BPF_PROBE_MEMSX;
  pass.out.code[pass.out.length - 1] = (code & ~0xe0) | mode;
}

function markArena(pass: Pass, at: InsnIndex): void {
  pass.copy();
  const code = pass.input.code[at];
  const mode = code & 0xe0;
  if (mode === BPF_MEMSX) {
    const text = 'sign extending loads from arena are not supported yet';
    throw new VerifierError(Errno.EOPNOTSUPP, text, pass.input.origin[at], []);
  }
  pass.out.code[pass.out.length - 1] =
    (code & ~0xe0) | (mode === BPF_MEM ? BPF_PROBE_MEM32 : BPF_PROBE_ATOMIC);
}

function convertAccess(
  env: RewriteEnvironment,
  pass: Pass,
  at: InsnIndex,
  convert: Convert,
  readsTimestampType: boolean,
): void {
  const { input } = pass;
  const code = input.code[at];
  const cls = code & 7;
  const isLoad = cls === BPF_LDX;
  if ((code & 0xe0) === BPF_ATOMIC) return pass.copy();
  const size = BYTES[code & 0x18];
  const off = input.off[at];
  const fieldSize = env.aux.ctxFieldSize[input.origin[at]];
  const isNarrow = isLoad && fieldSize !== 0 && size < fieldSize;
  const loaded = convert({
    sink: pass,
    offsets: env.offsets,
    programType: env.spec.type,
    attachType: env.spec.expectedAttachType,
    isModern: env.isModern,
    maxCpus: env.kernel.profile.maxCpus,
    readsTimestampType,
    isWrite: !isLoad,
    isImmediate: cls === BPF_ST,
    dst: input.dst[at],
    src: input.src[at],
    imm: input.imm[at],
    offset: isNarrow ? off & ~(fieldSize - 1) : off,
    size: isNarrow ? fieldSize : size,
  });
  if (isNarrow && size < loaded) narrow(pass, input.dst[at], size, fieldSize, (off & (fieldSize - 1)) * 8);
  if (isLoad && (code & 0xe0) === BPF_MEMSX) {
    pass.insn(BPF_ALU64 | BPF_MOV | BPF_X, input.dst[at], input.dst[at], size * 8, 0);
  }
}

/** Takes the bytes of a narrow load out of the whole field. */
function narrow(pass: Pass, dst: number, size: number, fieldSize: number, shift: number): void {
  if (shift !== 0) pass.insn((fieldSize <= 4 ? BPF_ALU : BPF_ALU64) | BPF_RSH, dst, 0, 0, shift);
  pass.alu32Imm(BPF_AND, dst, size === 4 ? -1 : 2 ** (size * 8) - 1);
}

function readsField(env: RewriteEnvironment, stream: InsnStream, offset: number): boolean {
  if (env.spec.type !== ProgType.SCHED_CLS && env.spec.type !== ProgType.SCHED_ACT) return false;
  for (let at = 0; at < stream.length; at++) {
    const code = stream.code[at];
    const isByte = (code & ~0xe0) === (BPF_LDX | sizeCode(1)) && isAccess(code);
    if (!isByte || stream.off[at] !== offset || stream.inserted[at] === 1) continue;
    if (env.aux.pointerType[stream.origin[at]] === RegType.CTX) return true;
  }
  return false;
}
