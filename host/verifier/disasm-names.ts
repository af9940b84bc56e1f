import type { InsnIndex } from '../quantities.js';
import { helperName } from './call/prototypes.js';
import { disassemble } from './disasm.js';
import type { Env } from './env.js';

const PSEUDO_FUNC = 4;

/** An instruction of the program as its log shows it. */
export function disassembleAt(env: Env, at: InsnIndex): string {
  return disassemble(env.code, at, {
    legacy: env.legacy,
    helper: (id) => helperName(id, env.legacy),
    kfunc: (id) => env.program.kfuncs.get(id)?.name ?? 'unknown',
    imm64: (insn) => {
      const raw = BigInt(env.code.imm[insn] >>> 0) | (BigInt(env.code.imm[insn + 1] >>> 0) << 32n);
      if (env.code.src[insn] === PSEUDO_FUNC) return raw;
      return env.program.imm64.get(insn) ?? raw;
    },
  });
}
