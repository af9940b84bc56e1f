import { CPU_FLAGS, CPU_IP, CPU_SP } from '../../assembly/layout/cpu.js';
import { UsageError } from '../errors.js';
import { ptRegsOffset } from '../kallsyms/pt-regs.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { GuestAddress, InsnIndex } from '../quantities.js';
import type { PausedRun, X86Engine } from './cpu.js';
import { slotAt } from './faults.js';
import type { LinkedProgram } from './linked-program.js';
import type { ProgramRun } from './program-run.js';
import type { CodePlace, ProgramTable } from './program-table.js';
import type { FaultRecord, RunResult } from './run-result.js';

/** General registers, and the instruction pointer. */
export const CPU_REGISTERS = [
  'rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip',
] as const; // prettier-ignore
export type CpuRegister = (typeof CPU_REGISTERS)[number];

/** Where to stop: an address in an image, or the first x86 instruction of a BPF instruction (slot of VerifiedProgram.insns). */
export type Breakpoint = GuestAddress | { readonly insn: InsnIndex };

/** Why the CPU stands still: one step is done, a breakpoint is next, or the program has ended. */
export type CpuStop = 'step' | 'breakpoint' | 'end';

/** One instruction that ran. */
export interface TraceStep {
  readonly ip: GuestAddress;
  /** Function and offset that `ip` lies in; null for code of the kernel's own. */
  readonly place: CodePlace | null;
  /** Slot of VerifiedProgram.insns that it was made from; -1 in a prologue and outside programs. */
  readonly insn: InsnIndex;
  /** Address of the instruction after it. */
  readonly next: GuestAddress;
  /** Registers it changed, with their new values. */
  readonly changed: Partial<Record<Exclude<CpuRegister, 'rip'>, bigint>>;
  /** Flags after it, when they changed. */
  readonly flags: bigint | null;
  /** Faults that were repaired, and loads that guards refused, in it. */
  readonly faults: readonly FaultRecord[];
}

/** Instructions between two looks at breakpoints. */
const SLICE = 500_000;
const STACK = 16384;

/**
 * The emulated CPU in the middle of a program: stepped, stopped, looked into and changed. A helper is one step with the
 * call that leads to it, and so are functions that it calls back. Other runs may go on between steps. Made by
 * LoadedProgram.debug.
 *
 * @example
 * const cpu = program.debug(context);
 * cpu.break({ insn: 12 });
 * if (cpu.continue() === 'breakpoint') cpu.set('rax', 0n);
 * for (const { ip, changed } of cpu.trace()) console.log(ip.toString(16), changed);
 * cpu.close();
 */
export class DebugCpu {
  readonly #stack: GuestAddress;
  readonly #paused: PausedRun;
  #result: RunResult | null = null;
  #closed = false;

  constructor(
    private readonly engine: X86Engine,
    private readonly memory: GuestMemory,
    private readonly programs: ProgramTable,
    private readonly program: LinkedProgram,
    private readonly run: ProgramRun,
    start: (stackTop: GuestAddress) => PausedRun,
  ) {
    this.#stack = memory.alloc('vmalloc', STACK);
    this.#paused = start(this.#stack + BigInt(STACK));
  }

  /** Address of the next instruction. */
  get ip(): GuestAddress {
    return this.#read(CPU_IP);
  }

  /** What the program gave; null while it runs. */
  get result(): RunResult | null {
    return this.#result;
  }

  /** x86 instructions done. */
  get steps(): number {
    return this.#paused.steps;
  }

  /** Faults repaired so far. */
  get faults(): FaultRecord[] {
    return this.#paused.faults.map((fault) => this.run.fault(fault));
  }

  /** Function and offset of the next instruction; null in the kernel's own code. */
  get place(): CodePlace | null {
    return this.programs.owner(this.ip);
  }

  /** Slot of VerifiedProgram.insns that the next instruction was made from; -1 in a prologue and outside programs. */
  get insn(): InsnIndex {
    return insnOf(this.place);
  }

  get(register: CpuRegister): bigint {
    return this.#read(offsetOf(register));
  }

  /** Changes a register; `value` is taken modulo 2^64. */
  set(register: CpuRegister, value: bigint): void {
    this.#write(offsetOf(register), value);
  }

  /** All registers. */
  registers(): Record<CpuRegister, bigint> {
    return Object.fromEntries(CPU_REGISTERS.map((name) => [name, this.get(name)])) as Record<
      CpuRegister,
      bigint
    >;
  }

  /** RFLAGS: CF 1, PF 4, AF 16, ZF 64, SF 128, OF 2048. */
  get flags(): bigint {
    return this.#read(CPU_FLAGS);
  }

  set flags(value: bigint) {
    this.#write(CPU_FLAGS, value);
  }

  /** Stops in front of an instruction from now on. @throws UsageError USAGE_BREAKPOINT outside programs. */
  break(at: Breakpoint): void {
    const address = this.#address(at);
    this.#breakAt([...this.#paused.breakpoints, address]);
  }

  /** Takes a breakpoint away. */
  clear(at: Breakpoint): void {
    const address = this.#address(at);
    this.#breakAt(this.#paused.breakpoints.filter((each) => each !== address));
  }

  /** Addresses of the breakpoints, ascending. */
  get breakpoints(): readonly GuestAddress[] {
    return this.#paused.breakpoints;
  }

  /** Does one x86 instruction. @throws as LoadedProgram.run; UsageError USAGE_CLOSED after close. */
  step(): CpuStop {
    return this.#resume(1) ? 'end' : 'step';
  }

  /** Goes on to the first x86 instruction of another BPF instruction, or to the end. */
  stepInsn(): CpuStop {
    const from = this.insn;
    for (;;) {
      if (this.step() === 'end') return 'end';
      const { insn } = this;
      if (insn >= 0 && insn !== from) return 'step';
    }
  }

  /** Goes on to the next breakpoint, or to the end. */
  continue(): CpuStop {
    let isEnd = this.#resume(1);
    while (!isEnd) {
      if (this.#paused.breakpoints.includes(this.ip)) return 'breakpoint';
      isEnd = this.#resume(SLICE);
    }
    return 'end';
  }

  /** Runs to the end, past breakpoints. */
  finish(): RunResult {
    this.#breakAt([]);
    while (this.#result === null) this.#resume(SLICE);
    return this.#result;
  }

  /** The instructions from here on, each when it is done. */
  *trace(): Generator<TraceStep, void> {
    while (this.#result === null) {
      const { ip, place, flags } = this;
      const before = this.registers();
      const faults = this.#paused.faults.length;
      this.step();
      const changed: { -readonly [name in keyof TraceStep['changed']]: bigint } = {};
      for (const [name, value] of Object.entries(this.registers()) as [CpuRegister, bigint][])
        if (name !== 'rip' && before[name] !== value) changed[name] = value;
      yield {
        ip,
        place,
        insn: insnOf(place),
        next: this.ip,
        changed,
        flags: this.flags === flags ? null : this.flags,
        faults: this.#paused.faults.slice(faults).map((fault) => this.run.fault(fault)),
      };
    }
  }

  /** Gives the stack back. A program that has not ended never does. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.memory.free(this.#stack);
  }

  /** True when the program has ended. */
  #resume(limit: number): boolean {
    if (this.#result !== null) return true;
    if (this.#closed)
      throw new UsageError(
        'USAGE_CLOSED',
        `program ${this.program.verified.spec.name}: expected an open debugger, found a closed one`,
      );
    const run = this.engine.resume(this.#paused, limit);
    if (run) this.#result = this.run.result(run);
    return run !== null;
  }

  #breakAt(addresses: readonly GuestAddress[]): void {
    this.#paused.breakpoints = [...new Set(addresses)].sort((a, b) => (a < b ? -1 : 1));
  }

  #address(at: Breakpoint): GuestAddress {
    if (typeof at === 'bigint') {
      if (this.programs.owner(at)) return at;
      throw new UsageError(
        'USAGE_BREAKPOINT',
        `breakpoint: expected an address in an image of a program, found 0x${at.toString(16)}`,
      );
    }
    const { verified, images } = this.program;
    const func = verified.functions.findIndex(({ start, end }) => at.insn >= start && at.insn < end);
    const image = images[func];
    if (!image)
      throw new UsageError(
        'USAGE_BREAKPOINT',
        `breakpoint: expected one of ${verified.insns.length / 8} instructions, found ${at.insn}`,
      );
    return image.address + BigInt(image.offsets[at.insn - verified.functions[func]!.start]!);
  }

  #read(offset: number): bigint {
    const { state } = this.#paused;
    return new DataView(state.buffer, state.byteOffset).getBigUint64(offset, true);
  }

  #write(offset: number, value: bigint): void {
    const { state } = this.#paused;
    new DataView(state.buffer, state.byteOffset).setBigUint64(offset, BigInt.asUintN(64, value), true);
  }
}

function offsetOf(register: CpuRegister): number {
  const offset = register === 'rip' ? CPU_IP : register === 'rsp' ? CPU_SP : ptRegsOffset(register);
  if (offset !== undefined) return offset;
  throw new UsageError(
    'USAGE_REGISTER',
    `register: expected one of ${CPU_REGISTERS.join(', ')}, found ${String(register)}`,
  );
}

function insnOf(place: CodePlace | null): InsnIndex {
  if (!place) return -1;
  const { program, func, offset } = place;
  const offsets = program.images[func]?.offsets;
  if (!offsets || offset < offsets[0]!) return -1;
  return slotAt(program, func, offset);
}
