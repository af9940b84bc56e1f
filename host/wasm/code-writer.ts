import { ByteWriter } from './byte-writer.js';
import {
  I32_CONST,
  I32_WRAP,
  I64_CONST,
  I64_EXTEND_I32_U,
  LOCAL_GET,
  LOCAL_SET,
  LOCAL_TEE,
  SIMD,
} from './opcodes.js';

/** Numbers below it are one byte in LEB128. */
const ONE_BYTE = 0x80;
/** Bytes of a local.set of such a local. */
const SET_SIZE = 2;

/** Writes the instructions that everything else is made of. */
export class CodeWriter extends ByteWriter {
  /** Where the last local.set stands, and its local. */
  #setAt = 0;
  #setLocal = -1;

  /** Right behind a local.set of the same local: makes that a local.tee. */
  get(local: number): void {
    if (local === this.#setLocal && this.#setAt + SET_SIZE === this.length) {
      this.patch(this.#setAt, LOCAL_TEE);
      this.#setLocal = -1;
      return;
    }
    this.u8(LOCAL_GET);
    this.u32(local);
  }

  set(local: number): void {
    this.#setAt = this.length;
    this.#setLocal = local < ONE_BYTE ? local : -1;
    this.u8(LOCAL_SET);
    this.u32(local);
  }

  tee(local: number): void {
    this.u8(LOCAL_TEE);
    this.u32(local);
  }

  i32(value: number): void {
    this.u8(I32_CONST);
    this.s32(value);
  }

  /** An i64 constant: a 32-bit number, sign-extended. */
  i64(value: number): void {
    this.u8(I64_CONST);
    this.s64(value, value >> 31);
  }

  big(value: bigint): void {
    this.u8(I64_CONST);
    this.s64(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  wrap(): void {
    this.u8(I32_WRAP);
  }

  extend(): void {
    this.u8(I64_EXTEND_I32_U);
  }

  simd(opcode: number): void {
    this.op(SIMD, opcode);
  }

  /** A load or store with a constant offset; alignment is only a hint. */
  memory(opcode: number, offset: number): void {
    this.op(opcode, 0);
    this.u32(offset);
  }
}
