import { MAP_FD_BASE } from '../../host/program/program-spec.js';
import { modelAlu, modelAtomic, modelJump, modelSwap } from './bpf-model.js';
import type { Random } from './random.js';
import {
  DATA,
  DATA_END,
  FIELDS,
  HELPER,
  MAP_ENTRIES,
  MAP_VALUE_SIZE,
  STACK_USED,
} from './random-verified.js';
import { CONSTANTS } from './random-program.js';

const MASK = (1n << 64n) - 1n;
const SIZES = [4, 2, 1, 8];
export const CONTEXT = 0xffff_8880_0000_1000n;
const CONTEXT_SIZE = 192;
export const MAP_VALUES = 0xffff_8880_0500_0000n;
const FRAME_POINTER = 0xffff_c900_0001_0000n;
const FRAME_STEP = 0x1000n;
const FUNCTIONS = 0xffff_ffff_c000_0000n;
const PACKET = 0xffff_8880_0600_0000n;
const PACKET_STEP = 0x1_0000n;
const MAX_STEPS = 3000;
const MAX_ROUNDS = 6;
const E2BIG = 7n;

/** One function's frame at one moment. */
export interface ConcreteFrame {
  readonly fp: bigint;
  /** Instruction of the call that made it; -1 = none. */
  readonly callsite: number;
  /** r0 to r9; of frames below the top only r6 to r9 mean something. */
  readonly registers: readonly bigint[];
  /** Bytes below the frame pointer, that at fp - 1 first. */
  readonly stack: Uint8Array;
}

/** What a run holds before one instruction. */
export interface Moment {
  readonly frames: readonly ConcreteFrame[];
  readonly packet: bigint;
  readonly packetEnd: bigint;
}

const isInside = (address: bigint, size: number, base: bigint, length: number): boolean =>
  address >= base && address + BigInt(size) <= base + BigInt(length);

interface Frame {
  fp: bigint;
  callsite: number;
  registers: bigint[];
  stack: Uint8Array;
  /** Goes on at the helper that called back, with what is left of the rounds. */
  loop: { readonly argument: bigint; round: bigint; readonly rounds: bigint } | null;
}

/** A broken promise of the verifier: an access outside all memory. */
export class OutsideAccess extends Error {}

/** Runs a program on plain values, before any rewrite: random context, packet, map, stack garbage, helper results. */
export class ConcreteMachine {
  private readonly view: DataView;
  private readonly frames: Frame[] = [];
  private readonly map: Uint8Array;
  private readonly context: Uint8Array;
  private packetBytes: Uint8Array;
  private packet = PACKET;

  constructor(
    insns: Uint8Array,
    private readonly random: Random,
    private readonly observe: (pc: number, moment: () => Moment) => void,
  ) {
    this.view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
    const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => random.below(256));
    this.map = bytes(MAP_VALUE_SIZE * MAP_ENTRIES);
    this.context = bytes(CONTEXT_SIZE);
    const context = new DataView(this.context.buffer);
    for (const field of FIELDS) {
      const value = random.below(2) === 0 ? random.below(20) : Number(random.pick(CONSTANTS) & 0xffffffffn);
      context.setUint32(field, value, true);
    }
    this.packetBytes = bytes(random.pick([0, 1, 8, 14, 20, 40, 64]));
    this.push(-1, null);
  }

  private push(callsite: number, loop: Frame['loop']): Frame {
    const { random } = this;
    const frame: Frame = {
      fp: FRAME_POINTER + BigInt(this.frames.length) * FRAME_STEP,
      callsite,
      registers: Array.from({ length: 10 }, () => random.u64()),
      stack: Uint8Array.from({ length: STACK_USED }, () => random.below(256)),
      loop,
    };
    this.frames.push(frame);
    return frame;
  }

  /** Memory at an address: bytes, the place of the first, and the step to the next one. */
  private place(
    address: bigint,
    size: number,
  ): { bytes: Uint8Array; at: number; step: 1 | -1; frame: Frame | null } {
    for (const frame of this.frames) {
      if (!isInside(address, size, frame.fp - BigInt(STACK_USED), STACK_USED)) continue;
      return { bytes: frame.stack, at: Number(frame.fp - 1n - address), step: -1, frame };
    }
    for (let i = 0; i < MAP_ENTRIES; i++) {
      const base = MAP_VALUES + BigInt(i * MAP_VALUE_SIZE);
      if (isInside(address, size, base, MAP_VALUE_SIZE))
        return { bytes: this.map, at: Number(address - MAP_VALUES), step: 1, frame: null };
    }
    if (isInside(address, size, this.packet, this.packetBytes.length))
      return { bytes: this.packetBytes, at: Number(address - this.packet), step: 1, frame: null };
    if (isInside(address, size, CONTEXT, CONTEXT_SIZE))
      return { bytes: this.context, at: Number(address - CONTEXT), step: 1, frame: null };
    throw new OutsideAccess(`${size} bytes at ${address.toString(16)}`);
  }

  private read(address: bigint, size: number): bigint {
    const { bytes, at, step } = this.place(address, size);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i * step]);
    return value;
  }

  private write(address: bigint, size: number, value: bigint): void {
    const found = this.place(address, size);
    let { bytes } = found;
    if (found.frame !== null) {
      // Moments that were observed keep theirs.
      bytes = found.frame.stack = bytes.slice();
    }
    for (let i = 0; i < size; i++)
      bytes[found.at + i * found.step] = Number((value >> BigInt(8 * i)) & 0xffn);
  }

  private load(address: bigint, size: number): bigint {
    // The context's packet pointers are wider than their fields.
    if (address === CONTEXT + BigInt(DATA)) return this.packet;
    if (address === CONTEXT + BigInt(DATA_END)) return this.packet + BigInt(this.packetBytes.length);
    return this.read(address, size);
  }

  private moment(): Moment {
    return {
      frames: this.frames.map(({ fp, callsite, registers, stack }) => ({
        fp,
        callsite,
        registers: registers.slice(),
        stack,
      })),
      packet: this.packet,
      packetEnd: this.packet + BigInt(this.packetBytes.length),
    };
  }

  /** Calls a helper; the instruction that follows, or a function of the program. */
  private helper(id: number, pc: number, r: bigint[]): number {
    const { random } = this;
    switch (id) {
      case HELPER.lookup: {
        const key = Number(this.read(r[2], 4));
        r[0] = key < MAP_ENTRIES ? MAP_VALUES + BigInt(key * MAP_VALUE_SIZE) : 0n;
        break;
      }
      case HELPER.loadBytes: {
        const offset = Number(r[2]);
        const size = Number(r[4]);
        const isInside = offset + size <= this.packetBytes.length;
        for (let i = 0; i < size; i++)
          this.write(r[3] + BigInt(i), 1, isInside ? BigInt(this.packetBytes[offset + i]) : 0n);
        r[0] = isInside ? 0n : MASK - 13n;
        break;
      }
      case HELPER.pullData:
        this.packet += PACKET_STEP;
        this.packetBytes = Uint8Array.from({ length: random.below(64) }, () => random.below(256));
        r[0] = random.pick([0n, MASK - 11n]);
        break;
      case HELPER.cpu:
        // Kernels of these profiles have one.
        r[0] = 0n;
        break;
      case HELPER.loop:
        return this.startLoop(pc, r);
      default:
        r[0] = random.below(4) === 0 ? random.pick(CONSTANTS) : random.u64();
        if (id === HELPER.random) r[0] &= 0xffffffffn;
    }
    this.clobber(r);
    return pc + 1;
  }

  private clobber(r: bigint[]): void {
    for (let i = 1; i <= 5; i++) r[i] = this.random.u64();
  }

  private startLoop(pc: number, r: bigint[]): number {
    const rounds = r[1] & 0xffffffffn;
    if (rounds > 1n << 23n || rounds === 0n) {
      r[0] = rounds === 0n ? 0n : MASK + 1n - E2BIG;
      this.clobber(r);
      return pc + 1;
    }
    const target = Number(r[2] - FUNCTIONS);
    const frame = this.push(pc, { argument: r[3], round: 0n, rounds });
    frame.registers[1] = 0n;
    frame.registers[2] = r[3];
    return target;
  }

  /** A function ends; the next instruction, -1 = the program ends. */
  private leave(): number {
    const { frames } = this;
    const top = frames[frames.length - 1];
    if (top.callsite < 0) return -1;
    frames.pop();
    const caller = frames[frames.length - 1];
    const r0 = top.registers[0];
    const { loop } = top;
    if (loop === null) {
      caller.registers[0] = r0;
      this.clobber(caller.registers);
      return top.callsite + 1;
    }
    loop.round++;
    if (r0 !== 0n || loop.round === loop.rounds) {
      caller.registers[0] = loop.round;
      this.clobber(caller.registers);
      return top.callsite + 1;
    }
    const target = top.callsite;
    const next = this.push(target, loop);
    next.registers[1] = loop.round;
    next.registers[2] = loop.argument;
    return Number(caller.registers[2] - FUNCTIONS);
  }

  /** Runs to the end, or until it took long enough. */
  run(): void {
    const { view } = this;
    const first = this.frames[0].registers;
    first[1] = CONTEXT;
    let rounds = 0;
    for (let pc = 0, steps = 0; pc >= 0 && steps < MAX_STEPS; steps++) {
      this.observe(pc, () => this.moment());
      const { registers: r, fp } = this.frames[this.frames.length - 1];
      const at = pc * 8;
      const opcode = view.getUint8(at);
      const dst = view.getUint8(at + 1) & 15;
      const src = view.getUint8(at + 1) >> 4;
      const off = BigInt(view.getInt16(at + 2, true));
      const imm = view.getInt32(at + 4, true);
      const size = SIZES[(opcode >> 3) & 3];
      const isX = (opcode & 8) !== 0;
      const a = dst === 10 ? fp : r[dst];
      const b = src === 10 ? fp : r[src];
      const constant = BigInt.asUintN(64, BigInt(imm));
      const operand = isX ? b : constant;
      const op = opcode & 0xf0;
      let next = pc + 1;
      switch (opcode & 7) {
        case 0:
          r[dst] = this.address(pc, src, imm);
          next = pc + 2;
          break;
        case 1: {
          const loaded = this.load((b + off) & MASK, size);
          r[dst] = (opcode & 0xe0) === 0x80 ? BigInt.asUintN(64, BigInt.asIntN(size * 8, loaded)) : loaded;
          break;
        }
        case 2:
          this.write((a + off) & MASK, size, constant);
          break;
        case 3: {
          const address = (a + off) & MASK;
          if ((opcode & 0xe0) !== 0xc0) {
            this.write(address, size, b);
            break;
          }
          const result = modelAtomic(imm, size === 8 ? 64 : 32, this.read(address, size), r[src], r[0]);
          this.write(address, size, result.memory);
          if (result.fetched !== null) r[imm === 0xf1 ? 0 : src] = result.fetched;
          break;
        }
        case 4:
        case 7: {
          const bits = (opcode & 7) === 7 ? 64 : 32;
          if (op !== 0xd0) r[dst] = modelAlu(op, bits, r[dst], operand, Number(off));
          else if (bits === 64 || isX) r[dst] = modelSwap(r[dst], imm);
          else r[dst] &= (1n << BigInt(imm)) - 1n;
          break;
        }
        default:
          if (opcode === 0x95) next = this.leave();
          else if (opcode === 0x85) next = src === 1 ? this.enter(pc, imm) : this.helper(imm, pc, r);
          else if (opcode === 0xe5)
            next += rounds++ % MAX_ROUNDS === this.random.below(MAX_ROUNDS) ? Number(off) : 0;
          else if (modelJump(op, (opcode & 7) === 5 ? 64 : 32, a, operand)) next += Number(off);
      }
      pc = next;
    }
  }

  private enter(pc: number, distance: number): number {
    const target = pc + 1 + distance;
    const { registers } = this.frames[this.frames.length - 1];
    const frame = this.push(pc, null);
    for (let i = 1; i <= 5; i++) frame.registers[i] = registers[i];
    return target;
  }

  private address(pc: number, kind: number, imm: number): bigint {
    const high = this.view.getInt32(pc * 8 + 12, true);
    if (kind === 0) return (BigInt(imm >>> 0) | (BigInt(high >>> 0) << 32n)) & MASK;
    if (kind === 4) return FUNCTIONS + BigInt(pc + 1 + imm);
    if (kind === 2) return MAP_VALUES + BigInt(high);
    return BigInt(imm - MAP_FD_BASE);
  }

  /** Frames that the verifier sees together: from the last global function on. */
  static visible(moment: Moment, globals: ReadonlySet<number>): readonly ConcreteFrame[] {
    let start = 0;
    moment.frames.forEach(({ callsite }, depth) => {
      if (globals.has(callsite)) start = depth;
    });
    return moment.frames.slice(start);
  }
}
