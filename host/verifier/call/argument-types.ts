import { BtfKind } from '../../btf/types.js';
import { structMatches } from '../btf-match.js';
import type { Env } from '../env.js';
import { typeName } from '../log-text.js';
import { kptrFits } from '../map-fields.js';
import { W_A, W_B, mayBeNull } from '../registers.js';
import { RegType, TypeFlag, baseType, hasFlag } from '../reg-type.js';
import { Errno } from '../verifier-error.js';
import { type CallMeta, newMeta } from './call-meta.js';
import { type Argument, type Prototype, helperName } from './prototypes.js';

const { PTR_TRUSTED, MEM_RCU, MEM_RINGBUF, MEM_PERCPU, MEM_ALLOC, MEM_RDONLY, MAYBE_NULL } = TypeFlag;
const MAP_MEMORY = [RegType.STACK, RegType.PACKET, RegType.PACKET_META, RegType.MAP_KEY, RegType.MAP_VALUE];
const MEMORY = [
  ...MAP_MEMORY,
  RegType.MEM,
  RegType.MEM | MEM_RINGBUF,
  RegType.BUF,
  RegType.BTF_ID | PTR_TRUSTED,
];
const BTF_POINTERS = [RegType.BTF_ID, RegType.BTF_ID | PTR_TRUSTED, RegType.BTF_ID | MEM_RCU];
const SOCKS = [RegType.SOCK_COMMON, RegType.SOCKET, RegType.TCP_SOCK, RegType.XDP_SOCK];

/** Register types that each kind of argument takes. */
const ACCEPTED: Record<string, readonly number[]> = {
  KEY: MAP_MEMORY,
  VALUE: MAP_MEMORY,
  UNINIT_VALUE: MAP_MEMORY,
  SIZE: [RegType.SCALAR],
  SIZE0: [RegType.SCALAR],
  ALLOC_SIZE: [RegType.SCALAR],
  SCALAR: [RegType.SCALAR],
  MAP: [RegType.CONST_MAP_PTR],
  CTX: [RegType.CTX],
  SOCK_COMMON: SOCKS,
  'SOCK_COMMON/BTF': [...SOCKS, RegType.BTF_ID, RegType.BTF_ID | PTR_TRUSTED],
  BTF: BTF_POINTERS,
  SPIN_LOCK: [RegType.MAP_VALUE, RegType.BTF_ID | MEM_ALLOC],
  MEM: MEMORY,
  UNINIT_MEM: MEMORY,
  FIXED_MEM: MEMORY,
  UNINIT_FIXED_MEM: MEMORY,
  RINGBUF_MEM: [RegType.MEM | MEM_RINGBUF],
  PERCPU_BTF: [
    RegType.BTF_ID | MEM_PERCPU,
    RegType.BTF_ID | MEM_PERCPU | MEM_RCU,
    RegType.BTF_ID | MEM_PERCPU | PTR_TRUSTED,
  ],
  FUNC: [RegType.FUNC],
  STACK0: [RegType.STACK],
  CONST_STR: [RegType.MAP_VALUE],
  TIMER: [RegType.MAP_VALUE],
  KPTR_DEST: [RegType.MAP_VALUE, RegType.BTF_ID | MEM_ALLOC],
  DYNPTR: [RegType.STACK, RegType.CONST_DYNPTR],
  UNINIT_DYNPTR: [RegType.STACK, RegType.CONST_DYNPTR],
};
const MEMORY_KINDS = new Set(['MEM', 'UNINIT_MEM', 'FIXED_MEM', 'UNINIT_FIXED_MEM']);
/** MEM arguments that the helper writes: helper number and argument index. */
const WRITTEN = new Set(['69:1', '147:1', '149:0', '165:0', '163:2', '142:1']);

/** Whether a helper writes the memory of an argument. */
export function isWritten(proto: Prototype, index: number, kind: string): boolean {
  return kind.startsWith('UNINIT') || WRITTEN.has(`${proto.id}:${index}`);
}

/** Whether a register's type is one that the kind of the argument takes. */
export function checkType(env: Env, proto: Prototype, index: number, arg: Argument, meta: CallMeta): void {
  const { regs } = env;
  const regno = index + 1;
  const reg = env.reg(regno);
  const real = regs.type(reg);
  const accepted = ACCEPTED[arg.kind];
  if (accepted === undefined)
    env.fail(Errno.EFAULT, `verifier internal error: unsupported arg type ${arg.kind}`);
  let type = real;
  if (MEMORY_KINDS.has(arg.kind) && !isWritten(proto, index, arg.kind)) type &= ~MEM_RDONLY;
  if (arg.nullable || arg.kind === 'STACK0') type &= ~MAYBE_NULL;
  if (meta.kptr !== null && hasFlag(type, MEM_ALLOC)) type &= ~(MEM_ALLOC | MEM_PERCPU);
  if (!accepted.includes(type)) {
    const known = accepted.filter((one) => !env.legacy || !hasFlag(one, PTR_TRUSTED | MEM_RCU | MEM_ALLOC));
    const names = known.map((one) => typeName(one, env.legacy)).join(', ');
    env.fail(Errno.EACCES, `R${regno} type=${typeName(real, env.legacy)} expected=${names}`);
  }
  if (baseType(type) !== RegType.BTF_ID) return;
  if (MEMORY_KINDS.has(arg.kind) && isWritten(proto, index, arg.kind)) {
    const name = helperName(proto.id);
    env.fail(
      Errno.EACCES,
      `${name}() may write into memory pointed by R${regno} type=${typeName(real, env.legacy)}`,
    );
  }
  if (!env.legacy && mayBeNull(real) && (!arg.nullable || arg.release)) {
    env.fail(Errno.EACCES, `Possibly NULL pointer passed to helper arg${regno}`);
  }
  if (meta.kptr !== null) {
    if (!kptrFits(env, regno, meta.kptr)) env.refuse(Errno.EINVAL);
    return;
  }
  if (arg.kind === 'BTF' || arg.kind === 'SOCK_COMMON/BTF') checkStruct(env, index, arg);
}

/** The type of an argument of a function of the program, judged as a helper's would be. */
export function checkArgumentType(env: Env, index: number, arg: Argument): void {
  checkType(env, { id: 0 } as Prototype, index, arg, newMeta());
}

function checkStruct(env: Env, index: number, arg: Argument): void {
  const { regs } = env;
  const regno = index + 1;
  const reg = env.reg(regno);
  const wanted = arg.kind === 'BTF' ? arg.of : 'sock_common';
  if (wanted === '*') return;
  const { btf } = env.kernel;
  const id = btf.find(wanted, BtfKind.STRUCT);
  const own = regs.get(reg, W_B);
  const which = regs.get(reg, W_A);
  if (own === 0 && structMatches(btf, which, regs.off(reg), id)) return;
  env.fail(Errno.EACCES, `R${regno} is of type ${env.btfName(own, which)} but ${wanted} is expected`);
}
