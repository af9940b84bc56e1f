// The emission pass: every instruction lowered once, in order, into the template.

import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_DW,
  BPF_EXIT,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_NOSPEC,
  BPF_PROBE_ATOMIC,
  BPF_PROBE_MEM,
  BPF_PROBE_MEM32,
  BPF_PROBE_MEMSX,
  BPF_PSEUDO_FUNC,
  BPF_ST,
  BPF_TAIL_CALL,
  BPF_W,
  INSN_SIZE,
} from '../isa';
import {
  JIT_BAD_PROGRAM,
  JIT_FIX_FUNC32,
  JIT_FIX_FUNC64,
  JIT_PROBE_SUPPORT,
  JIT_SMALL_ATOMIC,
  JIT_UNKNOWN_OPCODE,
  JIT_V5_5,
  JIT_V6_12,
} from '../layout/jit';
import { lfence, movImm64 } from '../x86/encode';
import { x86Register } from '../x86/reg';
import { alu } from './alu';
import { arenaAccess, arenaAtomic } from './arena';
import { atomic } from './atomic';
import { call } from './call';
import { epilogue, prologue } from './frame';
import { condJump } from './jump';
import { loadMem, loadSigned, storeImm, storeReg } from './load_store';
import { probeLoad } from './probe';
import { addExit, addSite, JMP, NO_TARGET } from './sizing';
import { fail, flags, noteFix, setSlot, siteCount, template, version } from './state';
import { directTailCall, tailCall } from './tail_call';

/** Emits `count` slots and notes their ends ((T, S) of sizing.ts) at `ends`; returns the end, or 0 on an error. */
export function emitTemplate(insns: usize, count: u32, ends: usize): usize {
  let p = prologue(template);
  let cleanup: usize = 0;
  let cleanupSites: u32 = 0;
  store<u64>(ends, <u64>(p - template));
  for (let i: u32 = 0; i < count; i++) {
    setSlot(i);
    const word = load<u64>(insns + <usize>i * INSN_SIZE);
    const op = (<u32>word) & 0xff;
    const bpfD = (<u32>(word >> 8)) & 15;
    const d = x86Register(bpfD);
    const s = x86Register((<u32>(word >> 12)) & 15);
    const off = <i32>(<i16>(word >> 16));
    const imm = <i32>(word >> 32);
    switch (op & 7) {
      case BPF_ALU:
        p = alu(p, op, 0, d, s, off, imm);
        break;
      case BPF_ALU64:
        p = alu(p, op, 1, d, s, off, imm);
        break;
      case BPF_LDX:
        p = loadInsn(p, op, bpfD, d, s, off, imm);
        break;
      case BPF_ST:
        p = storeInsn(p, op, d, off, imm);
        break;
      case BPF_JMP:
        if (op === BPF_JMP) p = addSite(p, <i64>(i + 1) + <i64>off, JMP);
        else if (op === (BPF_JMP | BPF_CALL)) p = call(p, imm);
        else if (op === (BPF_JMP | BPF_TAIL_CALL)) p = imm === 0 ? tailCall(p) : directTailCall(p);
        else if (op !== (BPF_JMP | BPF_EXIT)) p = condJump(p, op, 1, d, s, imm, <i64>(i + 1) + <i64>off);
        else if (cleanup !== 0) p = addExit(p, cleanup, cleanupSites);
        else {
          cleanup = p;
          cleanupSites = siteCount;
          p = epilogue(p);
        }
        break;
      case BPF_JMP32:
        if (op !== BPF_JMP32) p = condJump(p, op, 0, d, s, imm, <i64>(i + 1) + <i64>off);
        else if (version === JIT_V5_5) p = fail(JIT_UNKNOWN_OPCODE, op);
        else p = addSite(p, <i64>(i + 1) + <i64>imm, JMP);
        break;
      case BPF_LD: {
        if (op !== (BPF_LD | BPF_DW)) return fail(JIT_UNKNOWN_OPCODE, op);
        if (i + 1 === count) return fail(JIT_BAD_PROGRAM, op);
        const start = p;
        const high = <u64>load<u32>(insns + <usize>i * INSN_SIZE, INSN_SIZE + 4);
        p = movImm64(p, d, (high << 32) | (<u64>(<u32>imm)), version === JIT_V6_12);
        if (((<u32>(word >> 12)) & 15) === BPF_PSEUDO_FUNC) noteFunction(start, p);
        i++;
        store<u64>(ends + (i << 3), (<u64>(p - template)) | ((<u64>NO_TARGET) << 32));
        break;
      }
      default:
        p = storeRegInsn(p, op, bpfD, d, s, off, imm);
    }
    if (p === 0) return 0;
    store<u64>(ends + (i << 3), (<u64>(p - template)) | ((<u64>siteCount) << 32), 8);
  }
  return p;
}

function noteFunction(start: usize, end: usize): void {
  if (end - start === 7) noteFix(start + 3, JIT_FIX_FUNC32, 0);
  else if (end - start === 10) noteFix(start + 2, JIT_FIX_FUNC64, 0);
}

function probes(): bool {
  return (flags & JIT_PROBE_SUPPORT) !== 0;
}

function arenas(): bool {
  return version === JIT_V6_12 && probes();
}

function loadInsn(p: usize, op: u32, bpfD: u32, d: u32, s: u32, off: i32, imm: i32): usize {
  const size = op & 0x18;
  switch (op & 0xe0) {
    case BPF_MEM:
      return loadMem(p, size, d, s, off);
    case BPF_MEMSX:
      if (size !== BPF_DW && version === JIT_V6_12) return loadSigned(p, size, d, s, off);
      break;
    case BPF_PROBE_MEM:
      if (probes()) return probeLoad(p, op, bpfD, d, s, off);
      break;
    case BPF_PROBE_MEMSX:
      if (size !== BPF_DW && arenas()) return probeLoad(p, op, bpfD, d, s, off);
      break;
    case BPF_PROBE_MEM32:
      if (arenas()) return arenaAccess(p, op, bpfD, d, s, off, imm);
      break;
  }
  return fail(JIT_UNKNOWN_OPCODE, op);
}

function storeInsn(p: usize, op: u32, d: u32, off: i32, imm: i32): usize {
  const mode = op & 0xe0;
  if (mode === BPF_MEM) return storeImm(p, op & 0x18, d, off, imm);
  if (mode === BPF_PROBE_MEM32 && arenas()) return arenaAccess(p, op, 0, d, 0, off, imm);
  if (op === (BPF_ST | BPF_NOSPEC) && version !== JIT_V5_5) return lfence(p);
  return fail(JIT_UNKNOWN_OPCODE, op);
}

function storeRegInsn(p: usize, op: u32, bpfD: u32, d: u32, s: u32, off: i32, imm: i32): usize {
  const size = op & 0x18;
  const whole = size === BPF_W || size === BPF_DW;
  const w: u32 = size === BPF_DW ? 1 : 0;
  switch (op & 0xe0) {
    case BPF_MEM:
      return storeReg(p, size, d, s, off);
    case BPF_ATOMIC:
      if (whole) return atomic(p, w, d, s, off, imm);
      break;
    case BPF_PROBE_MEM32:
      if (arenas()) return arenaAccess(p, op, bpfD, d, s, off, imm);
      break;
    case BPF_PROBE_ATOMIC:
      if (!arenas()) break;
      return whole ? arenaAtomic(p, w, d, s, off, imm) : fail(JIT_SMALL_ATOMIC, op);
  }
  return fail(JIT_UNKNOWN_OPCODE, op);
}
