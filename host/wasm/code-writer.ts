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

/** Writes the instructions that everything else is made of. */
export class CodeWriter extends ByteWriter {
  get(local: number): void {
    this.u8(LOCAL_GET);
    this.u32(local);
  }

  set(local: number): void {
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
