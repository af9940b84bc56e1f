import { BPF_B, BPF_DW, BPF_H, BPF_MEM, BPF_ST, BPF_STX, BPF_W } from '../../../assembly/isa.js';
import type { BpfRegister } from '../../quantities.js';
import type { KernelOffsets } from './offsets.js';

/** What a conversion writes its instructions with (host/verifier/rewrite/pass.ts). */
export interface ConversionSink {
  insn(code: number, dst: BpfRegister, src: BpfRegister, off: number, imm: number): void;
  /** A branch over `distance` of the instructions that follow. */
  skip(code: number, dst: BpfRegister, src: BpfRegister, imm: number, distance: number): void;
  skipIfImm(op: number, dst: BpfRegister, imm: number, distance: number): void;
  skipAlways(distance: number): void;
  load(size: number, dst: BpfRegister, src: BpfRegister, off: number): void;
  store(size: number, dst: BpfRegister, src: BpfRegister, off: number): void;
  mov(dst: BpfRegister, src: BpfRegister): void;
  movImm(dst: BpfRegister, imm: number): void;
  mov32Imm(dst: BpfRegister, imm: number): void;
  alu(op: number, dst: BpfRegister, src: BpfRegister): void;
  aluImm(op: number, dst: BpfRegister, imm: number): void;
  alu32Imm(op: number, dst: BpfRegister, imm: number): void;
}

/** One load or store of the context (or of a socket) that is to become accesses of the kernel's structures. */
export interface Conversion {
  readonly sink: ConversionSink;
  readonly offsets: KernelOffsets;
  readonly programType: number;
  readonly attachType: number;
  readonly isModern: boolean;
  readonly maxCpus: number;
  /** Some load of the program reads __sk_buff.tstamp_type. */
  readonly readsTimestampType: boolean;
  readonly isWrite: boolean;
  /** A store of `imm`, not of `src`. */
  readonly isImmediate: boolean;
  readonly dst: BpfRegister;
  readonly src: BpfRegister;
  readonly imm: number;
  /** Of the accessed field; of a narrow load, of the whole field. */
  readonly offset: number;
  /** Bytes accessed; of a narrow load, bytes of the whole field. */
  readonly size: number;
}

/** Writes the replacement. Returns how many bytes of the kernel's field a load yields. */
export type Convert = (access: Conversion) => number;

const SIZE_CODES: Readonly<Record<number, number>> = { 1: BPF_B, 2: BPF_H, 4: BPF_W, 8: BPF_DW };

/** Size bits of an opcode for 1, 2, 4 or 8 bytes. */
export const sizeCode = (bytes: number): number => SIZE_CODES[bytes];

/** D = the `bytes` at base + offset. */
export function loadField(access: Conversion, bytes: number, base: BpfRegister, offset: number): number {
  access.sink.load(sizeCode(bytes), access.dst, base, offset);
  return bytes;
}

/** The store itself with another offset and size, of a register or of an immediate as it was. */
export function storeField(access: Conversion, bytes: number, offset: number): number {
  const form = access.isImmediate ? BPF_ST : BPF_STX;
  const src = access.isImmediate ? 0 : access.src;
  access.sink.insn(
    form | BPF_MEM | sizeCode(bytes),
    access.dst,
    src,
    offset,
    access.isImmediate ? access.imm : 0,
  );
  return bytes;
}

/** A plain field of the structure the context really is. */
export function plainField(access: Conversion, bytes: number, offset: number): number {
  return access.isWrite ? storeField(access, bytes, offset) : loadField(access, bytes, access.src, offset);
}

/** D = the pointer at src + first, then D = what each further offset from there points to; the last has `bytes`. */
export function loadThrough(access: Conversion, bytes: number, ...path: readonly number[]): number {
  let base = access.src;
  path.forEach((offset, step) => {
    access.sink.load(step === path.length - 1 ? sizeCode(bytes) : BPF_DW, access.dst, base, offset);
    base = access.dst;
  });
  return bytes;
}

/** The highest register that the access does not use. */
export function spareRegister({ dst, src, isImmediate }: Conversion): BpfRegister {
  let spare = 9;
  while (spare === dst || (!isImmediate && spare === src)) spare--;
  return spare;
}
