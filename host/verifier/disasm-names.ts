import { BPF_PSEUDO_FUNC } from '../../assembly/isa.js';
import { disassemble } from '../asm/kernel-dialect.js';
import type { InsnIndex } from '../quantities.js';
import { helperName } from './call/prototypes.js';
import type { Env } from './env.js';

/** Instructions of a verification printed before: loops print them again and again. */
const printed = new WeakMap<Env, (string | undefined)[]>();

/** An instruction of the program as its log shows it. */
export function disassembleAt(env: Env, at: InsnIndex): string {
  let texts = printed.get(env);
  if (texts === undefined) printed.set(env, (texts = []));
  return (texts[at] ??= textOf(env, at));
}

function textOf({ code, program, legacy }: Env, at: InsnIndex): string {
  const imm64 = code.src[at] === BPF_PSEUDO_FUNC ? undefined : program.imm64.get(at);
  return disassemble(program.insns, at, {
    isaV4: !legacy,
    helper: (id) => helperName(id, legacy),
    kfunc: (id) => program.kfuncs.get(id)?.name,
    ...(imm64 === undefined ? {} : { imm64: BigInt.asUintN(64, imm64) }),
  });
}
