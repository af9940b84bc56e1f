import { BPF_PSEUDO_FUNC } from '../../assembly/isa.js';
import { disassemble } from '../asm/kernel-dialect.js';
import type { InsnIndex } from '../quantities.js';
import { helperName } from './call/prototypes.js';
import type { Env } from './env.js';

/** An instruction of the program as its log shows it. */
export function disassembleAt(env: Env, at: InsnIndex): string {
  const { code, program } = env;
  const imm64 = code.src[at] === BPF_PSEUDO_FUNC ? undefined : program.imm64.get(at);
  return disassemble(program.insns, at, {
    isaV4: !env.legacy,
    helper: (id) => helperName(id, env.legacy),
    kfunc: (id) => program.kfuncs.get(id)?.name,
    ...(imm64 === undefined ? {} : { imm64: BigInt.asUintN(64, imm64) }),
  });
}
