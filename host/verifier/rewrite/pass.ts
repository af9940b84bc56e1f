import {
  BPF_ALU,
  BPF_ALU64,
  BPF_JMP,
  BPF_K,
  BPF_LDX,
  BPF_MEM,
  BPF_MOV,
  BPF_ST,
  BPF_STX,
  BPF_X,
} from '../../../assembly/isa.js';
import type { BpfRegister, InsnIndex } from '../../quantities.js';
import { REACH, checkReach } from './reach.js';
import { CALL, EXIT, InsnStream, JA, LD_IMM64, NO_TARGET } from './stream.js';

/** Code with the first slot of each function. */
export interface Code {
  readonly stream: InsnStream;
  /** Rising; the first is 0. */
  readonly functions: Int32Array;
}

/**
 * One forward pass over the code. For each slot the visitor either copies it or puts in a replacement; a branch to
 * the slot then leads to the first slot of the replacement.
 */
export class Pass {
  readonly out: InsnStream;
  private readonly entries: Int32Array;
  private readonly landings: Int32Array;
  private at = 0;
  /** Index of the function that the visited slot belongs to. */
  function = 0;

  constructor(readonly input: InsnStream) {
    this.out = new InsnStream(input.length + (input.length >> 2) + 16);
    this.entries = new Int32Array(input.length + 1);
    this.landings = new Int32Array(input.length + 1);
  }

  /** Visits every slot once; second slots of ld_imm64 follow their first by themselves. */
  static run(code: Code, visit: (pass: Pass, at: InsnIndex) => void): Code {
    const pass = new Pass(code.stream);
    const { input, out } = pass;
    const { functions } = code;
    for (let at = 0; at < input.length; at++) {
      pass.at = at;
      while (pass.function + 1 < functions.length && functions[pass.function + 1] <= at) pass.function++;
      pass.entries[at] = pass.landings[at] = out.length;
      const before = out.length;
      visit(pass, at);
      if (input.code[at] === LD_IMM64 && at + 1 < input.length) {
        at++;
        pass.entries[at] = pass.landings[at] = out.length;
        if (out.length > before && out.code[out.length - 1] === LD_IMM64) pass.copySlot(at);
      }
    }
    pass.entries[input.length] = pass.landings[input.length] = out.length;
    const result = pass.finish(code.functions);
    if (out.length > REACH) checkReach(input, pass.entries);
    return result;
  }

  /** Keeps the visited slot. */
  copy(): void {
    this.copySlot(this.at);
  }

  /** From here on, branches to the visited slot land; what was put in before runs on entry only. */
  land(): void {
    this.landings[this.at] = this.out.length;
  }

  /** Puts in one instruction. */
  insn(code: number, dst: BpfRegister, src: BpfRegister, off: number, imm: number): void {
    const out = this.out;
    out.reserve(2);
    const i = out.length++;
    out.code[i] = code;
    out.dst[i] = dst;
    out.src[i] = src;
    out.off[i] = off;
    out.imm[i] = imm;
    out.target[i] = NO_TARGET;
    out.origin[i] = this.input.origin[this.at];
    out.inserted[i] = 1;
  }

  /** A branch over `distance` slots of the replacement. */
  skip(code: number, dst: BpfRegister, src: BpfRegister, imm: number, distance: number): void {
    this.insn(code, dst, src, 0, imm);
    this.out.target[this.out.length - 1] = placed(this.out.length + distance);
  }

  /** A branch or call to where the slot `target` of the input goes. */
  leadTo(code: number, dst: BpfRegister, src: BpfRegister, imm: number, target: InsnIndex): void {
    this.insn(code, dst, src, 0, imm);
    this.out.target[this.out.length - 1] = target;
  }

  movImm(dst: BpfRegister, imm: number): void {
    this.insn(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
  }

  mov32Imm(dst: BpfRegister, imm: number): void {
    this.insn(BPF_ALU | BPF_MOV | BPF_K, dst, 0, 0, imm);
  }

  mov(dst: BpfRegister, src: BpfRegister): void {
    this.insn(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
  }

  mov32(dst: BpfRegister, src: BpfRegister): void {
    this.insn(BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
  }

  aluImm(op: number, dst: BpfRegister, imm: number): void {
    this.insn(BPF_ALU64 | op | BPF_K, dst, 0, 0, imm);
  }

  alu32Imm(op: number, dst: BpfRegister, imm: number): void {
    this.insn(BPF_ALU | op | BPF_K, dst, 0, 0, imm);
  }

  alu(op: number, dst: BpfRegister, src: BpfRegister): void {
    this.insn(BPF_ALU64 | op | BPF_X, dst, src, 0, 0);
  }

  alu32(op: number, dst: BpfRegister, src: BpfRegister): void {
    this.insn(BPF_ALU | op | BPF_X, dst, src, 0, 0);
  }

  load(size: number, dst: BpfRegister, src: BpfRegister, off: number): void {
    this.insn(BPF_LDX | BPF_MEM | size, dst, src, off, 0);
  }

  store(size: number, dst: BpfRegister, src: BpfRegister, off: number): void {
    this.insn(BPF_STX | BPF_MEM | size, dst, src, off, 0);
  }

  storeImm(size: number, dst: BpfRegister, off: number, imm: number): void {
    this.insn(BPF_ST | BPF_MEM | size, dst, 0, off, imm);
  }

  skipIfImm(op: number, dst: BpfRegister, imm: number, distance: number): void {
    this.skip(BPF_JMP | op | BPF_K, dst, 0, imm, distance);
  }

  skipIf(op: number, dst: BpfRegister, src: BpfRegister, distance: number): void {
    this.skip(BPF_JMP | op | BPF_X, dst, src, 0, distance);
  }

  skipAlways(distance: number): void {
    this.skip(JA, 0, 0, 0, distance);
  }

  loadImm64(dst: BpfRegister, value: bigint): void {
    this.insn(LD_IMM64, dst, 0, 0, Number(BigInt.asIntN(32, value)));
    this.insn(0, 0, 0, 0, Number(BigInt.asIntN(32, value >> 32n)));
  }

  call(imm: number): void {
    this.insn(CALL, 0, 0, 0, imm);
  }

  exit(): void {
    this.insn(EXIT, 0, 0, 0, 0);
  }

  private copySlot(from: InsnIndex): void {
    const { input, out } = this;
    out.reserve(2);
    const i = out.length++;
    out.code[i] = input.code[from];
    out.dst[i] = input.dst[from];
    out.src[i] = input.src[from];
    out.off[i] = input.off[from];
    out.imm[i] = input.imm[from];
    out.target[i] = input.target[from];
    out.origin[i] = input.origin[from];
    out.inserted[i] = input.inserted[from];
  }

  /** Leads branches to the new slots. A function of which nothing is left starts where the next one does. */
  private finish(functions: Int32Array): Code {
    const { out, entries, landings } = this;
    for (let i = 0; i < out.length; i++) {
      const target = out.target[i];
      if (target === NO_TARGET) continue;
      if (target < 0) out.target[i] = placed(target);
      else out.target[i] = out.leadsToFunction(i) ? entries[target] : landings[target];
    }
    return { stream: out, functions: functions.map((start) => entries[start]) };
  }
}

/** Marks a target as a slot of the output while the others are slots of the input; takes the mark off again. */
function placed(target: number): number {
  return -2 - target;
}
