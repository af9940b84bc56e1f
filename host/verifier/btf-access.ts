import type { HostAddress } from '../quantities.js';
import { implementsCongestionControl, refusedTcpStore } from './tcp-stores.js';
import { walkStructCached } from './btf-walk.js';
import type { Env } from './env.js';
import { tnumText } from './log-text.js';
import { structFields } from './map-fields.js';
import { W_A, W_B, W_ID, W_REF, mayBeNull } from './registers.js';
import { RegType, TypeFlag, hasFlag } from './reg-type.js';
import { Errno } from './verifier-error.js';

const TRUST = TypeFlag.PTR_TRUSTED | TypeFlag.MEM_ALLOC | TypeFlag.NON_OWN_REF;
const CLEARED = TRUST | TypeFlag.MEM_RCU;
const FLAG_BITS = ~0xff;

/** Fields of structs that stay usable under RCU, are trusted, and so on; `struct: fields`. */
const SAFE_RCU: Record<string, readonly string[]> = {
  task_struct: ['cpus_ptr', 'cgroups', 'real_parent', 'group_leader'],
  cgroup: ['kn'],
  css_set: ['dfl_cgrp'],
};
const SAFE_RCU_OR_NULL: Record<string, readonly string[]> = {
  mm_struct: ['exe_file'],
  sk_buff: ['sk'],
  request_sock: ['sk'],
};
const SAFE_TRUSTED: Record<string, readonly string[]> = {
  bpf_iter_meta: ['seq'],
  bpf_iter__task: ['meta', 'task'],
  linux_binprm: ['file'],
  file: ['f_inode'],
  dentry: ['d_inode'],
};
const SAFE_TRUSTED_OR_NULL: Record<string, readonly string[]> = { socket: ['sk'] };

function listed(list: Record<string, readonly string[]>, struct: string, field: string): boolean {
  return list[struct]?.includes(field) ?? false;
}

/** A reference is held, or the type says trusted. */
export function isTrusted(env: Env, reg: HostAddress): boolean {
  if (env.regs.get(reg, W_REF) !== 0) return true;
  const type = env.regs.type(reg);
  return (type & TRUST) !== 0 && (type & FLAG_BITS & ~TRUST) === 0;
}

/** Protected by RCU or by a trusted or referenced pointer. */
export function isRcuProtected(env: Env, reg: HostAddress): boolean {
  return hasFlag(env.regs.type(reg), TypeFlag.MEM_RCU);
}

/** Non-sleepable programs and bpf_rcu_read_lock sections. */
export function inRcuSection(env: Env): boolean {
  return env.state.rcuDepth > 0 || env.state.lock !== null || !env.sleepable;
}

/** Flags of what is loaded through a pointer of which nothing is known. */
export const withoutTrust = (flags: number): number => flags & ~CLEARED;

function loadedFlags(env: Env, reg: HostAddress, struct: string, field: string, flags: number): number {
  const type = env.regs.type(reg);
  if (env.legacy) return withoutTrust(flags) | (type & TypeFlag.PTR_UNTRUSTED);
  if (hasFlag(type, TypeFlag.PTR_UNTRUSTED)) return TypeFlag.PTR_UNTRUSTED;
  if (!isTrusted(env, reg) && !isRcuProtected(env, reg)) return withoutTrust(flags);
  if (listed(SAFE_TRUSTED, struct, field)) return flags | TypeFlag.PTR_TRUSTED;
  if (listed(SAFE_TRUSTED_OR_NULL, struct, field)) {
    return flags | TypeFlag.PTR_TRUSTED | TypeFlag.MAYBE_NULL;
  }
  if (!inRcuSection(env) || mayBeNull(type)) return TypeFlag.PTR_UNTRUSTED;
  if (listed(SAFE_RCU, struct, field)) return flags | TypeFlag.MEM_RCU;
  if (hasFlag(flags, TypeFlag.MEM_RCU) || listed(SAFE_RCU_OR_NULL, struct, field)) {
    return flags | TypeFlag.MEM_RCU | TypeFlag.MAYBE_NULL;
  }
  if (hasFlag(flags, TypeFlag.MEM_USER | TypeFlag.MEM_PERCPU)) return flags;
  return withoutTrust(flags);
}

/** Load or store through a pointer to a kernel struct; the loaded value goes to register `dst`. */
export function accessBtfPointer(
  env: Env,
  regno: number,
  off: number,
  size: number,
  isWrite: boolean,
  dst: number,
): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const which = regs.get(reg, W_B);
  const btf = env.btf(which);
  const id = regs.get(reg, W_A);
  const name = btf.type(id).name;
  const type = regs.type(reg);
  if (!env.legacy && !env.privileged) {
    env.fail(Errno.EPERM, `'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`);
  }
  if (!env.legacy && !env.gpl && which === 0) {
    env.fail(Errno.EINVAL, `Cannot access kernel 'struct ${name}' from non-GPL compatible program`);
  }
  if (off < 0) env.fail(Errno.EACCES, `R${regno} is ptr_${name} invalid negative access: off=${off}`);
  if (!regs.isConst(reg) || regs.value(reg) !== 0n) {
    const range = tnumText(regs.value(reg), regs.mask(reg));
    env.fail(Errno.EACCES, `R${regno} is ptr_${name} invalid variable offset: off=${off}, var_off=${range}`);
  }
  if (hasFlag(type, TypeFlag.MEM_USER)) {
    env.fail(Errno.EACCES, `R${regno} is ptr_${name} access user memory: off=${off}`);
  }
  if (hasFlag(type, TypeFlag.MEM_PERCPU)) {
    env.fail(Errno.EACCES, `R${regno} is ptr_${name} access percpu memory: off=${off}`);
  }
  if (isWrite && implementsCongestionControl(env) && which === 0) {
    const refusal = refusedTcpStore(btf, name, off, size, env.legacy);
    if (refusal !== null) env.fail(Errno.EACCES, refusal);
    return;
  }
  if (isWrite && !hasFlag(type, TypeFlag.MEM_ALLOC)) env.fail(Errno.EACCES, 'only read is supported');
  if (hasFlag(type, TypeFlag.MEM_ALLOC) && which === 1) checkObjectFields(env, id, off, size);
  const found = walkStructCached(btf, id, off, size, {
    legacy: env.legacy,
    untrusted: hasFlag(type, TypeFlag.PTR_UNTRUSTED),
  });
  if ('message' in found) env.fail(found.errno, found.message);
  if (isWrite) return;
  if (dst < 0) return;
  const target = env.reg(dst);
  if (found.kind !== 'pointer' || which === 1) {
    regs.setUnknown(target);
    return;
  }
  const flags = loadedFlags(env, reg, name, found.field, found.flags);
  setBtfPointer(env, target, which, found.id, flags);
}

/** Locks, nodes, kptrs of an object the program allocated are not plain memory. */
function checkObjectFields(env: Env, id: number, off: number, size: number): void {
  for (const field of structFields(env, id)) {
    if (off >= field.offset + field.size || field.offset >= off + size) continue;
    const name = field.kind === 'kptr_untrusted' ? 'kptr' : field.kind;
    env.fail(Errno.EACCES, `direct access to ${name} is disallowed`);
  }
}

/** A pointer to a struct; one that may be NULL gets an id of its own. */
export function setBtfPointer(env: Env, reg: HostAddress, which: number, id: number, flags: number): void {
  const { regs } = env;
  regs.setPointer(reg, RegType.BTF_ID | flags);
  regs.set(reg, W_A, id);
  regs.set(reg, W_B, which);
  if (hasFlag(flags, TypeFlag.MAYBE_NULL)) regs.set(reg, W_ID, env.newId());
}
