import * as I from '../../assembly/isa.js';
import { UsageError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';
import { isJump, jumpTarget } from '../wasm/flow-graph.js';
import { Insn } from '../wasm/insn.js';

const WIDE = 0x18;
const CALL = 0x85;

const isAlu = ({ klass }: Insn): boolean => klass === I.BPF_ALU || klass === I.BPF_ALU64;
const isEnd = (insn: Insn): boolean => isAlu(insn) && insn.operation === I.BPF_END;

function writesFrame(insn: Insn): boolean {
  const { klass, imm } = insn;
  if (isAlu(insn) || klass === I.BPF_LDX || insn.opcode === WIDE) return insn.dst === I.BPF_REG_FP;
  const fetches = klass === I.BPF_STX && insn.mode === I.BPF_ATOMIC && (imm & I.BPF_FETCH) !== 0;
  return fetches && imm !== I.BPF_CMPXCHG && insn.src === I.BPF_REG_FP;
}

/** What an engine relies on in unverified instructions. @throws UsageError USAGE_INSN. */
export function checkRaw(insns: Uint8Array): void {
  if (insns.length === 0 || insns.length % I.INSN_SIZE !== 0)
    throw new UsageError(
      'USAGE_INSN',
      `raw program: expected a positive multiple of ${I.INSN_SIZE} bytes, found ${insns.length}`,
    );
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const slots = insns.length / I.INSN_SIZE;
  const insn = new Insn(view);
  for (let slot = 0; slot < slots; slot++) {
    insn.at(slot);
    if (insn.dst > I.BPF_REG_FP || insn.src > I.BPF_REG_FP)
      throw refusal(slot, `registers up to ${I.BPF_REG_FP}`, `${insn.dst} and ${insn.src}`);
    if (writesFrame(insn)) throw refusal(slot, 'a register that is not R10 to be written', 'R10');
    if (insn.opcode === WIDE) {
      if (insn.src !== 0) throw refusal(slot, 'a plain ld_imm64', `source ${insn.src}`);
      const isWhole =
        slot + 1 < slots && insns.subarray((slot + 1) * 8, (slot + 1) * 8 + 4).every((byte) => byte === 0);
      if (!isWhole) throw refusal(slot, 'both halves of ld_imm64', 'one');
      slot++;
    } else if (isEnd(insn)) {
      if (insn.imm !== 16 && insn.imm !== 32 && insn.imm !== 64)
        throw refusal(slot, 'a width of 16, 32 or 64', `${insn.imm}`);
    } else if (insn.opcode === CALL) {
      if (insn.src > 1) throw refusal(slot, 'a call of a helper or a local function', `source ${insn.src}`);
      const target = slot + 1 + insn.imm;
      if (insn.src === 1 && (target < 0 || target >= slots))
        throw refusal(slot, 'a call inside the program', `one of ${target}`);
    } else if (insn.opcode === 0) throw refusal(slot, 'an instruction', 'opcode 0x0');
    else if (isJump(insn.opcode) && insn.operation !== I.BPF_EXIT) {
      const target = jumpTarget(view, slot);
      if (target < 0 || target >= slots) throw refusal(slot, 'a jump inside the program', `one to ${target}`);
    }
  }
}

/** Refuses what only the kernel's rewrites write, and what RFC 9669 does not have. @throws UsageError USAGE_INSN. */
export function checkPortable(insns: Uint8Array): void {
  for (let at = 0; at < insns.length; at += I.INSN_SIZE) {
    const opcode = insns[at];
    if (!isPortable(opcode))
      throw refusal(at / I.INSN_SIZE, 'an instruction of RFC 9669', `opcode 0x${opcode.toString(16)}`);
    if (opcode === WIDE) at += I.INSN_SIZE;
  }
}

function isPortable(opcode: number): boolean {
  const operation = opcode & 0xf0;
  const mode = opcode & 0xe0;
  const isX = (opcode & I.BPF_X) !== 0;
  switch (opcode & 7) {
    case I.BPF_LD:
      return opcode === WIDE;
    case I.BPF_LDX:
      return mode === I.BPF_MEM || (mode === I.BPF_MEMSX && (opcode & 0x18) !== I.BPF_DW);
    case I.BPF_ST:
      return mode === I.BPF_MEM;
    case I.BPF_STX:
      return (
        mode === I.BPF_MEM ||
        (mode === I.BPF_ATOMIC && ((opcode & 0x18) === I.BPF_W || (opcode & 0x18) === I.BPF_DW))
      );
    case I.BPF_ALU:
      return operation <= I.BPF_END && !(operation === I.BPF_NEG && isX);
    case I.BPF_ALU64:
      return operation <= I.BPF_END && !((operation === I.BPF_NEG || operation === I.BPF_END) && isX);
    default:
      if (operation === I.BPF_JA) return !isX;
      if (operation === I.BPF_CALL || operation === I.BPF_EXIT) return (opcode & 7) === I.BPF_JMP && !isX;
      return operation <= I.BPF_JSLE;
  }
}

function refusal(slot: InsnIndex, expected: string, found: string): UsageError {
  return new UsageError(
    'USAGE_INSN',
    `raw program: instruction ${slot}: expected ${expected}, found ${found}`,
    {
      insn: slot,
    },
  );
}
