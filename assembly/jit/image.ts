// The image pass: code at its final place, addresses filled in, exception table behind it.
//
//   0                    length   multiple of 4
//   +---------------------+--------+--------------------------+
//   | code                |   cc   | entry 0, entry 1, ...     |
//   +---------------------+--------+--------------------------+

import { BPF_PROBE_ATOMIC, BPF_PROBE_MEM32, INSN_SIZE } from '../isa';
import {
  EXTABLE_ALIGN,
  EXTABLE_DATA,
  EXTABLE_ENTRY_SIZE,
  EXTABLE_FIXUP,
  EXTABLE_INSN,
  EX_TYPE_BPF,
} from '../layout/extable';
import {
  JIT_CALL_BASE,
  JIT_CALL_RANGE,
  JIT_CODE_LENGTH,
  JIT_EXTABLE_HANDLER_RANGE,
  JIT_EXTABLE_NOT_POPULATED,
  JIT_EX_GEN_BUG,
  JIT_EX_HANDLER,
  JIT_FATAL,
  JIT_FAULTS,
  JIT_FAULT_COUNT,
  JIT_FAULT_FIXUP,
  JIT_FAULT_OFFSET,
  JIT_FAULT_SIZE,
  JIT_FAULT_SLOT,
  JIT_FIXES,
  JIT_FIX_CALL,
  JIT_FIX_COUNT,
  JIT_FIX_DIRECT,
  JIT_FIX_FUNC32,
  JIT_FIX_FUNC64,
  JIT_FIX_KIND,
  JIT_FIX_OFFSET,
  JIT_FIX_RIP32,
  JIT_FIX_SITES,
  JIT_FIX_SIZE,
  JIT_FIX_SLOT,
  JIT_FIX_TARGET,
  JIT_IMAGE,
  JIT_INSNS,
  JIT_INSN_COUNT,
  JIT_MEM32_EX_BUG,
  JIT_NUM_EXENTRIES,
  JIT_PROBE_REGISTER,
  JIT_V5_5,
} from '../layout/jit';
import { NO_PROBE_REGISTER } from './probe';
import { NO_TARGET, savedBefore, sitesBefore } from './sizing';
import { failAt, record, template, version } from './state';

/** Whether a call or jump whose displacement ends at `next` reaches `target`. */
export function reaches32(target: u64, next: u64): bool {
  const rel = <i64>(target - next);
  return rel === <i64>(<i32>rel);
}

/** Writes everything that depends on addresses; it may run again after the immediates of calls changed. */
export function applyFixes(): void {
  const image = load<u64>(record + JIT_IMAGE);
  const insns = <usize>load<u32>(record + JIT_INSNS);
  const callBase = load<u64>(record + JIT_CALL_BASE);
  let fix = <usize>load<u32>(record + JIT_FIXES);
  const end = fix + <usize>load<u32>(record + JIT_FIX_COUNT) * JIT_FIX_SIZE;
  for (; fix < end; fix += JIT_FIX_SIZE) {
    const saved = savedBefore(load<u32>(fix + JIT_FIX_SITES));
    const offset = load<u32>(fix + JIT_FIX_OFFSET) - saved;
    const slot = load<u32>(fix + JIT_FIX_SLOT);
    const kind = load<u32>(fix + JIT_FIX_KIND);
    const insn = insns + <usize>slot * INSN_SIZE;
    const at = template + offset;
    store<u32>(fix + JIT_FIX_OFFSET, offset);
    store<u32>(fix + JIT_FIX_SITES, 0);
    if (kind === JIT_FIX_DIRECT) {
      store<u64>(fix + JIT_FIX_TARGET, load<u64>(fix + JIT_FIX_TARGET) - <u64>saved);
    } else if (kind === JIT_FIX_FUNC32) {
      // The form was chosen by the placeholder; an address outside the top 2 GiB would need the other one.
      if (load<i32>(insn, INSN_SIZE + 4) !== -1 || load<i32>(insn, 4) >= 0) failAt(JIT_FATAL, slot, 0);
      store<u32>(at, load<u32>(insn, 4));
    } else if (kind === JIT_FIX_FUNC64) {
      store<u32>(at, load<u32>(insn, 4));
      store<u32>(at, load<u32>(insn, INSN_SIZE + 4), 4);
    } else {
      const target =
        kind === JIT_FIX_CALL ? callBase + <u64>(<i64>load<i32>(insn, 4)) : load<u64>(fix + JIT_FIX_TARGET);
      const next = image + <u64>offset + (kind === JIT_FIX_RIP32 ? 5 : 4);
      if (!reaches32(target, next)) failAt(JIT_CALL_RANGE, slot, target);
      store<u32>(at, <u32>(target - next));
    }
  }
}

/** Turns the list of accesses that may fault into the table: entry k, not behind element k, comes to lie over it. */
export function writeExtable(): void {
  const length = load<u32>(record + JIT_CODE_LENGTH);
  const tableOffset = (length + EXTABLE_ALIGN - 1) & ~(EXTABLE_ALIGN - 1);
  memory.fill(template + length, 0xcc, tableOffset - length);
  const room = load<u32>(record + JIT_NUM_EXENTRIES);
  const count = load<u32>(record + JIT_FAULT_COUNT);
  const handler = load<u64>(record + JIT_EX_HANDLER) - load<u64>(record + JIT_IMAGE);
  let fault = <usize>load<u32>(record + JIT_FAULTS);
  let entry = tableOffset;
  for (let k: u32 = 0; k < count; k++) {
    const slot = load<u32>(fault + JIT_FAULT_SLOT);
    if (k >= room) {
      failAt(arenaSlot(slot) ? JIT_MEM32_EX_BUG : JIT_EX_GEN_BUG, slot, 0);
      return;
    }
    const offset = load<u32>(fault + JIT_FAULT_OFFSET) - savedBefore(sitesBefore(slot));
    const fixup = load<u32>(fault + JIT_FAULT_FIXUP);
    if (fixup >> 8 === NO_PROBE_REGISTER) failAt(JIT_PROBE_REGISTER, slot, 0);
    const at = template + entry;
    store<u32>(at + EXTABLE_INSN, offset - entry);
    store<u32>(at + EXTABLE_FIXUP, fixup);
    let data: u32 = EX_TYPE_BPF;
    if (version === JIT_V5_5) {
      const distance = handler - <u64>(entry + EXTABLE_DATA);
      if (!reaches32(distance, 0)) failAt(JIT_EXTABLE_HANDLER_RANGE, slot, 0);
      data = <u32>distance;
    }
    store<u32>(at + EXTABLE_DATA, data);
    entry += EXTABLE_ENTRY_SIZE;
    fault += JIT_FAULT_SIZE;
  }
  if (count < room) failAt(JIT_EXTABLE_NOT_POPULATED, load<u32>(record + JIT_INSN_COUNT), 0);
}

function arenaSlot(slot: u32): bool {
  const mode = (<u32>load<u8>(<usize>load<u32>(record + JIT_INSNS) + <usize>slot * INSN_SIZE)) & 0xe0;
  return mode === BPF_PROBE_MEM32 || mode === BPF_PROBE_ATOMIC;
}

/**
 * Turns slot ends (T, S) into lengths, u8 each, in place: of the prologue, then of each slot. The first half of
 * ld_imm64 has all of its bytes.
 */
export function writeLengths(ends: usize, count: u32): void {
  let last: u32 = 0;
  for (let i: u32 = 0; i <= count; i++) {
    let at = ends + ((<usize>i) << 3);
    if (load<u32>(at, 4) === NO_TARGET) at += 8;
    const end = load<u32>(at) - savedBefore(load<u32>(at, 4));
    store<u8>(ends + i, end - last);
    last = end;
  }
}
