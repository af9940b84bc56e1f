import type { GuestMemory } from '../../mm/guest-memory.js';
import type { GuestAddress } from '../../quantities.js';
import type { ProgramContext } from './program-context.js';

/** Bytes as they are: the context of a syscall program, or what other types' tables describe. No bytes = NULL. */
export class RawContext implements ProgramContext {
  readonly address: GuestAddress;
  readonly argumentCount = 0;
  readonly functionAddress = 0n;

  constructor(
    private readonly memory: GuestMemory,
    private readonly bytes: Uint8Array,
  ) {
    this.address = bytes.length === 0 ? 0n : memory.alloc('direct', bytes.length);
    memory.write(this.address, bytes);
  }

  /** The context as the program left it. */
  output(): Uint8Array | null {
    return this.address === 0n ? null : this.memory.read(this.address, this.bytes.length);
  }

  close(): void {
    if (this.address !== 0n) this.memory.free(this.address);
  }
}

/** A kernel object that is the context itself (iterators, perf events, struct_ops). */
export class ObjectContext implements ProgramContext {
  readonly argumentCount = 0;
  readonly functionAddress = 0n;

  constructor(readonly address: GuestAddress) {}

  output(): null {
    return null;
  }

  close(): void {}
}
