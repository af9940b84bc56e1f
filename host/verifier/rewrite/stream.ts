import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  INSN_SIZE,
} from '../../../assembly/isa.js';
import type { InsnIndex } from '../../quantities.js';

/** No branch, or none that leads anywhere. */
export const NO_TARGET = -1;

/** Opcode of ld_imm64; its second slot has opcode 0. */
export const LD_IMM64 = 0x18;
export const CALL = BPF_JMP | BPF_CALL;
export const EXIT = BPF_JMP | BPF_EXIT;
export const JA = BPF_JMP | BPF_JA;
/** The long jump, with its distance in imm. */
export const GOTOL = BPF_JMP32 | BPF_JA;

/**
 * Instructions as columns, one cell per slot. Branches, calls of functions and loads of their addresses name the
 * slot they lead to, so that code can grow and shrink between the two; distances come back when it is written out.
 */
export class InsnStream {
  length = 0;
  code: Uint8Array;
  dst: Uint8Array;
  src: Uint8Array;
  off: Int16Array;
  imm: Int32Array;
  /** Slot that a branch, a function call or a function address leads to; NO_TARGET for other instructions. */
  target: Int32Array;
  /** Slot of the submitted program that this one came from. */
  origin: Int32Array;
  /** 1 = put in by a rewrite: what is known about the submitted instruction does not hold for it. */
  inserted: Uint8Array;

  constructor(capacity: number) {
    this.code = new Uint8Array(capacity);
    this.dst = new Uint8Array(capacity);
    this.src = new Uint8Array(capacity);
    this.off = new Int16Array(capacity);
    this.imm = new Int32Array(capacity);
    this.target = new Int32Array(capacity);
    this.origin = new Int32Array(capacity);
    this.inserted = new Uint8Array(capacity);
  }

  static parse(bytes: Uint8Array): InsnStream {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = Math.floor(bytes.length / INSN_SIZE);
    const stream = new InsnStream(count);
    stream.length = count;
    for (let i = 0; i < count; i++) {
      stream.code[i] = bytes[i * INSN_SIZE];
      stream.dst[i] = bytes[i * INSN_SIZE + 1] & 0xf;
      stream.src[i] = bytes[i * INSN_SIZE + 1] >>> 4;
      stream.off[i] = view.getInt16(i * INSN_SIZE + 2, true);
      stream.imm[i] = view.getInt32(i * INSN_SIZE + 4, true);
      stream.target[i] = NO_TARGET;
      stream.origin[i] = i;
      const distance = stream.distanceField(i);
      if (distance !== null) stream.target[i] = i + 1 + (distance === 'imm' ? stream.imm[i] : stream.off[i]);
    }
    return stream;
  }

  /** Which field holds the distance to where the instruction leads; null when it leads nowhere. */
  distanceField(at: InsnIndex): 'off' | 'imm' | null {
    const code = this.code[at];
    if (code === LD_IMM64) return this.src[at] === BPF_PSEUDO_FUNC ? 'imm' : null;
    if (code === CALL) return this.src[at] === BPF_PSEUDO_CALL ? 'imm' : null;
    if (code === GOTOL) return 'imm';
    const cls = code & 7;
    const op = code & 0xf0;
    if ((cls !== BPF_JMP && cls !== BPF_JMP32) || op === BPF_CALL || op === BPF_EXIT || op === 0xf0)
      return null;
    return 'off';
  }

  /** A function is called or its address taken: the target is a function's first slot. */
  leadsToFunction(at: InsnIndex): boolean {
    return this.code[at] === CALL || this.code[at] === LD_IMM64;
  }

  /** Makes room for `more` slots after `length`. */
  reserve(more: number): void {
    if (this.length + more <= this.code.length) return;
    const capacity = Math.max(this.length + more, this.code.length * 2, 64);
    this.code = grown(this.code, new Uint8Array(capacity));
    this.dst = grown(this.dst, new Uint8Array(capacity));
    this.src = grown(this.src, new Uint8Array(capacity));
    this.off = grown(this.off, new Int16Array(capacity));
    this.imm = grown(this.imm, new Int32Array(capacity));
    this.target = grown(this.target, new Int32Array(capacity));
    this.origin = grown(this.origin, new Int32Array(capacity));
    this.inserted = grown(this.inserted, new Uint8Array(capacity));
  }
}

function grown<T extends Uint8Array | Int16Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
