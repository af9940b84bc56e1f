import * as isa from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';
import type { Env } from './env.js';
import { readReg, writeReg } from './liveness.js';
import { typeName } from './log-text.js';
import { accessMemory } from './memory-access.js';
import { W_SUBREG } from './registers.js';
import { RegType, TypeFlag, baseType } from './reg-type.js';
import { Errno } from './verifier-error.js';

const SIZES: Record<number, number> = { [isa.BPF_W]: 4, [isa.BPF_H]: 2, [isa.BPF_B]: 1, [isa.BPF_DW]: 8 };

/** Types whose accesses are rewritten: one instruction must not meet them with others. */
const PARTICULAR = new Set<number>([
  RegType.CTX,
  RegType.SOCKET,
  RegType.SOCK_COMMON,
  RegType.TCP_SOCK,
  RegType.XDP_SOCK,
  RegType.BTF_ID,
  RegType.ARENA,
]);

/** Notes the type of the pointer an instruction goes through. */
function notePointerType(env: Env, at: InsnIndex, type: number, merge: boolean): void {
  const { aux } = env;
  const known = aux.pointerType[at];
  if (known === RegType.NOT_INIT) {
    aux.pointerType[at] = type;
    return;
  }
  if (known === type) return;
  if (!PARTICULAR.has(baseType(known)) && !PARTICULAR.has(baseType(type))) return;
  const bothBtf = baseType(known) === RegType.BTF_ID && baseType(type) === RegType.BTF_ID;
  if (merge && bothBtf && !env.legacy) {
    aux.pointerType[at] = RegType.BTF_ID | TypeFlag.PTR_UNTRUSTED;
    return;
  }
  env.fail(Errno.EINVAL, 'same insn cannot be used with different pointers');
}

/** LDX. */
export function simulateLoad(env: Env, at: InsnIndex): void {
  const { code } = env;
  const src = code.src[at];
  const dst = code.dst[at];
  const signExtend = (code.opcode[at] & 0xe0) === isa.BPF_MEMSX;
  readReg(env, src);
  const type = env.regs.type(env.reg(src));
  // The destination is only written once the access is judged: it may be the base register.
  writeReg(env, dst, false);
  const size = SIZES[code.opcode[at] & 0x18];
  accessMemory(env, src, { off: code.off[at], size, isWrite: false, value: dst, signExtend });
  if (size < 8 && !signExtend) env.regs.set(env.reg(dst), W_SUBREG, at + 1);
  notePointerType(env, at, type, true);
}

/** ST and STX. */
export function simulateStore(env: Env, at: InsnIndex): void {
  const { code } = env;
  const dst = code.dst[at];
  const fromReg = (code.opcode[at] & 7) === isa.BPF_STX;
  if (fromReg) {
    if ((code.opcode[at] & 0xe0) !== isa.BPF_MEM || code.imm[at] !== 0) {
      env.fail(Errno.EINVAL, 'BPF_STX uses reserved fields');
    }
    readReg(env, code.src[at]);
  } else if ((code.opcode[at] & 0xe0) !== isa.BPF_MEM || code.src[at] !== 0) {
    env.fail(Errno.EINVAL, 'BPF_ST uses reserved fields');
  }
  readReg(env, dst);
  const type = env.regs.type(env.reg(dst));
  if (!fromReg && env.legacy && type === RegType.CTX) {
    env.fail(Errno.EACCES, `BPF_ST stores into R${dst} ${typeName(type, env.legacy)} is not allowed`);
  }
  accessMemory(env, dst, {
    off: code.off[at],
    size: SIZES[code.opcode[at] & 0x18],
    isWrite: true,
    value: fromReg ? code.src[at] : -1,
    signExtend: false,
  });
  notePointerType(env, at, type, false);
}

const FETCHING_BITWISE = new Set([
  isa.BPF_AND | isa.BPF_FETCH,
  isa.BPF_OR | isa.BPF_FETCH,
  isa.BPF_XOR | isa.BPF_FETCH,
]);
const ATOMICS = new Set([
  isa.BPF_ADD,
  isa.BPF_ADD | isa.BPF_FETCH,
  isa.BPF_AND,
  isa.BPF_AND | isa.BPF_FETCH,
  isa.BPF_OR,
  isa.BPF_OR | isa.BPF_FETCH,
  isa.BPF_XOR,
  isa.BPF_XOR | isa.BPF_FETCH,
  isa.BPF_XCHG,
  isa.BPF_CMPXCHG,
]);
const NO_ATOMICS = new Set<number>([
  RegType.CTX,
  RegType.PACKET,
  RegType.PACKET_META,
  RegType.FLOW_KEYS,
  RegType.SOCKET,
  RegType.SOCK_COMMON,
  RegType.TCP_SOCK,
  RegType.XDP_SOCK,
]);

/** STX in atomic mode. */
export function simulateAtomic(env: Env, at: InsnIndex): void {
  const { code, regs } = env;
  const imm = code.imm[at];
  const dst = code.dst[at];
  const src = code.src[at];
  if (!ATOMICS.has(imm)) {
    const text = (imm >>> 0).toString(16).padStart(2, '0');
    env.fail(Errno.EINVAL, `BPF_ATOMIC uses invalid atomic opcode ${text}`);
  }
  const size = SIZES[code.opcode[at] & 0x18];
  if (size < 4) env.fail(Errno.EINVAL, 'invalid atomic operand size');
  readReg(env, src);
  readReg(env, dst);
  if (imm === isa.BPF_CMPXCHG) {
    readReg(env, 0);
    checkLeak(env, 0);
  }
  checkLeak(env, src);
  const type = regs.type(env.reg(dst));
  const arenaRefused = type === RegType.ARENA && FETCHING_BITWISE.has(imm);
  if (NO_ATOMICS.has(baseType(type)) || arenaRefused) {
    env.fail(Errno.EACCES, `BPF_ATOMIC stores into R${dst} ${typeName(type, env.legacy)} is not allowed`);
  }
  let loaded = -1;
  if ((imm & isa.BPF_FETCH) !== 0) {
    loaded = imm === isa.BPF_CMPXCHG ? 0 : src;
    writeReg(env, loaded, false);
  }
  const access = { off: code.off[at], size, signExtend: false };
  accessMemory(env, dst, { ...access, isWrite: false, value: -1 }, true);
  if (loaded >= 0) accessMemory(env, dst, { ...access, isWrite: false, value: loaded }, true);
  if (!env.privileged && baseType(type) === RegType.MAP_VALUE) checkLeak(env, src);
  accessMemory(env, dst, { ...access, isWrite: true, value: -1 }, true);
  if (loaded >= 0 && size < 8) regs.set(env.reg(loaded), W_SUBREG, at + 1);
  notePointerType(env, at, type, false);
}

function checkLeak(env: Env, regno: number): void {
  if (env.privileged || env.regs.type(env.reg(regno)) === RegType.SCALAR) return;
  env.fail(Errno.EACCES, `R${regno} leaks addr into mem`);
}
