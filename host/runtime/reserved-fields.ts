import { UsageError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';

const hasImm = (opcode: number): boolean => {
  const klass = opcode & 7;
  const operation = opcode & 0xf0;
  if (klass === 4 || klass === 7) {
    if (operation === 0x80) return false;
    return operation === 0xd0 || (opcode & 8) === 0;
  }
  if (klass === 5 || klass === 6) {
    if (opcode === 0x06 || opcode === 0x85) return true;
    return opcode !== 0x05 && opcode !== 0x95 && (opcode & 8) === 0;
  }
  return klass !== 1 && !(klass === 3 && (opcode & 0xe0) === 0x60);
};

const hasOffset = (opcode: number): boolean => {
  const klass = opcode & 7;
  const operation = opcode & 0xf0;
  if (klass === 4 || klass === 7)
    return operation === 0x30 || operation === 0x90 || (operation === 0xb0 && (opcode & 8) !== 0);
  if (klass === 0) return false;
  return opcode !== 0x85 && opcode !== 0x95 && opcode !== 0x06;
};

const hasDst = (opcode: number): boolean =>
  opcode !== 0x05 && opcode !== 0x06 && opcode !== 0x85 && opcode !== 0x95;

const hasSrc = (opcode: number): boolean => {
  const klass = opcode & 7;
  if (klass === 4 || klass === 7)
    return (opcode & 8) !== 0 && (opcode & 0xf0) !== 0x80 && (opcode & 0xf0) !== 0xd0;
  if (klass === 5 || klass === 6) return opcode === 0x85 || (opcode & 8) !== 0;
  return klass !== 2;
};

/** Throws USAGE_RESERVED at the first instruction with a field set that its opcode does not use (RFC 9669). */
export function checkReserved(insns: Uint8Array): void {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (let insn: InsnIndex = 0; insn * 8 + 8 <= insns.length; insn++) {
    const at = insn * 8;
    const opcode = insns[at];
    const offset = view.getInt16(at + 2, true);
    const imm = view.getInt32(at + 4, true);
    const field =
      !hasDst(opcode) && (insns[at + 1] & 15) !== 0
        ? 'dst'
        : !hasSrc(opcode) && insns[at + 1] >> 4 !== 0
          ? 'src'
          : offset !== 0 && !hasOffset(opcode)
            ? 'offset'
            : imm !== 0 && !hasImm(opcode)
              ? 'imm'
              : badOffset(opcode, offset)
                ? 'offset'
                : null;
    if (field !== null)
      throw new UsageError(
        'USAGE_RESERVED',
        `instruction ${insn}: opcode 0x${opcode.toString(16).padStart(2, '0')} does not use its ${field} field, which is set`,
        { insn },
      );
    if (opcode === 0x18) insn++;
  }
}

/** Offsets of ALU instructions select a variant: signed division, sign extension. */
function badOffset(opcode: number, offset: number): boolean {
  const klass = opcode & 7;
  if (klass !== 4 && klass !== 7) return false;
  const operation = opcode & 0xf0;
  if (operation === 0x30 || operation === 0x90) return offset !== 0 && offset !== 1;
  if (operation !== 0xb0 || offset === 0) return false;
  return offset !== 8 && offset !== 16 && !(offset === 32 && klass === 7);
}
