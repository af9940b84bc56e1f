// Instructions to records (layout/interp.ts), one to one.
import {
  BPF_ALU,
  BPF_ALU64,
  BPF_ARSH,
  BPF_ATOMIC,
  BPF_CALL,
  BPF_CMPXCHG,
  BPF_DW,
  BPF_END,
  BPF_EXIT,
  BPF_FETCH,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_MOD,
  BPF_DIV,
  BPF_MOV,
  BPF_NEG,
  BPF_NOSPEC,
  BPF_PROBE_ATOMIC,
  BPF_PROBE_MEM,
  BPF_PROBE_MEM32,
  BPF_PROBE_MEMSX,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_REG_AX,
  BPF_REG_FP,
  BPF_ST,
  BPF_STX,
  BPF_TAIL_CALL,
  BPF_W,
  BPF_XCHG,
  BPF_XOR,
  INSN_SIZE,
} from '../isa';
import {
  ALU_SDIV,
  ALU_SMOD,
  BAD_ATOMIC,
  BAD_CALL,
  BAD_JUMP,
  BAD_OPCODE,
  BAD_REGISTER,
  BAD_WIDE,
  FUNC_ADDRESS,
  FUNC_SIZE,
  FUNC_START,
  OP_ALU32_K,
  OP_ALU32_X,
  OP_ALU64_K,
  OP_ALU64_X,
  OP_ATOMIC32,
  OP_ATOMIC32_ARENA,
  OP_ATOMIC64,
  OP_ATOMIC64_ARENA,
  OP_BAD,
  OP_BSWAP16,
  OP_BSWAP32,
  OP_BSWAP64,
  OP_CALL_FUNC,
  OP_CALL_HELPER,
  OP_CAST_USER,
  OP_EXIT,
  OP_JMP32_K,
  OP_JMP32_X,
  OP_JMP64_K,
  OP_JMP64_X,
  OP_LDX,
  OP_LDX_ARENA,
  OP_LDX_STACK,
  OP_LD_IMM64,
  OP_MOVSX16,
  OP_MOVSX16_32,
  OP_MOVSX32,
  OP_MOVSX8,
  OP_MOVSX8_32,
  OP_NOP,
  OP_PERCPU,
  OP_PROBE_5_5,
  OP_PROBE_6_1,
  OP_PROBE_6_12,
  OP_ST,
  OP_STX,
  OP_STX_ARENA,
  OP_STX_STACK,
  OP_ST_ARENA,
  OP_ST_STACK,
  OP_TAIL_CALL,
  OP_ZEXT16,
  REC_DST,
  REC_ENTRY,
  REC_IMM,
  REC_OFF,
  REC_OP,
  REC_SIZE,
  REC_SRC,
  SET_CALL_BASE,
  SET_VERSION,
  STACK_REACH,
  VERSION_6_1,
  VERSION_6_12,
} from '../layout/interp';
import { pairOp } from './pairs';
import { sequenceOp } from './sequences';
import { settings } from './state';

/** imm of the address-space cast to a user pointer: destination space 1 (user) << 16 | source space 0. */
const CAST_TO_USER: i32 = 65536;

function isFrameAccess(register: u32, off: i32, size: i32): bool {
  return register === BPF_REG_FP && off >= -STACK_REACH && off + size <= 0;
}

function widthLog(opcode: u32): u32 {
  const size = opcode & 0x18;
  return size === BPF_W ? 2 : size === BPF_DW ? 3 : size === 0x08 ? 1 : 0;
}

function put(record: usize, op: u32, dst: u32, src: u32, off: i32, imm: u64): void {
  store<u16>(record + REC_OP, <u16>op);
  store<u8>(record + REC_DST, <u8>(dst << 3));
  store<u8>(record + REC_SRC, <u8>(src << 3));
  store<i32>(record + REC_OFF, off);
  store<u64>(record + REC_IMM, imm);
}

/** Operation of an ALU instruction, or OP_BAD. */
function aluOp(opcode: u32, off: i32, imm: i32): u32 {
  const wide = (opcode & 7) === BPF_ALU64;
  const register = (opcode & 8) !== 0;
  const operation = opcode & 0xf0;
  const group = wide ? (register ? OP_ALU64_X : OP_ALU64_K) : register ? OP_ALU32_X : OP_ALU32_K;
  if (operation === BPF_END) {
    const swaps = wide || register;
    if (wide && register) return OP_BAD;
    if (imm === 16) return swaps ? OP_BSWAP16 : OP_ZEXT16;
    if (imm === 32) return swaps ? OP_BSWAP32 : OP_ALU32_X + (BPF_MOV >> 4);
    if (imm === 64) return swaps ? OP_BSWAP64 : OP_NOP;
    return OP_BAD;
  }
  if (operation === BPF_MOV && register && off !== 0) {
    if (off === 8) return wide ? OP_MOVSX8 : OP_MOVSX8_32;
    if (off === 16) return wide ? OP_MOVSX16 : OP_MOVSX16_32;
    if (!wide) return OP_BAD;
    if (off === 32) return OP_MOVSX32;
    if (off === -1) return OP_PERCPU;
    return off === 1 && imm === CAST_TO_USER ? OP_CAST_USER : OP_BAD;
  }
  if ((operation === BPF_DIV || operation === BPF_MOD) && off === 1)
    return group + (operation === BPF_DIV ? ALU_SDIV : ALU_SMOD);
  if (operation === BPF_NEG) return register ? OP_BAD : group + (BPF_NEG >> 4);
  if (operation > <u32>BPF_END) return OP_BAD;
  return group + (operation >> 4);
}

function isAtomic(imm: i32): bool {
  if (imm === BPF_XCHG || imm === BPF_CMPXCHG) return true;
  const operation = imm & ~BPF_FETCH;
  return operation === 0 || operation === 0x40 || operation === 0x50 || operation === BPF_XOR;
}

/** Operation of a load or store, or OP_BAD. */
function memoryOp(opcode: u32, base: u32, off: i32): u32 {
  const mode = opcode & 0xe0;
  const log = widthLog(opcode);
  const frame = isFrameAccess(base, off, 1 << log);
  const klass = opcode & 7;
  if (klass === BPF_LDX) {
    const signed = mode === BPF_MEMSX || mode === BPF_PROBE_MEMSX;
    if (signed && log === 3) return OP_BAD;
    const width = signed ? log + 4 : log;
    if (mode === BPF_MEM || mode === BPF_MEMSX) return (frame ? OP_LDX_STACK : OP_LDX) + width;
    if (mode === BPF_PROBE_MEM32) return OP_LDX_ARENA + width;
    if (mode !== BPF_PROBE_MEM && mode !== BPF_PROBE_MEMSX) return OP_BAD;
    const version = load<u32>(settings + SET_VERSION);
    if (version === VERSION_6_12) return OP_PROBE_6_12 + width;
    return (version === VERSION_6_1 ? OP_PROBE_6_1 : OP_PROBE_5_5) + width;
  }
  const fromRegister = klass === BPF_STX;
  if (mode === BPF_MEM) {
    if (frame) return (fromRegister ? OP_STX_STACK : OP_ST_STACK) + log;
    return (fromRegister ? OP_STX : OP_ST) + log;
  }
  if (mode === BPF_PROBE_MEM32) return (fromRegister ? OP_STX_ARENA : OP_ST_ARENA) + log;
  if (!fromRegister) return mode === BPF_NOSPEC ? OP_NOP : OP_BAD;
  if (log < 2 || (mode !== BPF_ATOMIC && mode !== BPF_PROBE_ATOMIC)) return OP_BAD;
  if (mode === BPF_ATOMIC) return log === 2 ? OP_ATOMIC32 : OP_ATOMIC64;
  return log === 2 ? OP_ATOMIC32_ARENA : OP_ATOMIC64_ARENA;
}

/** Whether an operation has an exception entry. */
function hasEntry(op: u32): bool {
  return (
    (op >= <u32>OP_PROBE_6_12 && op < <u32>OP_ST) ||
    (op >= <u32>OP_ST_ARENA && op < <u32>OP_ATOMIC32) ||
    op === OP_ATOMIC32_ARENA ||
    op === OP_ATOMIC64_ARENA
  );
}

/** Function whose start is `slot`, or 0. Functions are sorted. */
function functionAt(functions: usize, count: u32, slot: u32): usize {
  let low: u32 = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = functions + <usize>middle * FUNC_SIZE;
    const start = load<u32>(at + FUNC_START);
    if (start === slot) return at;
    if (start < slot) low = middle + 1;
    else high = middle;
  }
  return 0;
}

function bad(slot: u32, reason: u32): u32 {
  return (slot << 8) | reason;
}

/** `raw`: helper numbers and pc-relative calls, as a loader submits them. */
function callRecord(
  record: usize,
  slot: u32,
  src: u32,
  off: i32,
  imm: i32,
  functions: usize,
  count: u32,
  raw: bool,
): u32 {
  if (src === BPF_PSEUDO_CALL) {
    const target = raw
      ? functionAt(functions, count, <u32>(<i32>slot + 1 + imm))
      : <u32>off < count
        ? functions + <usize>off * FUNC_SIZE
        : 0;
    if (target === 0) return bad(slot, BAD_CALL);
    put(record, OP_CALL_FUNC, 0, 0, 0, <u64>target);
    return 0;
  }
  if (src !== 0 && (src !== BPF_PSEUDO_KFUNC_CALL || raw)) return bad(slot, BAD_CALL);
  const gate = <u64>(<i64>imm) + (raw ? 0 : load<u64>(settings + SET_CALL_BASE));
  put(record, OP_CALL_HELPER, 0, 0, 0, gate);
  return 0;
}

/** Only the first operation of a pair or sequence changes, so a jump to another one finds it whole. */
function pairUp(records: usize, count: u32): void {
  let record = records;
  for (let slot: u32 = 1; slot < count; slot++) {
    let op = sequenceOp(record, count - slot + 1);
    if (op === 0) op = pairOp(load<u16>(record + REC_OP), load<u16>(record + REC_SIZE + REC_OP));
    if (op !== 0) store<u16>(record + REC_OP, <u16>op);
    record += REC_SIZE;
  }
}

/**
 * Fills `count` + 1 records from `count` slots at `insns`; the last one stops programs that run off their end.
 * `functions` are sorted by start. Answers 0 or slot << 8 | BAD_*.
 */
export function interpPredecode(
  insns: usize,
  count: u32,
  records: usize,
  functions: usize,
  functionCount: u32,
  raw: bool,
): u32 {
  let entry: u32 = 0;
  let nextFunction: u32 = 0;
  for (let slot: u32 = 0; slot < count; slot++) {
    if (
      nextFunction < functionCount &&
      load<u32>(functions + <usize>nextFunction * FUNC_SIZE + FUNC_START) === slot
    ) {
      nextFunction++;
      entry = 0;
    }
    const insn = insns + <usize>slot * INSN_SIZE;
    const record = records + <usize>slot * REC_SIZE;
    const opcode = <u32>load<u8>(insn);
    const dst = (<u32>load<u8>(insn + 1)) & 15;
    const src = (<u32>load<u8>(insn + 1)) >> 4;
    const off = <i32>load<i16>(insn + 2);
    const imm = load<i32>(insn + 4);
    const klass = opcode & 7;
    const highest: u32 = raw ? BPF_REG_FP : BPF_REG_AX;
    if (dst > highest || src > highest) return bad(slot, BAD_REGISTER);

    if (klass === BPF_ALU || klass === BPF_ALU64) {
      const op = aluOp(opcode, off, imm);
      if (op === OP_BAD) return bad(slot, BAD_OPCODE);
      if (dst === BPF_REG_FP) return bad(slot, BAD_REGISTER);
      // The 32-bit little-endian form is a move of the register to itself.
      const from = (opcode & 0xf8) === BPF_END ? dst : src;
      put(record, op, dst, from, 0, <u64>(<i64>imm));
    } else if (klass === BPF_JMP || klass === BPF_JMP32) {
      const operation = opcode & 0xf0;
      const register = (opcode & 8) !== 0;
      const wide = klass === BPF_JMP;
      if (operation === BPF_CALL || operation === BPF_EXIT || operation === BPF_TAIL_CALL) {
        if (!wide || (register && operation !== BPF_TAIL_CALL)) return bad(slot, BAD_OPCODE);
        if (operation === BPF_CALL) {
          const answer = callRecord(record, slot, src, off, imm, functions, functionCount, raw);
          if (answer !== 0) return answer;
        } else put(record, operation === BPF_EXIT ? OP_EXIT : OP_TAIL_CALL, 0, 0, 0, 0);
        continue;
      }
      if (operation === BPF_JCOND || (operation === BPF_JA && register)) return bad(slot, BAD_OPCODE);
      const distance = operation === BPF_JA && !wide ? imm : off;
      const target = <i64>slot + 1 + distance;
      if (target < 0 || target >= <i64>count) return bad(slot, BAD_JUMP);
      const group = wide ? (register ? OP_JMP64_X : OP_JMP64_K) : register ? OP_JMP32_X : OP_JMP32_K;
      const op = operation === BPF_JA ? OP_JMP64_K : group + (operation >> 4);
      put(record, op, dst, src, distance * REC_SIZE, <u64>(<i64>imm));
    } else if (klass === BPF_LD) {
      if (opcode !== 0x18) return bad(slot, BAD_OPCODE);
      if (slot + 1 >= count || load<u32>(insn + INSN_SIZE) !== 0) return bad(slot, BAD_WIDE);
      if (dst === BPF_REG_FP) return bad(slot, BAD_REGISTER);
      let value = (<u64>load<u32>(insn + 4)) | ((<u64>load<u32>(insn + INSN_SIZE + 4)) << 32);
      if (src === BPF_PSEUDO_FUNC && !raw) {
        if (<u32>imm >= functionCount) return bad(slot, BAD_CALL);
        value = load<u64>(functions + <usize>imm * FUNC_SIZE + FUNC_ADDRESS);
      } else if (src !== 0) return bad(slot, BAD_WIDE);
      put(record, OP_LD_IMM64, dst, 0, 0, value);
      put(record + REC_SIZE, OP_BAD, 0, 0, 0, 0);
      slot++;
    } else {
      const loads = klass === BPF_LDX;
      const op = memoryOp(opcode, loads ? src : dst, off);
      if (op === OP_BAD) return bad(slot, BAD_OPCODE);
      if (loads && dst === BPF_REG_FP) return bad(slot, BAD_REGISTER);
      const atomic = op >= <u32>OP_ATOMIC32 && op <= <u32>OP_ATOMIC64_ARENA;
      if (atomic && !isAtomic(imm)) return bad(slot, BAD_ATOMIC);
      if (atomic && (imm & BPF_FETCH) !== 0 && src === BPF_REG_FP && imm !== BPF_CMPXCHG)
        return bad(slot, BAD_REGISTER);
      put(record, op, dst, src, off, <u64>(<i64>imm));
      if (hasEntry(op)) store<u32>(record + REC_ENTRY, entry++);
    }
  }
  put(records + <usize>count * REC_SIZE, OP_BAD, 0, 0, 0, 0);
  pairUp(records, count);
  return 0;
}
