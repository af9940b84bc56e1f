import * as isa from '../../assembly/isa.js';
import { BtfKind } from '../btf/types.js';
import type { InsnIndex } from '../quantities.js';
import { setBtfPointer } from './btf-access.js';
import type { Env } from './env.js';
import { clobberReg, readReg, writeReg } from './liveness.js';
import { W_A, W_ID, W_OFF, W_SUBREG, W_TYPE } from './registers.js';
import { RegType, TypeFlag } from './reg-type.js';
import { checkPointerOffset } from './memory-region.js';
import { Errno } from './verifier-error.js';

const LD_ABS_TYPES = new Set([1, 3, 4]);
const ARENA = 33;

function simulateImm64(env: Env, at: InsnIndex): void {
  const { code, regs, program } = env;
  if (code.off[at] !== 0) env.fail(Errno.EINVAL, 'BPF_LD_IMM64 uses reserved fields');
  const dst = writeReg(env, code.dst[at], false);
  const src = code.src[at];
  const raw = BigInt(code.imm[at] >>> 0) | (BigInt(code.imm[at + 1] >>> 0) << 32n);
  regs.set(dst, W_SUBREG, 0);
  if (src === 0) {
    regs.setConst(dst, raw);
    return;
  }
  if (src === isa.BPF_PSEUDO_BTF_ID) {
    loadKernelSymbol(env, at);
    return;
  }
  if (src === isa.BPF_PSEUDO_FUNC) {
    loadFunction(env, at);
    return;
  }
  const index = program.mapOf[at];
  const map = env.maps[index];
  const isValue = src === isa.BPF_PSEUDO_MAP_VALUE || src === isa.BPF_PSEUDO_MAP_IDX_VALUE;
  if (isValue && map.spec.type === ARENA) {
    regs.setUnknown(dst);
    regs.set(dst, W_TYPE, RegType.ARENA);
    return;
  }
  regs.setPointer(dst, isValue ? RegType.MAP_VALUE : RegType.CONST_MAP_PTR);
  regs.set(dst, W_A, index);
  if (isValue) {
    regs.set(dst, W_OFF, code.imm[at + 1]);
    // Since Linux 6.2 the one value of such a map is the same object wherever it is named.
    if (env.legacy && env.needsValueId(index)) regs.set(dst, W_ID, env.newId());
  }
  env.aux.map[at] = index;
}

/** Address of a kernel variable or function. */
function loadKernelSymbol(env: Env, at: InsnIndex): void {
  const { regs } = env;
  const { btf } = env.kernel;
  const dst = env.reg(env.code.dst[at]);
  const id = env.program.kernelSymbols.get(at) ?? 0;
  const symbol = btf.type(id);
  const address = env.program.imm64.get(at);
  if (address !== undefined) env.aux.kernelAddress.set(at, address);
  if (symbol.kind === BtfKind.FUNC || symbol.kind !== BtfKind.VAR) {
    regs.setPointer(dst, RegType.MEM | TypeFlag.MEM_RDONLY);
    return;
  }
  const percpu = isPercpu(env, id);
  const type = btf.type(btf.skipModifiers(symbol.type));
  if (percpu) {
    setBtfPointer(env, dst, 0, type.kind === BtfKind.STRUCT ? type.id : symbol.type, TypeFlag.MEM_PERCPU);
    return;
  }
  if (type.kind === BtfKind.STRUCT) {
    setBtfPointer(env, dst, 0, type.id, 0);
    return;
  }
  regs.setPointer(dst, RegType.MEM | TypeFlag.MEM_RDONLY);
  regs.set(dst, W_A, btf.sizeOf(type.id));
}

function isPercpu(env: Env, id: number): boolean {
  const section = env.kernel.btf.datasec('.data..percpu');
  return section !== null && section.vars.some((entry) => entry.type === id);
}

function loadFunction(env: Env, at: InsnIndex): void {
  const { regs, program } = env;
  const callee = program.calleeOf[at];
  const dst = env.reg(env.code.dst[at]);
  const target = program.subprograms[callee];
  if (program.spec.funcInfo.length === 0) env.fail(Errno.EINVAL, 'missing btf func_info');
  if (target.isGlobal) env.fail(Errno.EINVAL, 'callback function not static');
  if (callee === 0) env.fail(Errno.EINVAL, 'callback function cannot be the main program');
  regs.setPointer(dst, RegType.FUNC);
  regs.set(dst, W_A, callee);
  env.aux.callee.set(at, callee);
}

/** Packet load of the classic kind: r6 is the context. */
function simulatePacketLoad(env: Env, at: InsnIndex, indirect: boolean): void {
  const { code, regs, state } = env;
  if (!LD_ABS_TYPES.has(env.program.spec.type)) {
    env.fail(Errno.EINVAL, 'BPF_LD_[ABS|IND] instructions not allowed for this program type');
  }
  const bad =
    code.dst[at] !== 0 ||
    code.off[at] !== 0 ||
    (code.opcode[at] & 0x18) === isa.BPF_DW ||
    (!indirect && code.src[at] !== 0);
  if (bad) env.fail(Errno.EINVAL, 'BPF_LD_[ABS|IND] uses reserved fields');
  readReg(env, 6);
  if (state.references.length > 0) {
    for (const ref of state.references) env.say(`Unreleased reference id=${ref.id} alloc_insn=${ref.insn}`);
    env.fail(Errno.EINVAL, 'BPF_LD_[ABS|IND] cannot be mixed with socket references');
  }
  if (state.lock !== null) {
    env.fail(Errno.EINVAL, 'BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region');
  }
  if (state.rcuDepth > 0) {
    env.fail(Errno.EINVAL, 'BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region');
  }
  if (state.preemptDepth > 0) {
    env.fail(Errno.EINVAL, 'BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region');
  }
  if (regs.type(env.reg(6)) !== RegType.CTX) {
    env.fail(Errno.EINVAL, 'at the time of BPF_LD_ABS|IND R6 != pointer to skb');
  }
  if (indirect) readReg(env, code.src[at]);
  checkPointerOffset(env, 6, false);
  for (let i = 0; i < 6; i++) clobberReg(env, i);
  const r0 = env.reg(0);
  regs.setUnknown(r0);
  regs.set(r0, W_SUBREG, at + 1);
}

/** LD: 64-bit immediates and packet loads; the next instruction. */
export function simulateLd(env: Env, at: InsnIndex): InsnIndex {
  const { code } = env;
  const mode = code.opcode[at] & 0xe0;
  if (mode === isa.BPF_ABS || mode === isa.BPF_IND) {
    simulatePacketLoad(env, at, mode === isa.BPF_IND);
    return at + 1;
  }
  if (mode !== isa.BPF_IMM) env.fail(Errno.EINVAL, 'invalid BPF_LD mode');
  if ((code.opcode[at] & 0x18) !== isa.BPF_DW) env.fail(Errno.EINVAL, 'invalid BPF_LD_IMM insn');
  simulateImm64(env, at);
  env.aux.seen[at + 1] = env.aux.seen[at];
  return at + 2;
}
