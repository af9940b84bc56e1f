/** Instructions for tests, by the names RFC 9669 gives them. Registers are numbers. */
const insn = (opcode: number, dst: number, src: number, off: number, imm: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  bytes[0] = opcode;
  bytes[1] = dst | (src << 4);
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return bytes;
};

const SIZES = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;
type Size = keyof typeof SIZES;

export const movImm = (dst: number, imm: number): Uint8Array => insn(0xb7, dst, 0, 0, imm);
export const mov = (dst: number, src: number): Uint8Array => insn(0xbf, dst, src, 0, 0);
export const addImm = (dst: number, imm: number): Uint8Array => insn(0x07, dst, 0, 0, imm);
export const add = (dst: number, src: number): Uint8Array => insn(0x0f, dst, src, 0, 0);
export const load = (size: Size, dst: number, src: number, off: number): Uint8Array =>
  insn(0x61 | SIZES[size], dst, src, off, 0);
export const store = (size: Size, dst: number, off: number, src: number): Uint8Array =>
  insn(0x63 | SIZES[size], dst, src, off, 0);
export const storeImm = (size: Size, dst: number, off: number, imm: number): Uint8Array =>
  insn(0x62 | SIZES[size], dst, 0, off, imm);
export const call = (helper: number): Uint8Array => insn(0x85, 0, 0, 0, helper);
export const callLocal = (offset: number): Uint8Array => insn(0x85, 0, 1, 0, offset);
export const jump = (off: number): Uint8Array => insn(0x05, 0, 0, off, 0);
export const jumpIfEqual = (dst: number, imm: number, off: number): Uint8Array =>
  insn(0x15, dst, 0, off, imm);
export const exit = (): Uint8Array => insn(0x95, 0, 0, 0, 0);
/** ld_imm64 with a source register: 0 value, 1 map by fd, 2 map value, 4 function. */
export function load64(dst: number, src: number, low: number, high = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(insn(0x18, dst, src, 0, low));
  bytes.set(insn(0, 0, 0, 0, high), 8);
  return bytes;
}

/** One program after the other. */
export function program(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
