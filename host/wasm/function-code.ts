import * as I from '../../assembly/isa.js';
import { UsageError } from '../errors.js';
import type { GuestAddress, InsnIndex } from '../quantities.js';
import { access, type AccessContext } from './access.js';
import { alu, type AluContext } from './alu.js';
import { callFunction, callGate, tailCall } from './calls.js';
import { CodeWriter } from './code-writer.js';
import { condition, isCondition } from './condition.js';
import * as E from './environment.js';
import { type Edge, isJump, type FlowNode, type Place } from './flow-graph.js';
import { Insn } from './insn.js';
import type { Linear } from './linear.js';
import * as W from './opcodes.js';
import { Provenance } from './provenance.js';
import { type Locals, pushRegister } from './registers.js';
import type { NodeCode } from './stackify.js';
import type { StepPlan } from './steps.js';

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
  /** A verifier proved every plain access. */
  readonly verified: boolean;
  readonly functions: readonly {
    readonly start: InsnIndex;
    readonly frame: number;
    readonly address: GuestAddress;
    /** Registers that it is given. */
    readonly parameters: readonly number[];
  }[];
  /** Registers that come back from functions. */
  readonly results: readonly number[];
  readonly hasTailCalls: boolean;
  /** It calls helpers or other programs: what pages there are may change. */
  readonly callsOut: boolean;
  /** Numbers of functions in the module. */
  readonly index: {
    readonly translate: number;
    readonly trap: number;
    readonly log: number;
    readonly firstFunction: number;
  };
  /** Number of a gate. */
  gate(address: GuestAddress): number;
}

const NOTHING = new Provenance();
const NOWHERE: ReadonlyMap<InsnIndex, Place> = new Map();

/** Translates instructions of one function, or of a part of it. */
export class FunctionCode implements NodeCode, AluContext, AccessContext {
  readonly out = new CodeWriter();
  readonly perCpuOffset: bigint;
  readonly arenaUser: bigint;
  readonly arenaKernel: bigint;
  readonly around: E.WasmEnvironment;
  readonly program: number;
  isHot = false;
  readonly pointers = new Provenance();
  readonly isVerified: boolean;
  /** How far the fuel local is behind, this instruction not counted. */
  #debt = 0;
  readonly #insn: Insn;
  #known: ReadonlyMap<InsnIndex, Place> = NOWHERE;

  constructor(
    readonly code: ProgramCode,
    readonly locals: Locals,
    private readonly func: number,
    private readonly facts: {
      /** By node: translate inline; count the steps of a loop. */
      readonly hot: (node: number) => boolean;
      readonly steps: StepPlan;
      /** Some access looks for its address in the window. */
      readonly usesWindow: boolean;
      /** What registers point to at the start of a block. */
      readonly pointers: ReadonlyMap<InsnIndex, Provenance>;
      /** The function calls others: it looks at its fuel when it begins. */
      readonly entry: number;
      /** Keeps the registers where a loop is to go on later; null = the function cannot be left so. */
      readonly pause: ((code: FunctionCode) => void) | null;
      /** Writes the way out of the function. */
      readonly exit: (code: FunctionCode) => void;
      readonly leave: (code: FunctionCode) => void;
    },
  ) {
    this.perCpuOffset = code.around.perCpuOffset;
    this.arenaUser = code.arenaUser;
    this.arenaKernel = code.arenaKernel;
    this.around = code.around;
    this.isVerified = code.verified;
    this.program = code.handle;
    this.#insn = new Insn(code.insns);
  }

  get slot(): InsnIndex {
    return this.#insn.slot;
  }

  get place(): Place | null {
    return this.#known.get(this.slot) ?? null;
  }

  push(register: number): void {
    pushRegister(this.out, this.locals, this.around, register);
  }

  pop(register: number): void {
    this.out.set(this.locals.registers[register]);
  }

  callTranslate(): void {
    this.call(this.code.index.translate);
  }

  callLog(): void {
    this.out.get(this.locals.address);
    this.out.i32(this.slot);
    this.call(this.code.index.log);
  }

  trapFault(): void {
    this.out.get(this.locals.address);
    this.trap(E.TRAP_FAULT);
  }

  isBusy(from: number, edge: Edge): boolean {
    return edge.label >= 0 || this.facts.steps.due(from, edge) !== 0;
  }

  along(from: number, edge: Edge): void {
    const { out, locals } = this;
    const due = this.facts.steps.due(from, edge);
    if (due !== 0) {
      out.get(locals.fuel);
      out.i64(due);
      out.u8(W.I64_SUB);
      out.set(locals.fuel);
    }
    if (edge.label < 0) return;
    out.i32(edge.label);
    out.set(locals.label);
  }

  getLabel(): void {
    this.out.get(this.locals.label);
  }

  condition(node: FlowNode): void {
    if (node.address) return this.#isInWindow(node.address);
    condition(this.out, this.#insn.at(node.end - 1), (register) => this.push(register));
  }

  /** Puts whether eight bytes from an address lie in the window on the stack. */
  #isInWindow({ terms, least }: Linear): void {
    const { out, locals } = this;
    terms.forEach(({ register, factor }, at) => {
      this.push(register);
      if (factor !== 1) {
        out.i64(factor);
        out.u8(W.I64_MUL);
      }
      if (at > 0) out.u8(W.I64_ADD);
    });
    out.get(locals.window);
    out.u8(W.I64_SUB);
    if (least !== 0) {
      out.big(BigInt(least));
      out.u8(W.I64_ADD);
    }
    out.get(locals.windowSize);
    out.u8(W.I64_LT_U);
  }

  body(node: FlowNode, index: number): void {
    this.#known = node.known ?? NOWHERE;
    this.#debt = this.facts.steps.debt[index];
    if (node.kind === 'leave') return this.facts.leave(this);
    this.#pay(this.facts.steps.payment[index], index === this.facts.entry, node);
    if (node.kind !== 'code') return;
    this.isHot = this.facts.hot(index);
    this.pointers.assign(this.facts.pointers.get(node.start) ?? NOTHING);
    for (let slot = node.start; slot < node.end; slot++) {
      const insn = this.#insn.at(slot);
      const wide = insn.opcode === 0x18;
      this.#translate(insn);
      this.pointers.apply(insn);
      if (wide) slot++;
      this.#debt++;
    }
    const insn = this.#insn;
    if (
      node.edges.length === 0 &&
      node.end > node.start &&
      !(isJump(insn.opcode) && insn.operation === I.BPF_EXIT)
    ) {
      // The program runs off its end.
      insn.slot = node.end;
      this.#stop();
    }
  }

  #settle(debt: number, how: number): void {
    if (debt === 0) return;
    this.out.i64(debt);
    this.out.u8(how);
  }

  /** Puts the fuel on the stack as it is `executed` instructions further on. */
  pushFuel(executed: number): void {
    this.out.get(this.locals.fuel);
    this.#settle(this.#debt + executed, W.I64_SUB);
  }

  /** Takes the fuel back from the stack, as it is `executed` instructions further on. */
  popFuel(executed: number): void {
    this.#settle(this.#debt + executed, W.I64_ADD);
    this.out.set(this.locals.fuel);
  }

  /** Bytes of stack of the function. */
  get frame(): number {
    return this.code.functions[this.func].frame;
  }

  /** Returns from the function. */
  exit(): void {
    this.facts.exit(this);
  }

  /** Writes fuel back, `executed` instructions further on, as everything that leaves the function does. */
  saveFuel(executed: number): void {
    this.out.i32(0);
    this.pushFuel(executed);
    this.out.memory(W.I64_STORE, this.around.state + E.STATE_FUEL);
  }

  loadFuel(executed: number): void {
    this.out.i32(0);
    this.out.memory(W.I64_LOAD, this.around.state + E.STATE_FUEL);
    this.#settle(this.#debt + executed, W.I64_ADD);
    this.out.set(this.locals.fuel);
  }

  loadWindow(): void {
    if (!this.facts.usesWindow) return;
    this.out.i32(0);
    this.out.memory(W.I64_LOAD, this.around.state + E.STATE_WINDOW);
    this.out.set(this.locals.window);
    this.out.i32(0);
    this.out.memory(W.I64_LOAD, this.around.state + E.STATE_WINDOW_SIZE);
    this.out.set(this.locals.windowSize);
  }

  /** Pays for a round of a loop; a loop and a function that calls end here when the fuel does. */
  #pay(payment: number, isEntry: boolean, node: FlowNode): void {
    const { out, locals, around } = this;
    if (payment === 0 && !isEntry) return;
    out.get(locals.fuel);
    if (payment !== 0) {
      out.i64(payment);
      out.u8(W.I64_SUB);
      out.tee(locals.fuel);
    }
    out.i64(0);
    out.u8(W.I64_LT_S);
    out.op(W.IF, W.VOID);
    this.#insn.at(node.start);
    if (this.facts.pause && node.kind === 'code' && payment !== 0) this.#pause(this.facts.pause);
    out.get(locals.fuel);
    out.i32(0);
    out.memory(W.I64_LOAD, around.state + E.STATE_RESERVE);
    out.u8(W.I64_ADD);
    out.tee(locals.fuel);
    out.i32(0);
    out.i64(0);
    out.memory(W.I64_STORE, around.state + E.STATE_RESERVE);
    out.i64(0);
    out.u8(W.I64_LT_S);
    out.op(W.IF, W.VOID);
    out.i64(0);
    this.trap(E.TRAP_STEPS);
    out.u8(W.END);
    out.u8(W.END);
  }

  /** Ends the slice where the frame is the one that the host entered. */
  #pause(keep: (code: FunctionCode) => void): void {
    const { out, locals, around } = this;
    out.i32(0);
    out.memory(W.I32_LOAD, around.state + E.STATE_ENTRY);
    out.get(locals.frame);
    out.u8(W.I32_EQ);
    out.op(W.IF, W.VOID);
    keep(this);
    out.i64(0);
    this.trap(E.TRAP_SLICE);
    out.u8(W.END);
  }

  /** Calls a function of the module. */
  call(index: number): void {
    this.out.u8(W.CALL);
    this.out.u32(index);
  }

  /** Calls the host. */
  callHost(entry: number, type: number): void {
    this.out.i32(entry);
    this.out.u8(W.CALL_INDIRECT);
    this.out.u32(type);
    this.out.u8(0);
  }

  /** Stops for good; the address is on the stack. */
  trap(reason: number): void {
    const { out, locals } = this;
    out.get(locals.fuel);
    this.#settle(this.#debt, W.I64_SUB);
    out.i32(this.slot);
    out.i32(reason);
    this.call(this.code.index.trap);
    out.u8(W.UNREACHABLE);
  }

  /** Execution came to something that is no instruction. */
  #stop(): void {
    this.out.i64(0);
    this.trap(E.TRAP_BAD);
  }

  #translate(insn: Insn): void {
    let known = true;
    switch (insn.klass) {
      case I.BPF_ALU:
      case I.BPF_ALU64:
        known = alu(this, insn);
        break;
      case I.BPF_LD:
        if (insn.opcode === 0 && this.code.raw) return this.#stop();
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
        (insn.src === I.BPF_PSEUDO_CALL ? callFunction(this, insn) : callGate(this, insn))
      );
    if (operation === I.BPF_EXIT) {
      if (klass !== I.BPF_JMP) return false;
      this.exit();
      return true;
    }
    if (operation === I.BPF_TAIL_CALL) {
      if (klass !== I.BPF_JMP) return false;
      tailCall(this);
      return true;
    }
    return (operation === I.BPF_JA && !insn.isX) || isCondition(operation);
  }
}
