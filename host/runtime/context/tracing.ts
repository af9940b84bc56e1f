import { UsageError } from '../../errors.js';
import type { GuestMemory } from '../../mm/guest-memory.js';
import type { GuestAddress } from '../../quantities.js';
import type { Addressed, ProgramContext } from './program-context.js';

const MAX_ARGS = 12;
/** Address of the function and number of arguments stand in front of the arguments. */
const HEADER = 16;

/** An argument of a traced function. */
export type TracingArgument = number | bigint | Addressed | null;

export interface TracingOptions {
  /** Return value of the function, behind the arguments (fexit, fmod_ret). */
  readonly returns?: TracingArgument;
  readonly functionAddress?: GuestAddress;
}

const valueOf = (argument: TracingArgument): bigint =>
  argument === null ? 0n : typeof argument === 'object' ? argument.address : BigInt(argument);

/** Context of fentry, fexit, fmod_ret, tp_btf, lsm, iter and raw tracepoint programs: u64 arguments. */
export class TracingContext implements ProgramContext {
  readonly address: GuestAddress;
  readonly argumentCount: number;
  readonly functionAddress: GuestAddress;
  readonly #block: GuestAddress;

  constructor(
    private readonly memory: GuestMemory,
    args: readonly TracingArgument[],
    options: TracingOptions = {},
  ) {
    if (args.length > MAX_ARGS)
      throw new UsageError(
        'USAGE_CONTEXT',
        `tracing context: expected at most ${MAX_ARGS} arguments, found ${args.length}`,
      );
    this.argumentCount = args.length;
    this.functionAddress = options.functionAddress ?? 0n;
    // Every slot a program may read exists.
    this.#block = memory.alloc('direct', HEADER + 8 * (MAX_ARGS + 1));
    this.address = this.#block + BigInt(HEADER);
    memory.writeUint(this.address - 16n, 8, this.functionAddress);
    memory.writeUint(this.address - 8n, 8, BigInt(args.length));
    const values = options.returns === undefined ? args : [...args, options.returns];
    values.forEach((value, at) => memory.writeUint(this.address + BigInt(8 * at), 8, valueOf(value)));
  }

  output(): null {
    return null;
  }

  close(): void {
    this.memory.free(this.#block);
  }
}
