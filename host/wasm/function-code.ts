import * as I from '../../assembly/isa.js';
import { UsageError } from '../errors.js';
import type { GuestAddress, InsnIndex } from '../quantities.js';
import { access, type AccessContext } from './access.js';
import { alu, type AluContext } from './alu.js';
import { CodeWriter } from './code-writer.js';
import { condition, isCondition } from './condition.js';
import * as E from './environment.js';
import { isJump, type FlowNode } from './flow-graph.js';
import { Insn } from './insn.js';
import * as W from './opcodes.js';
import { type Locals, pushRegister } from './registers.js';
import type { NodeCode } from './stackify.js';

/** A program as its functions see it. */
export interface ProgramCode {
  readonly around: E.WasmEnvironment;
  readonly insns: DataView;
  readonly handle: number;
  readonly arenaKernel: bigint;
  /** Upper half of user arena pointers. */
  readonly arenaUser: bigint;
  /** Helper numbers and pc-relative calls, as a loader submits them; functions share registers. */
  readonly raw: boolean;
  readonly functions: readonly {
    readonly start: InsnIndex;
    readonly frame: number;
    readonly address: GuestAddress;
  }[];
  /** Registers that go into functions and that come back. */
  readonly parameters: readonly number[];
  readonly results: readonly number[];
  readonly hasTailCalls: boolean;
  /** Numbers of functions in the module. */
  readonly index: {
    readonly gate: number;
    readonly tail: number;
    readonly translate: number;
    readonly trap: number;
    readonly log: number;
    readonly firstFunction: number;
  };
  readonly functionType: number;
  /** Number of a gate. */
  gate(address: GuestAddress): number;
}

/** Translates instructions of one function, or of a part of it. */
export class FunctionCode implements NodeCode, AluContext, AccessContext {
  readonly out = new CodeWriter();
  readonly perCpuOffset: bigint;
  readonly arenaUser: bigint;
  readonly arenaKernel: bigint;
  readonly around: E.WasmEnvironment;
  readonly program: number;
  isHot = false;
  windowUsed = false;
  /** Instructions of the block that have not run yet, this one among them. */
  #pending = 0;
  readonly #insn: Insn;

  constructor(
    readonly code: ProgramCode,
    readonly locals: Locals,
    private readonly func: number,
    private readonly facts: {
      /** By node: translate inline; count the steps of a loop. */
      readonly hot: (node: number) => boolean;
      readonly checksSteps: (node: number) => boolean;
      /** Writes the way out of the function. */
      readonly exit: (code: FunctionCode) => void;
      readonly leave: (code: FunctionCode) => void;
    },
  ) {
    this.perCpuOffset = code.around.perCpuOffset;
    this.arenaUser = code.arenaUser;
    this.arenaKernel = code.arenaKernel;
    this.around = code.around;
    this.program = code.handle;
    this.#insn = new Insn(code.insns);
  }

  get slot(): InsnIndex {
    return this.#insn.slot;
  }

  push(register: number): void {
    pushRegister(this.out, this.locals, this.around, register);
  }

  pop(register: number): void {
    this.out.set(this.locals.registers[register]);
  }

  callTranslate(): void {
    this.#call(this.code.index.translate);
  }

  callLog(): void {
    this.out.get(this.locals.address);
    this.out.i32(this.slot);
    this.#call(this.code.index.log);
  }

  usesWindow(): void {
    this.windowUsed = true;
  }

  trapFault(): void {
    this.out.get(this.locals.address);
    this.#trap(E.TRAP_FAULT);
  }

  setLabel(label: number): void {
    this.out.i32(label);
    this.out.set(this.locals.label);
  }

  getLabel(): void {
    this.out.get(this.locals.label);
  }

  condition(node: FlowNode): void {
    condition(this.out, this.#insn.at(node.end - 1), (register) => this.push(register));
  }

  body(node: FlowNode, index: number): void {
    if (node.kind === 'leave') return this.facts.leave(this);
    if (node.kind === 'dispatch') return;
    const count = this.#count(node);
    if (count > 0) this.#spend(count, this.facts.checksSteps(index), node.start);
    this.isHot = this.facts.hot(index);
    this.#pending = count;
    for (let slot = node.start; slot < node.end; slot++) {
      const insn = this.#insn.at(slot);
      const wide = insn.opcode === 0x18;
      this.#translate(insn);
      if (wide) slot++;
      this.#pending--;
    }
    const insn = this.#insn;
    if (node.edges.length === 0 && count > 0 && !(isJump(insn.opcode) && insn.operation === I.BPF_EXIT)) {
      // The program runs off its end, or jumps there.
      this.#insn.at(node.end);
      this.out.i64(0);
      this.#trap(E.TRAP_BAD);
    }
  }

  /** Writes fuel back, as everything that leaves the function does. */
  saveFuel(): void {
    this.out.i32(0);
    this.out.get(this.locals.fuel);
    this.out.memory(W.I64_STORE, this.around.state + E.STATE_FUEL);
  }

  loadFuel(): void {
    this.out.i32(0);
    this.out.memory(W.I64_LOAD, this.around.state + E.STATE_FUEL);
    this.out.set(this.locals.fuel);
  }

  loadWindow(): void {
    this.out.i32(0);
    this.out.memory(W.I64_LOAD, this.around.state + E.STATE_WINDOW);
    this.out.set(this.locals.window);
    this.out.i32(0);
    this.out.memory(W.I64_LOAD, this.around.state + E.STATE_WINDOW_SIZE);
    this.out.set(this.locals.windowSize);
  }

  #count(node: FlowNode): number {
    let count = 0;
    for (let slot = node.start; slot < node.end; slot++) {
      if (this.#insn.at(slot).opcode === 0x18) slot++;
      count++;
    }
    return count;
  }

  #spend(count: number, check: boolean, slot: InsnIndex): void {
    const { out, locals } = this;
    out.get(locals.fuel);
    out.i64(count);
    out.u8(W.I64_SUB);
    if (!check) return out.set(locals.fuel);
    out.tee(locals.fuel);
    out.i64(0);
    out.u8(W.I64_LT_S);
    out.op(W.IF, W.VOID);
    this.#insn.at(slot);
    this.#pending = 0;
    out.i64(0);
    this.#trap(E.TRAP_STEPS);
    out.u8(W.END);
  }

  #call(index: number): void {
    this.out.u8(W.CALL);
    this.out.u32(index);
  }

  /** Stops for good; the address is on the stack. */
  #trap(reason: number): void {
    const { out, locals } = this;
    out.get(locals.fuel);
    if (this.#pending > 0) {
      out.i64(this.#pending);
      out.u8(W.I64_ADD);
    }
    out.i32(this.slot);
    out.i32(reason);
    this.#call(this.code.index.trap);
    out.u8(W.UNREACHABLE);
  }

  #translate(insn: Insn): void {
    let known = true;
    switch (insn.klass) {
      case I.BPF_ALU:
      case I.BPF_ALU64:
        known = alu(this, insn);
        break;
      case I.BPF_LD:
        known = insn.opcode === 0x18 && insn.dst !== I.BPF_REG_FP && this.#constant(insn);
        break;
      case I.BPF_LDX:
      case I.BPF_ST:
      case I.BPF_STX:
        known = access(this, insn);
        break;
      default:
        known = this.#jump(insn);
    }
    if (known) return;
    throw new UsageError(
      'USAGE_INSN',
      `wasm: expected an instruction the JIT knows at ${insn.slot}, found opcode 0x${insn.opcode.toString(16)}`,
      { insn: insn.slot },
    );
  }

  #constant(insn: Insn): boolean {
    if (insn.src === I.BPF_PSEUDO_FUNC && !this.code.raw) {
      const target = this.code.functions[insn.imm];
      if (target === undefined) return false;
      this.out.big(target.address);
    } else if (insn.src === 0) {
      this.out.u8(W.I64_CONST);
      this.out.s64(insn.imm, insn.nextImm);
    } else return false;
    this.pop(insn.dst);
    return true;
  }

  #jump(insn: Insn): boolean {
    const { operation, klass } = insn;
    if (operation === I.BPF_CALL)
      return (
        klass === I.BPF_JMP &&
        (insn.src === I.BPF_PSEUDO_CALL ? this.#callFunction(insn) : this.#callGate(insn))
      );
    if (operation === I.BPF_EXIT) {
      if (klass !== I.BPF_JMP) return false;
      this.facts.exit(this);
      return true;
    }
    if (operation === I.BPF_TAIL_CALL) {
      if (klass !== I.BPF_JMP) return false;
      this.#tailCall();
      return true;
    }
    return (operation === I.BPF_JA && !insn.isX) || isCondition(operation);
  }

  get #frame(): number {
    return this.code.functions[this.func].frame;
  }

  #callFunction(insn: Insn): boolean {
    const { out, locals, code, around } = this;
    const callee = code.raw
      ? code.functions.findIndex(({ start }) => start === insn.slot + 1 + insn.imm)
      : insn.off;
    if (code.functions[callee] === undefined) return false;
    const savesTailCalls = code.hasTailCalls && around.version !== '6.12';
    out.get(locals.frame);
    out.i32(this.#frame);
    out.u8(W.I32_SUB);
    out.tee(locals.place);
    out.i32(around.stackLinear);
    out.u8(W.I32_LT_S);
    out.op(W.IF, W.VOID);
    out.i64(0);
    this.#trap(E.TRAP_STACK);
    out.u8(W.END);
    this.saveFuel();
    if (savesTailCalls) {
      out.i32(0);
      out.memory(W.I32_LOAD, around.state + E.STATE_TAIL_CALLS);
      out.set(locals.tailCalls);
    }
    out.get(locals.place);
    for (const register of code.parameters) this.push(register);
    this.#call(code.index.firstFunction + callee);
    for (const register of [...code.results].reverse()) this.pop(register);
    if (savesTailCalls) {
      out.i32(0);
      out.get(locals.tailCalls);
      out.memory(W.I32_STORE, around.state + E.STATE_TAIL_CALLS);
    }
    this.loadFuel();
    this.loadWindow();
    return true;
  }

  /** Tells the host where the stack goes on below this frame. */
  #saveStack(): void {
    const { out, locals, around } = this;
    out.i32(0);
    out.get(locals.frame);
    out.i32(this.#frame);
    out.u8(W.I32_SUB);
    out.memory(W.I32_STORE, around.state + E.STATE_STACK);
  }

  #callGate(insn: Insn): boolean {
    const { out, code, around } = this;
    if (insn.src !== 0 && (insn.src !== I.BPF_PSEUDO_KFUNC_CALL || code.raw)) return false;
    const address = BigInt.asUintN(64, BigInt(insn.imm) + (code.raw ? 0n : around.callBase));
    this.saveFuel();
    this.#saveStack();
    for (let register = 1; register <= 5; register++) {
      out.i32(0);
      this.push(register);
      out.memory(W.I64_STORE, around.state + E.STATE_ARGUMENTS + 8 * (register - 1));
    }
    out.i32(code.gate(address));
    this.#call(code.index.gate);
    this.pop(0);
    this.loadFuel();
    this.loadWindow();
    return true;
  }

  /** The host picks the program; it runs in this frame and its R0 is this function's. */
  #tailCall(): void {
    const { out, locals, code } = this;
    this.saveFuel();
    this.#saveStack();
    this.push(2);
    this.push(3);
    out.i32(this.slot);
    this.#call(code.index.tail);
    out.tee(locals.index);
    out.i32(0);
    out.u8(W.I32_GE_S);
    out.op(W.IF, W.VOID);
    out.get(locals.frame);
    for (const register of code.parameters) this.push(register);
    out.get(locals.index);
    out.u8(W.CALL_INDIRECT);
    out.u32(code.functionType);
    out.u8(0);
    for (const register of [...code.results].reverse()) this.pop(register);
    this.loadFuel();
    this.facts.exit(this);
    out.u8(W.END);
    this.loadWindow();
  }
}
