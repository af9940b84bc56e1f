import { MAP_FD_BASE } from '../../host/program/program-spec.js';
import { insn, ldImm64 } from './interp.js';
import { type Label, ProgramBuilder } from './program-builder.js';
import type { Random } from './random.js';
import { CONSTANTS } from './random-program.js';

/** Sizes of the array that is map 0. */
export const MAP_VALUE_SIZE = 48;
export const MAP_ENTRIES = 2;
/** Declarations of the functions that a program may have, in the order of their names in `functions`. */
export const DECLARATIONS =
  'int main(struct __sk_buff *ctx); static u64 f(u64 a, u64 b); u64 g(u64 a, u64 b); static u64 cb(u64 i, u64 c);';
/** Fields of __sk_buff that hold any 32 bits: len, mark, priority, vlan_tci. */
export const FIELDS = [0, 8, 32, 24];
export const DATA = 76;
export const DATA_END = 80;
/** Bytes of stack that statements use at random, and what lies below them: key, counter, spilled pointer. */
const STACK = 48;
const KEY = -56;
const COUNTER = -64;
const POINTER = -72;
/** Bytes of stack that programs use. */
export const STACK_USED = 72;

export const HELPER = {
  lookup: 1,
  time: 5,
  random: 7,
  cpu: 8,
  loadBytes: 26,
  pullData: 39,
  loop: 181,
} as const;

const ALU = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0];
const JUMPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const LOADS = [0x71, 0x69, 0x61, 0x79];
const SIGNED_LOADS = [0x91, 0x89, 0x81];
const STORES = [0x73, 0x6b, 0x63, 0x7b];
const STORES_OF_CONSTANTS = [0x72, 0x6a, 0x62, 0x7a];
const ATOMICS = [0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1];
const SCRATCH = [0, 1, 2, 3, 4, 5];
const KEPT = [7, 8, 9];
const FP = 10;

/** A program and where its functions start. */
export interface RandomVerified {
  readonly insns: Uint8Array;
  /** First slots, by name; main is at 0. */
  readonly functions: Readonly<Record<string, number>>;
}

/**
 * A random program with calls, callbacks, loops, map values and packets, of which the verifier accepts a good part.
 * Between statements r0 to r5 and r7 to r9 hold scalars, in main r6 the context.
 */
export function randomVerified(random: Random): RandomVerified {
  return new Generator(random).program();
}

class Generator {
  private readonly out = new ProgramBuilder();
  private readonly functions = new Map<string, Label>();
  /** Registers that the loops around must keep. */
  private readonly kept = new Set<number>();
  private isMain = true;

  constructor(private readonly random: Random) {}

  program(): RandomVerified {
    const { out, random } = this;
    out.emit(insn(0xbf, 6, 1));
    for (const register of [...SCRATCH, ...KEPT]) this.unknown(register);
    this.statements(3 + random.below(6), 0);
    out.emit(insn(0xb7, 0), insn(0x95));
    const done = new Set<string>();
    this.isMain = false;
    for (let more = true; more;) {
      more = false;
      for (const [name, label] of this.functions) {
        if (done.has(name)) continue;
        done.add(name);
        more = true;
        this.functionBody(name, label);
      }
    }
    const insns = out.build();
    const functions = Object.fromEntries(
      [...this.functions].map(([name, label]) => [name, out.slotOf(label)!]),
    );
    return { insns, functions };
  }

  private functionBody(name: string, label: Label): void {
    const { out, random } = this;
    out.place(label);
    const isCallback = name === 'cb';
    if (isCallback) {
      // The caller's stack, through the argument.
      if (random.below(2) === 0) out.emit(insn(0x79, 3, 2, -8 * random.below(2)));
      else out.emit(insn(0x7b, 2, 1, -8 * random.below(2)), insn(0xbf, 3, 1));
      out.emit(insn(0xbf, 7, 1), insn(0xbf, 8, 3), insn(0xb7, 9, 0, 0, this.immediate()));
    } else {
      out.emit(insn(0xbf, 7, 1), insn(0xbf, 8, 2), insn(0xbf, 9, random.pick([1, 2])));
    }
    this.scratch();
    // Functions call others only downwards.
    this.statements(1 + random.below(3), name === 'f' ? 1 : 2);
    if (isCallback) out.emit(insn(0xb7, 0, 0, 0, random.below(2)));
    out.emit(insn(0x95));
  }

  private functionOf(name: string): Label {
    const known = this.functions.get(name) ?? this.out.label();
    this.functions.set(name, known);
    return known;
  }

  private immediate(): number {
    const { random } = this;
    const kind = random.below(4);
    if (kind === 0) return random.below(32) - 16;
    if (kind === 1) return random.pick([0, 1, -1, 0x7fffffff, -0x80000000, 0xff, 0xffff]);
    if (kind === 2) return 1 << random.below(32);
    return random.u32() | 0;
  }

  private writable(): number {
    const { random } = this;
    for (;;) {
      const register = random.pick([...SCRATCH, ...KEPT]);
      if (!this.kept.has(register)) return register;
    }
  }

  private scalar(): number {
    return this.random.pick([...SCRATCH, ...KEPT]);
  }

  private unknown(register: number): void {
    const { out, random } = this;
    const kind = random.below(4);
    if (kind === 0 || !this.isMain) {
      out.emit(
        random.below(2) === 0
          ? ldImm64(register, random.pick(CONSTANTS))
          : insn(0xb7, register, 0, 0, this.immediate()),
      );
    } else {
      out.emit(insn(0x61, register, 6, random.pick(FIELDS)));
      if (kind === 1) out.emit(insn(0x67, register, 0, 0, random.below(33)));
      if (kind === 2)
        out.emit(insn(0x57, register, 0, 0, random.pick([1, 7, 15, 31, 63, 0xff, this.immediate()])));
    }
  }

  /** r0 to r5 hold scalars again: constants, and copies that are linked to what is kept. */
  private scratch(): void {
    const { out, random } = this;
    for (const register of SCRATCH) {
      if (random.below(3) === 0) out.emit(insn(0xb7, register, 0, 0, this.immediate()));
      else out.emit(insn(random.below(4) === 0 ? 0xbc : 0xbf, register, random.pick(KEPT)));
    }
  }

  /** Statements, some of them jumped over. `level` bounds the calls and loops inside. */
  private statements(count: number, level: number): void {
    const { out, random } = this;
    let skip: { label: Label; left: number } | null = null;
    for (let i = 0; i < count; i++) {
      if (skip === null && random.below(3) === 0) {
        skip = { label: out.label(), left: 1 + random.below(2) };
        this.branch(skip.label);
      }
      this.statement(level);
      if (skip !== null && --skip.left === 0) {
        out.place(skip.label);
        skip = null;
      }
    }
    if (skip !== null) out.place(skip.label);
  }

  private branch(label: Label): void {
    const { out, random } = this;
    const isX = random.below(2) * 8;
    const op = random.pick(JUMPS) | random.pick([5, 6]) | isX;
    out.jump(op, this.scalar(), isX ? this.scalar() : 0, isX ? 0 : this.immediate(), label);
  }

  private statement(level: number): void {
    const { random } = this;
    const kind = random.below(this.isMain ? 15 : 11);
    if (kind < 4) return this.alu();
    switch (kind) {
      case 4:
      case 5:
        return this.stack();
      case 6:
        return this.linked();
      case 7:
        return level < 2 ? this.loop(level) : this.alu();
      case 8:
        return this.mapValue();
      case 9:
        return this.atomic();
      case 10:
        return level < 2 ? this.call(level) : this.alu();
      case 11:
      case 12:
        return this.packet();
      case 13:
        return this.helper();
      default:
        return this.unknown(this.writable());
    }
  }

  private alu(): void {
    const { out, random } = this;
    for (let n = 1 + random.below(3); n > 0; n--) {
      const dst = this.writable();
      const klass = random.pick([4, 7]);
      if (random.below(8) === 0) {
        const opcode = random.pick([0x84, 0x87, 0xd4, 0xdc, 0xd7]);
        out.emit(insn(opcode, dst, 0, 0, opcode >= 0xd0 ? random.pick([16, 32, 64]) : 0));
        continue;
      }
      const op = random.pick(ALU);
      const isShift = op === 0x60 || op === 0x70 || op === 0xc0;
      const divides = op === 0x30 || op === 0x90;
      if (random.below(2) === 0) {
        const extends_ = op === 0xb0 && random.below(2) === 0;
        const width = random.pick(klass === 7 ? [8, 16, 32] : [8, 16]);
        const off = extends_ ? width : divides ? random.below(2) : 0;
        out.emit(insn(op | klass | 8, dst, this.scalar(), off));
      } else if (isShift) {
        out.emit(insn(op | klass, dst, 0, 0, random.below(klass === 7 ? 64 : 32)));
      } else {
        const imm = this.immediate();
        out.emit(insn(op | klass, dst, 0, divides ? random.below(2) : 0, divides ? imm || 3 : imm));
      }
    }
  }

  /** A store to the stack or a load from it, of any size, mostly aligned. */
  private stack(): void {
    const { out, random } = this;
    for (let n = 1 + random.below(3); n > 0; n--) {
      const log = random.below(4);
      const size = 1 << log;
      const slot = -8 * (1 + random.below(STACK / 8));
      const off = slot + size * random.below(8 / size);
      switch (random.below(5)) {
        case 0:
        case 1:
          out.emit(insn(STORES[log], FP, this.scalar(), off));
          break;
        case 2:
          out.emit(insn(STORES_OF_CONSTANTS[log], FP, 0, off, this.immediate()));
          break;
        case 3:
          out.emit(insn(random.pick(SIGNED_LOADS), this.writable(), FP, slot));
          break;
        default:
          out.emit(insn(LOADS[log], this.writable(), FP, off));
      }
    }
  }

  /** Copies at constant distances, and what a comparison says about all of them. */
  private linked(): void {
    const { out, random } = this;
    const a = this.scalar();
    const b = this.writable();
    const c = this.writable();
    out.emit(insn(random.below(4) === 0 ? 0xbc : 0xbf, b, a));
    if (random.below(2) === 0) out.emit(insn(random.pick([0x07, 0x04]), b, 0, 0, random.below(64) - 32));
    if (random.below(2) === 0) out.emit(insn(0x7b, FP, a, -8 * (1 + random.below(STACK / 8))));
    out.emit(insn(0xbf, c, random.pick([a, b])));
    if (random.below(2) === 0) out.emit(insn(random.pick([0x07, 0x17]), c, 0, 0, this.immediate()));
    const label = out.label();
    this.branch(label);
    const op = random.pick(JUMPS) | random.pick([5, 6]);
    out.jump(op, random.pick([a, b, c]), 0, random.below(128) - 32, label);
    this.alu();
    out.place(label);
  }

  /** Makes a register small, in one of the ways that programs do; some are not enough. Jumps to `otherwise` when not. */
  private bound(register: number, otherwise: Label): void {
    const { out, random } = this;
    const top = random.pick([3, 7, 15, 16, 31, 32, 40]);
    switch (random.below(8)) {
      case 0:
        return out.emit(insn(0x57, register, 0, 0, top));
      case 1:
        return out.emit(insn(0x54, register, 0, 0, top));
      case 2:
        return out.jump(0x25, register, 0, top, otherwise);
      case 3:
        out.emit(insn(0xbc, register, register));
        return out.jump(random.pick([0x26, 0x36, 0x66]), register, 0, top, otherwise);
      case 4:
        out.jump(0x65, register, 0, top, otherwise);
        return out.jump(0xc5, register, 0, random.pick([0, 0, -4]), otherwise);
      case 5:
        return out.emit(insn(random.pick([0x97, 0x94]), register, 0, 0, top));
      case 6:
        return out.emit(insn(0x77, register, 0, 0, 60));
      default:
        out.emit(insn(0xbf, register, register, random.pick([8, 16])));
        return out.jump(0x25, register, 0, top, otherwise);
    }
  }

  /** A load or store at a pointer that is good for some bytes. */
  private accessAt(pointer: number, room: number): void {
    const { out, random } = this;
    const log = random.below(4);
    const off = random.below(Math.max(1, room - (1 << log) + 2)) - (random.below(8) === 0 ? 1 : 0);
    const value = random.pick([2, 3, 5]);
    if (random.below(2) === 0)
      out.emit(
        insn(LOADS[log], value, pointer, off),
        insn(0xbf, random.pick(KEPT.filter((one) => !this.kept.has(one))), value),
      );
    else out.emit(insn(STORES_OF_CONSTANTS[log], pointer, 0, off, this.immediate()));
  }

  private mapValue(): void {
    const { out, random } = this;
    const otherwise = out.label();
    const end = out.label();
    const index = random.pick(KEPT);
    if (random.below(2) === 0) {
      out.emit(insn(0x18, 0, 2, 0, MAP_FD_BASE), insn(0, 0, 0, 0, random.below(8)));
    } else {
      out.emit(
        random.below(2) === 0
          ? insn(0x62, FP, 0, KEY, random.below(3))
          : insn(0x63, FP, random.pick(KEPT), KEY),
      );
      out.emit(insn(0x18, 1, 1, 0, MAP_FD_BASE), insn(0), insn(0xbf, 2, FP), insn(0x07, 2, 0, 0, KEY));
      out.emit(insn(0x85, 0, 0, 0, HELPER.lookup));
      if (random.below(8) !== 0) out.jump(0x15, 0, 0, 0, otherwise);
    }
    out.emit(insn(0xbf, 4, index));
    this.bound(4, otherwise);
    if (random.below(3) === 0) out.emit(insn(0x7b, FP, 0, POINTER), insn(0x79, 0, FP, POINTER));
    out.emit(insn(0x0f, 0, 4));
    if (random.below(4) === 0) out.emit(insn(0x07, 0, 0, 0, random.below(16) - 8));
    this.accessAt(0, random.pick([8, 16, 17, 32]));
    if (random.below(3) === 0) this.accessAt(0, 16);
    out.place(otherwise);
    this.scratch();
    out.place(end);
  }

  private packet(): void {
    const { out, random } = this;
    const otherwise = out.label();
    const size = random.pick([1, 4, 8, 14, 20]);
    out.emit(insn(0x61, 1, 6, DATA), insn(0x61, 3, 6, DATA_END));
    if (random.below(2) === 0) {
      out.emit(insn(0xbf, 4, random.pick(KEPT)));
      this.bound(4, otherwise);
      out.emit(insn(0x0f, 1, 4));
    }
    out.emit(insn(0xbf, 2, 1), insn(0x07, 2, 0, 0, size));
    const good = out.label();
    switch (random.below(6)) {
      case 0:
      case 1:
        out.jump(0x2d, 2, 3, 0, otherwise);
        break;
      case 2:
        out.jump(0xad, 3, 2, 0, otherwise);
        break;
      case 3:
        out.jump(0x3d, 2, 3, 0, otherwise);
        break;
      case 4:
        out.jump(random.pick([0xbd, 0xad]), 2, 3, 0, good);
        out.jump(0x05, 0, 0, 0, otherwise);
        break;
      default:
        out.jump(random.pick([0x2d, 0x3d]), 3, 2, 0, good);
        out.jump(0x05, 0, 0, 0, otherwise);
    }
    out.place(good);
    if (random.below(4) === 0) this.statementInside();
    const base = random.pick([1, 1, 2]);
    if (base === 1) this.accessAt(1, size);
    else out.emit(insn(random.pick(LOADS), 5, 2, -random.below(size + 2)));
    out.place(otherwise);
    this.scratch();
  }

  /** Something between a check and the access that it is for: only r7 to r9 change. */
  private statementInside(): void {
    const { out, random } = this;
    const dst = random.pick(KEPT);
    if (this.kept.has(dst)) return;
    out.emit(insn(random.pick([0x07, 0x57, 0x47]), dst, 0, 0, this.immediate()));
  }

  private helper(): void {
    const { out, random } = this;
    switch (random.below(4)) {
      case 0:
        out.emit(
          insn(0xbf, 1, 6),
          insn(0xb7, 2, 0, 0, random.below(64)),
          insn(0x85, 0, 0, 0, HELPER.pullData),
        );
        break;
      case 1: {
        const size = random.pick([1, 2, 4, 8, 12]);
        out.emit(insn(0xbf, 1, 6), insn(0xb7, 2, 0, 0, random.below(48)), insn(0xbf, 3, FP));
        out.emit(insn(0x07, 3, 0, 0, -8 * (1 + random.below(STACK / 8 - 1)) - 8));
        out.emit(insn(0xb7, 4, 0, 0, size), insn(0x85, 0, 0, 0, HELPER.loadBytes));
        break;
      }
      default:
        out.emit(insn(0x85, 0, 0, 0, random.pick([HELPER.time, HELPER.random, HELPER.cpu])));
    }
    const to = random.pick(KEPT);
    if (!this.kept.has(to)) out.emit(insn(random.pick([0xbf, 0xbc]), to, 0));
    this.scratch();
  }

  private atomic(): void {
    const { out, random } = this;
    const wide = random.below(2) === 0;
    const imm = random.pick(ATOMICS);
    const source = this.writable();
    if ((imm & 1) === 1 && this.kept.has(imm === 0xf1 ? 0 : source)) return;
    const slot = -8 * (1 + random.below(STACK / 8));
    out.emit(insn(0x7b, FP, this.scalar(), slot));
    out.emit(insn(wide ? 0xdb : 0xc3, FP, source, slot + (wide ? 0 : 4 * random.below(2)), imm));
  }

  private loop(level: number): void {
    const { out, random } = this;
    const again = out.label();
    const end = out.label();
    const free = KEPT.filter((one) => !this.kept.has(one));
    const body = 1 + random.below(2);
    if (random.below(3) === 0 || free.length < 2) {
      // Left at any time.
      out.place(again);
      out.jump(0xe5, 0, 0, 0, end);
      this.statements(body, level + 1);
      out.jump(0x05, 0, 0, 0, again);
      out.place(end);
      return;
    }
    const counter = random.pick(free);
    const rounds = 1 + random.below(5);
    const inMemory = random.below(3) === 0;
    this.kept.add(counter);
    out.emit(insn(0xb7, counter));
    out.place(again);
    this.statements(body, level + 1);
    out.emit(insn(random.pick([0x07, 0x04]), counter, 0, 0, 1));
    if (inMemory) out.emit(insn(0x7b, FP, counter, COUNTER), insn(0x79, counter, FP, COUNTER));
    if (random.below(4) === 0 && !this.kept.has(0)) {
      // Until a number that is only bounded.
      out.emit(insn(0xbf, 0, random.pick(KEPT)), insn(0x57, 0, 0, 0, 7));
      out.jump(0xad, counter, 0, 0, again);
    } else {
      out.jump(random.pick([0xa5, 0xa6, 0x55, 0xc5]), counter, 0, rounds, again);
    }
    this.kept.delete(counter);
  }

  private call(level: number): void {
    const { out, random } = this;
    const kind = random.below(level === 0 ? 4 : 3);
    if (kind === 3) {
      out.emit(insn(0x7a, FP, 0, -8, this.immediate()), insn(0x7b, FP, random.pick(KEPT), -16));
      out.emit(
        random.below(2) === 0 ? insn(0xb7, 1, 0, 0, random.below(6)) : insn(0xbf, 1, random.pick(KEPT)),
      );
      out.functionAddress(2, this.functionOf('cb'));
      out.emit(insn(0xbf, 3, FP), insn(0x07, 3, 0, 0, -8), insn(0xb7, 4));
      out.emit(insn(0x85, 0, 0, 0, HELPER.loop));
    } else {
      out.emit(insn(0xbf, 1, random.pick(KEPT)), insn(0xbf, 2, random.pick(KEPT)));
      out.call(this.functionOf(level === 0 && kind > 0 ? 'f' : 'g'));
    }
    const to = random.pick(KEPT);
    if (!this.kept.has(to)) out.emit(insn(0xbf, to, 0));
    this.scratch();
  }
}
