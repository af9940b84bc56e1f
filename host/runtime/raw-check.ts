import * as I from '../../assembly/isa.js';
import { UsageError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';
import { isJump, jumpTarget } from '../wasm/flow-graph.js';
import { Insn } from '../wasm/insn.js';

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
    if (insn.opcode === WIDE) {
      const isWhole =
        slot + 1 < slots && insns.subarray((slot + 1) * 8, (slot + 1) * 8 + 4).every((byte) => byte === 0);
      if (!isWhole) throw refusal(slot, 'both halves of ld_imm64', 'one');
      slot++;
    } else if (insn.opcode === 0) throw refusal(slot, 'an instruction', 'opcode 0x0');
    else if (isJump(insn.opcode) && insn.operation !== I.BPF_EXIT) {
      const target = jumpTarget(view, slot);
      if (target < 0 || target >= slots) throw refusal(slot, 'a jump inside the program', `one to ${target}`);
    }
  }
}

const WIDE = 0x18;

function refusal(slot: InsnIndex, expected: string, found: string): UsageError {
  return new UsageError(
    'USAGE_INSN',
    `raw program: instruction ${slot}: expected ${expected}, found ${found}`,
    {
      insn: slot,
    },
  );
}
