// One look at all instructions before anything is emitted: registers used, and how much room each list needs.

import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_DIV,
  BPF_DW,
  BPF_EXIT,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_MOV,
  BPF_MUL,
  BPF_PROBE_MEM32,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_TAIL_CALL,
  BPF_X,
  INSN_SIZE,
} from '../isa';
import { JIT_USES_FUNCTIONS, JIT_USES_TAIL_CALL } from '../layout/jit';

/** JIT_USES; a register is used when any slot's dst or src field names it, whatever the field means there. */
export let uses: u32 = 0;
/** Upper bound of the template in bytes, prologue excluded. */
export let codeBound: usize = 0;
export let siteBound: u32 = 0;
export let faultBound: u32 = 0;
export let fixBound: u32 = 0;
/** Slot that names a register above AX; the number of slots when there is none. */
export let badRegister: u32 = 0;

/** Bytes of prologue or epilogue at most. */
export const FRAME_BOUND: usize = 96;

// Per opcode: bytes at most | 1 << 8 if it can be a branch site | 1 << 9 if it can fault | fixes << 10.
const SITE: u32 = 1 << 8;
const FAULT: u32 = 1 << 9;
const FIX: u32 = 1 << 10;
const needs: usize = memory.data(256 * 2);
let filled: bool = false;

function needOf(op: u32): u32 {
  const klass = op & 7;
  const mode = op & 0xe0;
  if (klass === BPF_ALU || klass === BPF_ALU64) {
    const operation = op & 0xf0;
    if (operation === BPF_DIV || operation === BPF_MOD || operation === BPF_MUL) return 40;
    if (operation === BPF_MOV) return (op & BPF_X) !== 0 ? 32 : 8;
    return (op & BPF_X) !== 0 ? 20 : 12;
  }
  if (klass === BPF_JMP || klass === BPF_JMP32) {
    const operation = op & 0xf0;
    if (operation === BPF_CALL) return 32 | (2 * FIX);
    if (operation === BPF_TAIL_CALL) return 128 | FIX;
    // An exit is a site, or once the epilogue, for which FRAME_BOUND makes room.
    return operation === BPF_EXIT ? SITE | 8 : SITE | 20;
  }
  if (klass === BPF_LD) return 12 | FIX;
  if (mode === BPF_MEM || mode === BPF_MEMSX) return 16;
  if (mode === BPF_ATOMIC) return 48;
  // The guard of 6.12 takes 40 bytes, its load 8.
  if (klass === BPF_LDX && mode !== BPF_PROBE_MEM32) return 48 | FAULT;
  return 20 | FAULT;
}

/** Bits of JIT_USES for an instruction of opcode and registers `head` that calls or takes an address. */
function usesOf(head: u32): u32 {
  const op = head & 0xff;
  const source = head >> 12;
  if (op === (BPF_JMP | BPF_TAIL_CALL)) return JIT_USES_TAIL_CALL;
  if (op === (BPF_JMP | BPF_CALL)) return source === BPF_PSEUDO_CALL ? JIT_USES_FUNCTIONS : 0;
  return op === (BPF_LD | BPF_DW) && source === BPF_PSEUDO_FUNC ? JIT_USES_FUNCTIONS : 0;
}

export function scan(insns: usize, count: u32): void {
  if (!filled) {
    for (let op: u32 = 0; op < 256; op++) store<u16>(needs + (op << 1), needOf(op));
    filled = true;
  }
  const end = insns + <usize>count * INSN_SIZE;
  let used: u32 = 0;
  let bytes: usize = 0;
  let sites: u32 = 0;
  let faults: u32 = 0;
  let fixes: u32 = 0;
  let bad: u32 = 0;
  for (let at = insns; at < end; at += INSN_SIZE) {
    const head = <u32>load<u16>(at);
    const registers = head >> 8;
    used |= (1 << (registers & 15)) | (1 << (registers >> 4));
    bad |= registers & (registers << 1) & 0x88;
    const need = <u32>load<u16>(needs + ((head & 0xff) << 1));
    if (need >= FIX) used |= usesOf(head);
    bytes += need & 0xff;
    sites += (need >> 8) & 1;
    faults += (need >> 9) & 1;
    fixes += need >> 10;
  }
  uses = used;
  codeBound = bytes;
  siteBound = sites;
  faultBound = faults;
  fixBound = fixes;
  badRegister = count;
  if (bad === 0) return;
  for (let i: u32 = 0; i < count; i++) {
    const registers = <u32>load<u8>(insns + <usize>i * INSN_SIZE, 1);
    if ((registers & (registers << 1) & 0x88) !== 0) {
      badRegister = i;
      return;
    }
  }
}

/** What the address of a function is until it is known: of the same encoded length as that of any image. */
const PLACEHOLDER: u64 = 0xffff_ffff_c000_0000;

/** Puts the placeholder into every ld_imm64 of a function's address. */
export function placeFunctions(insns: usize, count: u32): void {
  const end = insns + <usize>count * INSN_SIZE;
  for (let at = insns; at + INSN_SIZE < end; at += INSN_SIZE) {
    if (load<u8>(at) !== (BPF_LD | BPF_DW)) continue;
    if (load<u8>(at, 1) >> 4 === BPF_PSEUDO_FUNC) {
      store<u32>(at, <u32>PLACEHOLDER, 4);
      store<u32>(at, <u32>(PLACEHOLDER >> 32), INSN_SIZE + 4);
    }
    at += INSN_SIZE;
  }
}
