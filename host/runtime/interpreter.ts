import type { Core } from '../core/core.js';
import { FaultLog } from '../core/fault-log.js';
import { InterpCore, type InterpCode, type InterpRefusal } from '../core/interp.js';
import { type FaultlineError, LimitError, UsageError } from '../errors.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { JitKnobs } from '../profiles/profile.js';
import type { GuestAddress, InsnIndex } from '../quantities.js';
import {
  ProgramThrow,
  ProgramUnwind,
  type EngineRun,
  type GateHandler,
  type RawFault,
  type RawOops,
} from './engine.js';

/** What the interpreter loads: a VerifiedProgram. */
export interface InterpSource {
  readonly insns: Uint8Array;
  readonly functions: readonly { readonly start: InsnIndex; readonly stackDepth: number }[];
  readonly arena: { readonly kernel: GuestAddress; readonly user: GuestAddress } | null;
}

/** A program ready to run. */
export interface InterpProgram {
  /** Names the program in RawFault.program and RawOops.program. */
  readonly handle: number;
  readonly code: InterpCode;
  /** Values of pointers to its functions. */
  readonly addresses: readonly GuestAddress[];
}

export interface InterpRunOptions {
  readonly gate: GateHandler;
  /** Program at the bpf_prog address a prog array holds; null makes the tail call fail. */
  readonly tailCall?: (progAddress: GuestAddress) => InterpProgram | null;
  /** The exception callback of a program, by its handle; null when it has none. */
  readonly exceptionCallback?: (
    program: number,
  ) => { readonly program: InterpProgram; readonly func: number } | null;
  /** Index of the function to run, the main one when absent. */
  readonly func?: number;
  /** LIMIT_STEPS is thrown past it. */
  readonly maxSteps?: bigint;
}

export interface InterpOptions {
  /** What the per-CPU address cast adds: this_cpu_off of the CPU that runs. */
  readonly perCpuOffset?: bigint;
  /** Bytes of kernel stack. */
  readonly stackSize?: number;
  /** A fault on a user address is never repaired, as Linux 5.12 and later do with SMAP; absent: by the version. */
  readonly smap?: boolean;
}

/** Instructions per entry into the core: returning lets the JS engine switch to optimised code. */
const SLICE = 1_000_000;
const DEFAULT_STACK = 16384;
const DEFAULT_STEPS = 10_000_000_000;
const USER_LIMIT = 1n << 47n;
const USER_LIMIT_LA57 = 1n << 56n;
/** Pointers to functions without an image: not mapped, in the range where old kernels put modules. */
const UNPLACED = 0xffffffffa0000000n;

/** Leaves every nested call when a fault is fatal. */
class OopsSignal {
  constructor(readonly oops: RawOops) {}
}

interface Running {
  readonly options: InterpRunOptions;
  readonly maxSteps: number;
  steps: number;
}

/** The BPF interpreter: it follows the profile's JIT, guards, tail-call counting and arenas included. */
export class InterpEngine {
  readonly #interp: InterpCore;
  readonly #log: FaultLog;
  readonly #byAddress = new Map<GuestAddress, { program: InterpProgram; index: number }>();
  #handles = 0;
  #unplaced = UNPLACED;
  #running: Running | null = null;

  constructor(core: Core, memory: GuestMemory, jit: JitKnobs, options: InterpOptions = {}) {
    const stackSize = options.stackSize ?? DEFAULT_STACK;
    const stack = memory.alloc('vmalloc', stackSize);
    this.#log = new FaultLog(core);
    this.#interp = new InterpCore(core, {
      stack,
      stackSize,
      stackLinear: memory.linear(stack, stackSize),
      callBase: jit.callBase,
      perCpuOffset: options.perCpuOffset ?? 0n,
      version: jit.version,
      offMapMaxEntries: jit.offMapMaxEntries,
      offArrayPtrs: jit.offArrayPtrs,
      smap: options.smap ?? jit.version !== '5.5',
      userLimit: jit.la57 ? USER_LIMIT_LA57 : USER_LIMIT,
    });
  }

  /**
   * Loads a verified program. `entries` are the addresses of its functions' images, which pointers to them hold;
   * without an image each function gets an address of its own. Errors: USAGE_INSN for an instruction no JIT takes.
   */
  load(source: InterpSource, entries?: readonly GuestAddress[]): InterpProgram {
    return this.#load(source, entries, false);
  }

  /**
   * Loads instructions that no verifier saw: helpers by number (the gate handler gets the number as address), calls
   * relative to the instruction. Whatever they do stays inside guest memory.
   */
  loadRaw(insns: Uint8Array): InterpProgram {
    if (insns.length === 0 || insns.length % 8 !== 0)
      throw new UsageError(
        'USAGE_INSN',
        `raw program: ${insns.length} bytes, expected a positive multiple of 8`,
      );
    const functions = callTargets(insns).map((start) => ({ start, stackDepth: 512 }));
    return this.#load({ insns, functions, arena: null }, undefined, true);
  }

  unload(program: InterpProgram): void {
    for (const address of program.addresses) this.#byAddress.delete(address);
    this.#interp.free(program.code);
  }

  /** Runs a program with R1 to R5 = `args`. Errors: LIMIT_STEPS, LIMIT_STACK; what a gate handler throws. */
  run(program: InterpProgram, args: readonly bigint[], options: InterpRunOptions): EngineRun {
    const interp = this.#interp;
    const outer = this.#running;
    const depth = interp.depth;
    if (outer === null) this.#log.reset();
    const logged = this.#log.count;
    const maxSteps = options.maxSteps === undefined ? DEFAULT_STEPS : Number(options.maxSteps);
    const running: Running = { options, maxSteps, steps: 0 };
    this.#running = running;
    let r0 = 0n;
    let oops: RawOops | null = null;
    try {
      // Entering saves the registers of an outer run, so they are set after it.
      if (!interp.enter(program.code, options.func ?? 0)) throw this.#stackOverflow();
      interp.clearRegisters();
      interp.setArguments(args);
      r0 = this.#driveCatching(running, depth);
    } catch (thrown) {
      if (thrown instanceof ProgramUnwind) r0 = BigInt.asUintN(64, thrown.r0);
      else if (thrown instanceof OopsSignal) oops = thrown.oops;
      else throw thrown;
    } finally {
      interp.unwind(depth);
      this.#running = outer;
    }
    return { r0, steps: BigInt(running.steps), faults: this.#faults(logged), oops };
  }

  /** Calls a function by pointer, inside a gate handler: a callback. Returns its R0. Errors: USAGE_POINTER. */
  call(pointer: GuestAddress, args: readonly bigint[]): bigint {
    const target = this.#byAddress.get(BigInt.asUintN(64, pointer));
    if (target === undefined || this.#running === null)
      throw new UsageError(
        'USAGE_POINTER',
        `interpreter: no function at 0x${pointer.toString(16)} to call back`,
        { address: pointer },
      );
    if (!this.#interp.enter(target.program.code, target.index)) throw this.#stackOverflow();
    this.#interp.setArguments(args);
    return this.#drive(this.#running);
  }

  #load(source: InterpSource, entries: readonly GuestAddress[] | undefined, raw: boolean): InterpProgram {
    const handle = ++this.#handles;
    const addresses = source.functions.map((_, index) => entries?.[index] ?? (this.#unplaced += 16n) - 16n);
    const functions = source.functions.map((func, index) => ({
      start: func.start,
      stackDepth: func.stackDepth,
      address: addresses[index],
    }));
    const code = this.#interp.load(source.insns, functions, handle, source.arena, raw);
    if ('reason' in code) throw refusal(source.insns, code);
    const program = { handle, code, addresses };
    addresses.forEach((address, index) => this.#byAddress.set(address, { program, index }));
    return program;
  }

  /** As #drive; an exception goes on in the exception callback, in place of everything above `depth`. */
  #driveCatching(running: Running, depth: number): bigint {
    const interp = this.#interp;
    try {
      return this.#drive(running);
    } catch (thrown) {
      if (!(thrown instanceof ProgramThrow)) throw thrown;
      const callback = running.options.exceptionCallback?.(interp.place.program);
      if (!callback) throw new ProgramUnwind(thrown.cookie);
      interp.unwind(depth);
      if (!interp.enter(callback.program.code, callback.func)) throw this.#stackOverflow();
      interp.setArguments([thrown.cookie]);
      return this.#drive(running);
    }
  }

  /** Runs until the innermost function that the host entered returns. */
  #drive(running: Running): bigint {
    const interp = this.#interp;
    for (;;) {
      const fuel = Math.min(running.maxSteps - running.steps, SLICE);
      const stop = interp.run(fuel);
      running.steps += fuel - interp.fuelLeft;
      switch (stop) {
        case 'exit':
          if (running.steps > running.maxSteps) throw this.#stepsOver(running);
          return interp.r0;
        case 'gate': {
          const r0 = running.options.gate(interp.gate, interp.arguments());
          interp.r0 = r0;
          break;
        }
        case 'tail call': {
          const target = running.options.tailCall?.(interp.gate);
          if (target) interp.tailEnter(target.code);
          break;
        }
        case 'fault': {
          const { program, insn } = interp.place;
          const { kind, address, errorCode } = interp.fault;
          const access = errorCode & 2 ? 'write' : 'read';
          throw new OopsSignal({ kind, access, ip: BigInt(insn), address, errorCode, program });
        }
        case 'stack':
          throw this.#stackOverflow();
        case 'bad': {
          const { program, insn } = interp.place;
          const ip = BigInt(insn);
          throw new OopsSignal({ kind: 'ud', access: 'fetch', ip, address: 0n, errorCode: 0, program });
        }
        case 'fuel':
          break;
      }
      if (running.steps >= running.maxSteps) throw this.#stepsOver(running);
    }
  }

  #stepsOver({ maxSteps }: Running): LimitError {
    return new LimitError(
      'LIMIT_STEPS',
      `interpreter: the program did not end within ${maxSteps} instructions`,
      { insn: this.#interp.place.insn },
    );
  }

  #stackOverflow(): LimitError {
    const { insn } = this.#interp.place;
    return new LimitError('LIMIT_STACK', `interpreter: stack used up at instruction ${insn}`, { insn });
  }

  #faults(logged: bigint): RawFault[] {
    const fresh = Number(this.#log.count - logged);
    if (fresh === 0) return [];
    return this.#log
      .read()
      .slice(-fresh)
      .map((fault) => ({
        kind: fault.kind,
        ip: fault.ip & 0xffffffffn,
        address: fault.address,
        register: fault.register,
        entry: fault.entry ?? -1,
        length: fault.length,
        program: Number(fault.ip >> 32n),
      }));
  }
}

/** Slot 0 and the targets of local calls, ascending. */
export function callTargets(insns: Uint8Array): InsnIndex[] {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const starts = new Set([0]);
  for (let at = 0; at < insns.length; at += 8) {
    if (insns[at] === 0x18) at += 8;
    else if (insns[at] === 0x85 && insns[at + 1] >> 4 === 1) {
      const target = at / 8 + 1 + view.getInt32(at + 4, true);
      if (target >= 0 && target < insns.length / 8) starts.add(target);
    }
  }
  return [...starts].sort((a, b) => a - b);
}

const REFUSALS: Record<InterpRefusal['reason'], string> = {
  opcode: 'unknown instruction',
  register: 'a register that does not exist or is read-only',
  jump: 'a jump out of the program',
  call: 'a call to no function',
  wide: 'an incomplete or unresolved ld_imm64',
  atomic: 'an unknown atomic operation',
};

function refusal(insns: Uint8Array, { insn, reason }: InterpRefusal): FaultlineError {
  const bytes = [...insns.subarray(insn * 8, insn * 8 + 8)];
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return new UsageError('USAGE_INSN', `interpreter: instruction ${insn} (${hex}) is ${REFUSALS[reason]}`, {
    insn,
  });
}
