// Prefixes, ModRM and SIB of the instruction being decoded (Intel SDM vol. 2, 2.1 and 2.2).
import { CPU_GS, CPU_ZERO } from '../layout/cpu';
import { cursor, fetch8, fetchI32, fetchI8 } from './fetch';
import { registerOffset } from './state';
import { FORM_RIP, FORM_SCALE } from './uop';

export let rex: u32 = 0;
export let opsize: bool = false;
export let lock: bool = false;
/** 0xf3 or 0xf2, the last one met. */
export let rep: u32 = 0;
let gs: bool = false;
/** A segment that is not gs, or a size the CPU does not know. */
export let prefixUnknown: bool = false;

/** ModRM: a register operand instead of memory. */
export let isRegister: bool = false;
/** Number of the register in the reg field and in the r/m field, REX bits included. */
export let regNumber: u32 = 0;
export let rmNumber: u32 = 0;
/** Memory operand: offsets of base and index in the CPU state, displacement, and form bits. */
export let base: u32 = 0;
export let index: u32 = 0;
export let disp: i32 = 0;
export let memForm: u32 = 0;

const SEGMENT_GS: u32 = 0x65;

/** Reads the prefixes and answers the first byte of the opcode. */
export function readPrefixes(): u32 {
  rex = 0;
  opsize = false;
  lock = false;
  rep = 0;
  gs = false;
  prefixUnknown = false;
  for (let i = 0; i < 15; i++) {
    const byte = fetch8();
    if ((byte & 0xf0) === 0x40) {
      rex = byte;
      const next = fetch8();
      return next;
    }
    if (byte === 0x66) opsize = true;
    else if (byte === 0xf0) lock = true;
    else if (byte === 0xf3 || byte === 0xf2) rep = byte;
    else if (byte === SEGMENT_GS) gs = true;
    // cs, ds, es, ss have no effect in 64-bit mode.
    else if (byte !== 0x2e && byte !== 0x3e && byte !== 0x26 && byte !== 0x36) {
      if (byte === 0x64 || byte === 0x67) prefixUnknown = true;
      return byte;
    }
  }
  prefixUnknown = true;
  return 0x90;
}

/** VEX carries inverted REX bits. */
export function setRex(bits: u32): void {
  rex = bits;
}

/** Log2 of the operand's bytes: 3 with REX.W, 1 with 66, else 2. */
export function operandWidth(): u32 {
  if ((rex & 8) !== 0) return 3;
  return opsize ? 1 : 2;
}

/** Offset in the CPU state of register `number` for a width; 4 to 7 without REX are ah ch dh bh. */
export function registerAt(number: u32, width: u32): u32 {
  if (width === 0 && rex === 0 && number >= 4) return registerOffset(number - 4) + 1;
  return registerOffset(number);
}

export function readModRm(): void {
  const byte = fetch8();
  const mod = byte >> 6;
  regNumber = ((byte >> 3) & 7) | ((rex & 4) << 1);
  rmNumber = (byte & 7) | ((rex & 1) << 3);
  isRegister = mod === 3;
  base = CPU_ZERO;
  index = CPU_ZERO;
  disp = 0;
  memForm = 0;
  if (isRegister) return;
  let low = byte & 7;
  if (low === 4) {
    const sib = fetch8();
    const number = ((sib >> 3) & 7) | ((rex & 2) << 2);
    low = sib & 7;
    // Index 4 (rsp) means none; r12 is an index like any other.
    if (number !== 4) {
      index = registerOffset(number);
      memForm = (sib >> 6) << FORM_SCALE;
    }
    if (low === 5 && mod === 0) disp = fetchI32();
    else base = registerOffset(low | ((rex & 1) << 3));
  } else if (low === 5 && mod === 0) {
    memForm = FORM_RIP;
    disp = fetchI32();
  } else base = registerOffset(low | ((rex & 1) << 3));
  if (mod === 1) disp = fetchI8();
  else if (mod === 2) disp = fetchI32();
  if (gs) {
    if (index !== CPU_ZERO) prefixUnknown = true;
    index = CPU_GS;
  }
}

/** The memory operand is base + displacement, or base + index: the loop's own forms. */
export function isPlainMemory(): bool {
  return memForm === 0;
}

/** Address of the byte after what was read so far. */
export function here(): u64 {
  return cursor;
}
