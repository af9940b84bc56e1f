import type { GuestMemory } from '../mm/guest-memory.js';
import { UsageError } from '../errors.js';
import type { EngineRun, GateHandler } from './engine.js';

export interface RawRunOptions {
  /** Called for each helper call with its number and R1 to R5; the absence of a handler refuses every helper. */
  readonly helper?: (number: number, args: readonly bigint[]) => bigint;
  readonly maxSteps?: bigint;
}

/** What an engine has for unverified instructions. */
export interface RawEngine<Program> {
  loadRaw(insns: Uint8Array): Program;
  run(
    program: Program,
    args: readonly bigint[],
    options: { readonly gate: GateHandler; readonly maxSteps?: bigint },
  ): EngineRun;
  unload(program: Program): void;
}

export interface RawRun extends EngineRun {
  /** The memory as the program left it. */
  readonly memory: Uint8Array;
}

/**
 * Runs unverified instructions with r1 = the address of a copy of `bytes` and r2 = its length. Errors: USAGE_INSN,
 * USAGE_HELPER, LIMIT_STEPS, LIMIT_STACK; a bad access is an oops of the result.
 */
export function runRaw<Program>(
  engine: RawEngine<Program>,
  memory: GuestMemory,
  insns: Uint8Array,
  bytes: Uint8Array,
  options: RawRunOptions = {},
): RawRun {
  const program = engine.loadRaw(insns);
  const address = memory.alloc('direct', Math.max(bytes.length, 1));
  try {
    memory.write(address, bytes);
    const run = engine.run(program, [bytes.length === 0 ? 0n : address, BigInt(bytes.length)], {
      maxSteps: options.maxSteps,
      gate: (number, args) => {
        if (options.helper === undefined)
          throw new UsageError('USAGE_HELPER', `raw program: no helper ${number}`);
        return options.helper(Number(BigInt.asIntN(32, number)), args);
      },
    });
    return { ...run, memory: memory.read(address, bytes.length) };
  } finally {
    memory.free(address);
    engine.unload(program);
  }
}
