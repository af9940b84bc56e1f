// Micro-ops as WebAssembly, registers in locals. Whatever does not go well is left to the CPU: the region ends in
// front of that instruction with the state as it is there.
import { CPU_AX, CPU_BP, CPU_DX, CPU_IP, CPU_SP, CPU_ZERO } from '../../../assembly/layout/cpu.js';
import * as U from '../../../assembly/layout/uop.js';
import type { CpuPlaces } from '../../core/cpu.js';
import type { GuestAddress } from '../../quantities.js';
import { CodeWriter } from '../code-writer.js';
import type { Edge, FlowNode } from '../flow-graph.js';
import * as W from '../opcodes.js';
import type { NodeCode } from '../stackify.js';
import { swapBytes } from '../swap.js';
import { memoryOp } from './memory-op.js';
import { isFused, type MicroOp, recordsOf } from './micro-op.js';
import type { Region } from './region.js';

/** Registers r15 to rsp of struct pt_regs. */
const REGISTERS = 20;
const FUEL = 0;
const FIRST_REGISTER = 1;
const VA = FIRST_REGISTER + REGISTERS;
const TO = VA + 1;
const ENTRY = TO + 1;
const LABEL = ENTRY + 1;
/** Locals behind the parameter, the fuel. */
export const LOCAL_TYPES: readonly number[] = [...new Array<number>(REGISTERS + 2).fill(W.I64), W.I32, W.I32];
/** Number of cold(micro-op) among the functions of the module. */
export const COLD_FUNCTION = 0;

const ALU_OPS = [
  [W.I64_ADD, W.I32_ADD],
  [W.I64_OR, W.I32_OR],
  [W.I64_AND, W.I32_AND],
  [W.I64_SUB, W.I32_SUB],
  [W.I64_XOR, W.I32_XOR],
];
const SHIFT_OPS = [
  [W.I64_SHL, W.I32_SHL],
  [W.I64_SHR_U, W.I32_SHR_U],
  [W.I64_SHR_S, W.I32_SHR_S],
];
/** b ae e ne be a l ge le g. */
const COMPARES = [
  [W.I64_LT_U, W.I32_LT_U],
  [W.I64_GE_U, W.I32_GE_U],
  [W.I64_EQ, W.I32_EQ],
  [W.I64_NE, W.I32_NE],
  [W.I64_LE_U, W.I32_LE_U],
  [W.I64_GT_U, W.I32_GT_U],
  [W.I64_LT_S, W.I32_LT_S],
  [W.I64_GE_S, W.I32_GE_S],
  [W.I64_LE_S, W.I32_LE_S],
  [W.I64_GT_S, W.I32_GT_S],
];
const EXTENSIONS = [W.I64_EXTEND8_S, W.I64_EXTEND16_S, W.I64_EXTEND32_S];
const PAGE_MASK = ~0xfffn;
const COLD_OPERATION = 63;
const WIDTH_64 = 3;
const FORM_WIDTH_MASK = 3;

const isRegister = (offset: number): boolean => offset % 8 === 0 && offset < REGISTERS * 8;

export class RegionCode implements NodeCode {
  readonly out = new CodeWriter();
  /** Registers that the region changes. */
  readonly #changed: readonly number[];
  /** Instructions of the node being written, and how many of them are done. */
  #count = 0;
  #done = 0;

  constructor(
    private readonly region: Region,
    private readonly places: CpuPlaces,
    private readonly isHeader: (node: number) => boolean,
  ) {
    const changed = new Set([CPU_SP]);
    for (const op of region.ops) for (const register of changedBy(op)) changed.add(register);
    this.#changed = [...changed].filter(isRegister);
  }

  /** Takes the registers from the state. */
  begin(): void {
    for (let register = 0; register < REGISTERS; register++) this.#reload(register * 8);
  }

  #reload(offset: number): void {
    this.out.i32(0);
    this.out.memory(W.I64_LOAD, this.places.state + offset);
    this.out.set(FIRST_REGISTER + offset / 8);
  }

  #spill(): void {
    for (const offset of this.#changed) {
      this.out.i32(0);
      this.get(offset);
      this.out.memory(W.I64_STORE, this.places.state + offset);
    }
  }

  /** Ends the region; ip null = it is in the local. */
  #leave(ip: GuestAddress | null, handsBack: boolean): void {
    const { out, places } = this;
    this.#spill();
    out.i32(0);
    if (ip === null) out.get(TO);
    else out.big(ip);
    out.memory(W.I64_STORE, places.state + CPU_IP);
    if (handsBack) {
      out.i32(0);
      out.i32(1);
      out.memory(W.I32_STORE8, places.handBack);
    }
    out.get(FUEL);
    const left = this.#count - this.#done;
    if (left > 0) {
      out.i32(left * U.UOP);
      out.u8(W.I32_ADD);
    }
    out.u8(W.RETURN);
  }

  get(offset: number): void {
    if (offset === CPU_ZERO) this.out.i64(0);
    else this.out.get(FIRST_REGISTER + offset / 8);
  }

  set(offset: number): void {
    this.out.set(FIRST_REGISTER + offset / 8);
  }

  isBusy(_: number, edge: Edge): boolean {
    return edge.label >= 0;
  }

  along(_: number, edge: Edge): void {
    if (edge.label < 0) return;
    this.out.i32(edge.label);
    this.out.set(LABEL);
  }

  getLabel(): void {
    this.out.get(LABEL);
  }

  condition(_: FlowNode, index: number): void {
    const { out } = this;
    const { jump, returnsTo } = this.region.ends[index];
    if (returnsTo !== undefined) {
      out.get(TO);
      out.big(returnsTo);
      return out.u8(W.I64_EQ);
    }
    const { op, a, b, imm } = jump as MicroOp;
    const isTest = op >= U.OP_TESTJ;
    const form = isTest ? (op - U.OP_TESTJ) >> 1 : Math.floor((op - U.OP_CMPJ) / COMPARES.length);
    const narrow = form >> 1;
    this.get(a);
    if (narrow) out.wrap();
    if ((form & 1) === 0) {
      this.get(b);
      if (narrow) out.wrap();
    } else if (narrow) out.i32(Number(BigInt.asIntN(32, imm)));
    else out.big(imm);
    if (!isTest) return out.u8(COMPARES[(op - U.OP_CMPJ) % COMPARES.length][narrow]);
    out.u8(narrow ? W.I32_AND : W.I64_AND);
    if (((op - U.OP_TESTJ) & 1) === 0) return out.u8(narrow ? W.I32_EQZ : W.I64_EQZ);
    if (narrow) return;
    out.i64(0);
    out.u8(W.I64_NE);
  }

  body(node: FlowNode, index: number): void {
    const { out, region } = this;
    const end = region.ends[index] ?? {};
    const ops = node.kind === 'code' ? region.ops.slice(node.start, node.end) : [];
    this.#count = 0;
    this.#done = 0;
    if (this.isHeader(index) && ops.length > 0) {
      out.get(FUEL);
      out.i32(0);
      out.u8(W.I32_LT_S);
      out.op(W.IF, W.VOID);
      this.#leave(ops[0].ip, false);
      out.u8(W.END);
    }
    this.#count = ops.reduce((sum, { op }) => sum + recordsOf(op), 0);
    if (this.#count > 0) {
      out.get(FUEL);
      out.i32(this.#count * U.UOP);
      out.u8(W.I32_SUB);
      out.set(FUEL);
    }
    for (const op of ops) {
      this.#run(op);
      this.#done += recordsOf(op.op);
    }
    if (end.leaves !== undefined) this.#leave(end.leaves, true);
    else if (end.isReturn) this.#leave(null, false);
  }

  #run(uop: MicroOp): void {
    const { op } = uop;
    if (isFused(op) || op === U.OP_NOP || op === U.OP_JMP) return;
    if (![uop.a, uop.b, uop.c].every((offset) => isRegister(offset) || offset === CPU_ZERO))
      return this.#handBack(uop);
    if (op < U.OP_LOAD) return this.#arithmetic(uop);
    if (memoryOp(this, uop)) return;
    if (op === U.OP_DIV64 || op === U.OP_DIV32) this.#divide(uop);
    else if (op === U.OP_COLD) this.#cold(uop);
    else this.#handBack(uop);
  }

  #handBack({ ip }: MicroOp): void {
    this.out.op(W.BLOCK, W.VOID);
    this.#leave(ip, true);
    this.out.u8(W.END);
  }

  /** Leaves the region in front of an instruction when the condition on the stack holds. */
  #unless({ ip }: MicroOp): void {
    this.out.op(W.IF, W.VOID);
    this.#leave(ip, true);
    this.out.u8(W.END);
  }

  #arithmetic({ op, a, b, c, imm }: MicroOp): void {
    const { out } = this;
    const operand = (isImmediate: boolean, register: number, narrow: number): void => {
      if (isImmediate && narrow) out.i32(Number(BigInt.asIntN(32, imm)));
      else if (isImmediate) out.big(imm);
      else this.#narrowed(register, narrow);
    };
    const binary = (
      x: number,
      isImmediate: boolean,
      y: number,
      opcodes: readonly number[],
      narrow: number,
    ): void => {
      this.#narrowed(x, narrow);
      operand(isImmediate, y, narrow);
      out.u8(opcodes[narrow]);
      if (narrow) out.extend();
    };
    if (op === U.OP_MOV64) this.get(b);
    else if (op === U.OP_MOV32) {
      this.#narrowed(b, 1);
      out.extend();
    } else if (op === U.OP_MOVI) out.big(imm);
    else if (op <= U.OP_MOVSX16_32) {
      this.get(b);
      out.u8(EXTENSIONS[op < U.OP_MOVSX8_32 ? op - U.OP_MOVSX8_64 : op - U.OP_MOVSX8_32]);
      if (op >= U.OP_MOVSX8_32) {
        out.wrap();
        out.extend();
      }
    } else if (op <= U.OP_MOVZX16) {
      this.get(b);
      out.i64(op === U.OP_MOVZX8 ? 0xff : 0xffff);
      out.u8(W.I64_AND);
    } else if (op < U.OP_SHIFT) {
      const at = op - U.OP_ALU;
      binary(a, (at & 2) !== 0, b, ALU_OPS[at >> 2], at & 1);
    } else if (op < U.OP_IMUL) {
      const at = op - U.OP_SHIFT;
      binary(b, (at & 2) === 0, c, SHIFT_OPS[at >> 2], at & 1);
    } else if (op < U.OP_NEG64) {
      const at = op - U.OP_IMUL;
      const isImmediate = (at & 2) !== 0;
      binary(isImmediate ? b : a, isImmediate, b, [W.I64_MUL, W.I32_MUL], at & 1);
    } else {
      const narrow = op - U.OP_NEG64;
      if (narrow) out.i32(0);
      else out.i64(0);
      this.#narrowed(a, narrow);
      out.u8(narrow ? W.I32_SUB : W.I64_SUB);
      if (narrow) out.extend();
    }
    this.set(a);
  }

  #narrowed(register: number, narrow: number): void {
    this.get(register);
    if (narrow) this.out.wrap();
  }

  /** Puts the linear address of `size` bytes at the address on the stack there; a miss of the TLB leaves the region. */
  translate(uop: MicroOp, size: number, isWrite: boolean): void {
    const { out, places } = this;
    const tlb = isWrite ? places.tlbWrite : places.tlbRead;
    out.tee(VA);
    out.i64(12 - 4);
    out.op(W.I64_SHR_U, W.I32_WRAP);
    out.i32(0xff0);
    out.u8(W.I32_AND);
    out.tee(ENTRY);
    out.memory(W.I64_LOAD, tlb);
    out.get(VA);
    if (size > 1) {
      out.i64(size - 1);
      out.u8(W.I64_ADD);
    }
    out.big(PAGE_MASK);
    out.op(W.I64_AND, W.I64_NE);
    this.#unless(uop);
    out.get(VA);
    out.wrap();
    out.get(ENTRY);
    out.memory(W.I32_LOAD, tlb + 8);
    out.u8(W.I32_ADD);
  }

  /** The address that the last translation was of. */
  getAddress(): void {
    this.out.get(VA);
  }

  /** Keeps what a return read, from the stack. */
  setReturn(): void {
    this.out.set(TO);
  }

  #divide(uop: MicroOp): void {
    const { out } = this;
    const is64 = uop.op === U.OP_DIV64;
    const divisor = (): void => {
      this.#narrowed(uop.b, is64 ? 0 : 1);
      if (!is64) out.extend();
    };
    divisor();
    out.u8(W.I64_EQZ);
    this.get(CPU_DX);
    if (!is64) out.wrap();
    out.op(is64 ? W.I64_EQZ : W.I32_EQZ, W.I32_EQZ);
    out.u8(W.I32_OR);
    this.#unless(uop);
    // The upper half of the dividend is 0, so the quotient fits.
    this.get(CPU_AX);
    if (!is64) {
      out.wrap();
      out.extend();
    }
    out.tee(VA);
    divisor();
    out.u8(W.I64_REM_U);
    out.set(TO);
    out.get(VA);
    divisor();
    out.u8(W.I64_DIV_U);
    this.set(CPU_AX);
    out.get(TO);
    this.set(CPU_DX);
  }

  /** Calls the core for an operation off the hot path; what it cannot do changes nothing. */
  #cold(uop: MicroOp): void {
    const { out } = this;
    const width = (uop.form >> U.FORM_WIDTH) & FORM_WIDTH_MASK;
    if ((uop.form & COLD_OPERATION) === U.COLD_BSWAP) {
      this.get(uop.a);
      swapBytes(out, width === WIDTH_64 ? 8 : 4);
      return this.set(uop.a);
    }
    this.#spill();
    out.i32(uop.at);
    out.u8(W.CALL);
    out.u32(COLD_FUNCTION);
    this.#unless(uop);
    for (const register of changedBy(uop)) if (isRegister(register)) this.#reload(register);
  }
}

function changedBy({ op, a, b, c }: MicroOp): number[] {
  if (op === U.OP_COLD) return [a, b, c, CPU_AX, CPU_DX];
  if (op === U.OP_DIV64 || op === U.OP_DIV32) return [CPU_AX, CPU_DX];
  if (op === U.OP_LEAVE) return [CPU_BP, CPU_SP];
  if (op === U.OP_POP) return [a, CPU_SP];
  const isStore = op >= U.OP_STORE && op <= U.OP_PUSH;
  return op === U.OP_NOP || isStore || op > U.OP_LEAVE ? [] : [a];
}
