// Records of the BPF interpreter. One record per instruction slot, so a slot is a distance; the second slot of
// ld_imm64 holds OP_BAD.
//
//   +0 op u16   +2 dst u8 | +3 src u8 (register number * 8)   +4 off i32   +8 imm i64
//
// off: offset of a memory access, or distance of a jump in bytes of records.
// Accesses with an exception entry: +8 value or operation i32, +12 index of the entry u32.

export const REC_OP = 0;
export const REC_DST = 2;
export const REC_SRC = 3;
export const REC_OFF = 4;
export const REC_IMM = 8;
export const REC_ENTRY = 12;
export const REC_SIZE = 16;

// Groups of operations. ALU and jumps: group + (opcode >> 4).
export const OP_ALU64_K = 0x00;
export const OP_ALU64_X = 0x10;
export const OP_ALU32_K = 0x20;
export const OP_ALU32_X = 0x30;
export const OP_JMP64_K = 0x40;
export const OP_JMP64_X = 0x50;
export const OP_JMP32_K = 0x60;
export const OP_JMP32_X = 0x70;
/** In the ALU groups, numbers no opcode uses. */
export const ALU_SDIV = 0x0e;
export const ALU_SMOD = 0x0f;

// Loads: group + width, 0 to 3 = log2 of the zero-extended size, 4 to 6 = 4 + log2 of the sign-extended size.
export const OP_LDX = 0x80;
/** Base R10 and an offset inside the frame: no translation. */
export const OP_LDX_STACK = 0x88;
export const OP_PROBE_6_12 = 0x90;
export const OP_PROBE_6_1 = 0x98;
export const OP_PROBE_5_5 = 0xa0;
export const OP_LDX_ARENA = 0xa8;

// Stores: group + log2 of the size.
export const OP_ST = 0xb0;
export const OP_ST_STACK = 0xb4;
export const OP_STX = 0xb8;
export const OP_STX_STACK = 0xbc;
export const OP_ST_ARENA = 0xc0;
export const OP_STX_ARENA = 0xc4;

export const OP_ATOMIC32 = 0xc8;
export const OP_ATOMIC64 = 0xc9;
export const OP_ATOMIC32_ARENA = 0xca;
export const OP_ATOMIC64_ARENA = 0xcb;

export const OP_CAST_USER = 0xcc;
export const OP_PERCPU = 0xcd;
export const OP_LD_IMM64 = 0xce;
export const OP_NOP = 0xcf;
export const OP_BSWAP16 = 0xd0;
export const OP_BSWAP32 = 0xd1;
export const OP_BSWAP64 = 0xd2;
export const OP_ZEXT16 = 0xd3;
export const OP_MOVSX8 = 0xd4;
export const OP_MOVSX16 = 0xd5;
export const OP_MOVSX32 = 0xd6;
export const OP_MOVSX8_32 = 0xd7;
export const OP_MOVSX16_32 = 0xd8;
export const OP_CALL_HELPER = 0xd9;
export const OP_CALL_FUNC = 0xda;
export const OP_EXIT = 0xdb;
export const OP_TAIL_CALL = 0xdc;
export const OP_BAD = 0xdd;
/** Pairs of instructions in one operation start here; interp/pairs.ts. */
export const OP_PAIRS = 0xe0;

// One function of a loaded program.
//
//   +0 entry u32 (record)   +4 frame u32 (bytes of stack)   +8 code u32 (first record of the program)
//   +12 program u32   +16 start u32 (slot)   +24 address u64   +32 arena kernel u64   +40 arena user u64
export const FUNC_ENTRY = 0;
export const FUNC_FRAME = 4;
export const FUNC_CODE = 8;
export const FUNC_PROGRAM = 12;
export const FUNC_START = 16;
/** Value of a pointer to the function. */
export const FUNC_ADDRESS = 24;
/** Address the offsets of arena accesses are relative to. */
export const FUNC_ARENA_KERNEL = 32;
/** Upper 32 bits of user arena pointers; the lower ones are 0. */
export const FUNC_ARENA_USER = 40;
export const FUNC_SIZE = 48;

// One frame: what the caller gets back.
//
//   +0 return u32 (record)   +4 function u32   +8 from host u32   +12 tail calls u32   +16 R6 to R10, 40 bytes
export const FRAME_RETURN = 0;
export const FRAME_FUNC = 4;
export const FRAME_HOST = 8;
export const FRAME_TAIL_CALLS = 12;
export const FRAME_REGISTERS = 16;
export const FRAME_SIZE = 56;
export const MAX_FRAMES = 256;

// Machine-wide settings, one record the host fills.
//
//   +0 stack base u64   +8 stack size u32   +12 stack linear u32   +16 call base u64   +24 per-CPU offset u64
//   +32 version u32   +36 bpf_map.max_entries u32   +40 bpf_array.ptrs u32   +44 SMAP u32
//   +48 first address above the user half u64
export const SET_STACK = 0;
export const SET_STACK_SIZE = 8;
export const SET_STACK_LINEAR = 12;
export const SET_CALL_BASE = 16;
export const SET_PERCPU = 24;
export const SET_VERSION = 32;
export const SET_MAX_ENTRIES = 36;
export const SET_ARRAY_PTRS = 40;
/** Faults at user addresses are fatal: the kernel searches no table for them (5.12 and later, CPU with SMAP). */
export const SET_SMAP = 44;
/** TASK_SIZE_MAX + 4096. */
export const SET_USER_LIMIT = 48;
export const SET_SIZE = 56;

export const VERSION_5_5 = 0;
export const VERSION_6_1 = 1;
export const VERSION_6_12 = 2;

/** Bytes below R10 that a stack operation may reach; every frame has them mapped. */
export const STACK_REACH = 512;

// Why execution stopped.
export const STOP_EXIT = 0;
/** The slice of fuel is used up. */
export const STOP_FUEL = 1;
/** A helper or kfunc is to be called: interpGate. */
export const STOP_GATE = 2;
/** A tail call to the bpf_prog at interpGate. */
export const STOP_TAIL_CALL = 3;
/** Nothing repairs the fault in faultVector, faultAddress, faultCode. */
export const STOP_FAULT = 4;
export const STOP_STACK = 5;
export const STOP_BAD = 6;

// Answers of predecoding: slot << 8 | reason, 0 = all well.
export const BAD_OPCODE = 1;
export const BAD_REGISTER = 2;
export const BAD_JUMP = 3;
export const BAD_CALL = 4;
export const BAD_WIDE = 5;
export const BAD_ATOMIC = 6;
