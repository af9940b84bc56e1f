import * as L from '../../assembly/layout/interp.js';
import { VECTOR_GP } from '../../assembly/layout/mmu.js';
import { BPF_REG_FP, INSN_SIZE } from '../../assembly/isa.js';
import type { GuestAddress, HostAddress, InsnIndex } from '../quantities.js';
import type { Core } from './core.js';

/** What the interpreter of one core is set up with; sizes in bytes. */
export interface InterpSettings {
  readonly stack: GuestAddress;
  readonly stackSize: number;
  readonly stackLinear: HostAddress;
  readonly callBase: GuestAddress;
  /** What the per-CPU address cast adds. */
  readonly perCpuOffset: bigint;
  readonly version: '6.12' | '6.1' | '5.5';
  readonly offMapMaxEntries: number;
  readonly offArrayPtrs: number;
  /** Faults at user addresses are fatal. */
  readonly smap: boolean;
  /** TASK_SIZE_MAX + 4096. */
  readonly userLimit: GuestAddress;
}

/** One function of a program to load. */
export interface InterpFunction {
  readonly start: InsnIndex;
  /** Bytes of stack. */
  readonly stackDepth: number;
  /** Value of a pointer to it. */
  readonly address: GuestAddress;
}

/** Records of a loaded program in linear memory. */
export interface InterpCode {
  readonly records: HostAddress;
  /** One record (layout/interp.ts) per function, in order. */
  readonly functions: HostAddress;
}

/** Predecoding refused an instruction. */
export interface InterpRefusal {
  readonly insn: InsnIndex;
  readonly reason: 'opcode' | 'register' | 'jump' | 'call' | 'wide' | 'atomic';
}

export type InterpStop = 'exit' | 'fuel' | 'gate' | 'tail call' | 'fault' | 'stack' | 'bad';

const STOPS: readonly InterpStop[] = ['exit', 'fuel', 'gate', 'tail call', 'fault', 'stack', 'bad'];
const REASONS: Readonly<Record<number, InterpRefusal['reason']>> = {
  [L.BAD_OPCODE]: 'opcode',
  [L.BAD_REGISTER]: 'register',
  [L.BAD_JUMP]: 'jump',
  [L.BAD_CALL]: 'call',
  [L.BAD_WIDE]: 'wide',
  [L.BAD_ATOMIC]: 'atomic',
};
const GATE = 12;
const WORDS = 13;
const VERSIONS = { '5.5': L.VERSION_5_5, '6.1': L.VERSION_6_1, '6.12': L.VERSION_6_12 };

/** The interpreter in the core. */
export class InterpCore {
  readonly #core: Core;
  readonly #registers: HostAddress;
  #view: BigUint64Array;

  constructor(core: Core, settings: InterpSettings) {
    this.#core = core;
    this.#registers = core.exports.interpRegisters() >>> 0;
    this.#view = new BigUint64Array(core.memory.buffer, this.#registers, WORDS);
    const at = core.exports.interpSettings() >>> 0;
    const view = core.view;
    view.setBigUint64(at + L.SET_STACK, settings.stack, true);
    view.setUint32(at + L.SET_STACK_SIZE, settings.stackSize, true);
    view.setUint32(at + L.SET_STACK_LINEAR, settings.stackLinear, true);
    view.setBigUint64(at + L.SET_CALL_BASE, settings.callBase, true);
    view.setBigUint64(at + L.SET_PERCPU, BigInt.asUintN(64, settings.perCpuOffset), true);
    view.setUint32(at + L.SET_VERSION, VERSIONS[settings.version], true);
    view.setUint32(at + L.SET_MAX_ENTRIES, settings.offMapMaxEntries, true);
    view.setUint32(at + L.SET_ARRAY_PTRS, settings.offArrayPtrs, true);
    view.setUint32(at + L.SET_SMAP, settings.smap ? 1 : 0, true);
    view.setBigUint64(at + L.SET_USER_LIMIT, settings.userLimit, true);
    core.exports.interpReset();
  }

  /** `raw`: helper numbers and pc-relative calls, as a loader submits them. Throws LIMIT_MEMORY. */
  load(
    insns: Uint8Array,
    functions: readonly InterpFunction[],
    program: number,
    arena: { readonly kernel: GuestAddress; readonly user: GuestAddress } | null,
    raw: boolean,
  ): InterpCode | InterpRefusal {
    const core = this.#core;
    const slots = insns.length / INSN_SIZE;
    const records = core.alloc((slots + 1) * L.REC_SIZE);
    const table = core.alloc(functions.length * L.FUNC_SIZE);
    const view = core.view;
    functions.forEach(({ start, stackDepth, address }, index) => {
      const at = table + index * L.FUNC_SIZE;
      view.setUint32(at + L.FUNC_ENTRY, records + start * L.REC_SIZE, true);
      view.setUint32(at + L.FUNC_FRAME, (stackDepth + 31) & ~15, true);
      view.setUint32(at + L.FUNC_CODE, records, true);
      view.setUint32(at + L.FUNC_PROGRAM, program, true);
      view.setUint32(at + L.FUNC_START, start, true);
      view.setBigUint64(at + L.FUNC_ADDRESS, address, true);
      view.setBigUint64(at + L.FUNC_ARENA_KERNEL, arena?.kernel ?? 0n, true);
      view.setBigUint64(at + L.FUNC_ARENA_USER, ((arena?.user ?? 0n) >> 32n) << 32n, true);
    });
    const source = core.allocBytes(insns);
    const answer = core.exports.interpPredecode(source, slots, records, table, functions.length, raw) >>> 0;
    core.free(source);
    if (answer === 0) return { records, functions: table };
    this.free({ records, functions: table });
    return { insn: answer >>> 8, reason: REASONS[answer & 0xff] };
  }

  free(code: InterpCode): void {
    this.#core.free(code.records);
    this.#core.free(code.functions);
  }

  /** R0 to R11 and the gate of the last stop; the view dies when linear memory grows. */
  get #words(): BigUint64Array {
    if (this.#view.buffer !== this.#core.memory.buffer)
      this.#view = new BigUint64Array(this.#core.memory.buffer, this.#registers, WORDS);
    return this.#view;
  }

  get r0(): bigint {
    return this.#words[0];
  }

  set r0(value: bigint) {
    this.#words[0] = value;
  }

  /** R1 to R5. */
  arguments(): bigint[] {
    const words = this.#words;
    return [words[1], words[2], words[3], words[4], words[5]];
  }

  /** Sets R1 and on. */
  setArguments(args: readonly bigint[]): void {
    const words = this.#words;
    for (let i = 0; i < args.length && i < 5; i++) words[i + 1] = args[i];
  }

  clearRegisters(): void {
    this.#words.fill(0n, 0, BPF_REG_FP);
  }

  /** Enters a function of a loaded program; false when frames or stack are used up. */
  enter(code: InterpCode, index: number): boolean {
    return Boolean(this.#core.exports.interpEnter(code.functions + index * L.FUNC_SIZE));
  }

  /** The current frame goes on in the first function of another program. */
  tailEnter(code: InterpCode): void {
    this.#core.exports.interpTailEnter(code.functions);
  }

  run(fuel: number): InterpStop {
    return STOPS[this.#core.exports.interpRun(fuel)];
  }

  get fuelLeft(): number {
    return this.#core.exports.interpFuelLeft();
  }

  /** Gate or bpf_prog address of the last stop. */
  get gate(): GuestAddress {
    return this.#words[GATE];
  }

  get depth(): number {
    return this.#core.exports.interpDepth() >>> 0;
  }

  unwind(depth: number): void {
    this.#core.exports.interpUnwind(depth);
  }

  /** Where execution stands. */
  get place(): { readonly program: number; readonly insn: InsnIndex } {
    const func = this.#core.exports.interpFunction() >>> 0;
    const insn = this.#core.exports.interpSlot() >>> 0;
    return { program: func === 0 ? 0 : this.#core.view.getUint32(func + L.FUNC_PROGRAM, true), insn };
  }

  /** The fault of the last stop. */
  get fault(): {
    readonly kind: 'pf' | 'gp';
    readonly address: GuestAddress;
    readonly errorCode: number;
  } {
    const { exports } = this.#core;
    const isGp = exports.interpFaultVector() === VECTOR_GP;
    return {
      kind: isGp ? 'gp' : 'pf',
      address: BigInt.asUintN(64, exports.interpFaultAddress()),
      errorCode: isGp ? 0 : exports.interpFaultCode(),
    };
  }
}
