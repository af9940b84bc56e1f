// Records of the verifier's simulation. Bytes, little endian.
//
// Register (REG_SIZE bytes); `aux` fields mean what the type makes of them:
//
//   0        8        16     24     32     40     48     52     56     60
//   +--------+--------+------+------+------+------+------+------+------+------+
//   | value  | mask   | smin | smax | umin | umax |s32min|s32max|u32min|u32max|
//   +--------+--------+------+------+------+------+------+------+------+------+
//   64   68   72   76      80   84   88   92     96   100      104    108
//   +----+----+----+-------+----+----+----+------+----+---------+------+------+
//   |type| off| id |ref id | a  | b  | c  | frame|live| precise | def  |parent|  112
//   +----+----+----+-------+----+----+----+------+----+---------+------+------+
//
// Stack slot (SLOT_SIZE): a register, then the kinds of its 8 bytes; kind 0 is the byte at the highest address.
// Frame: FRAME_HEADER bytes, 11 registers, then slots; slot k holds [fp - 8(k+1), fp - 8k).

export const REG_VALUE = 0;
export const REG_MASK = 8;
export const REG_SMIN = 16;
export const REG_SMAX = 24;
export const REG_UMIN = 32;
export const REG_UMAX = 40;
export const REG_S32MIN = 48;
export const REG_S32MAX = 52;
export const REG_U32MIN = 56;
export const REG_U32MAX = 60;
export const REG_TYPE = 64;
/** Base types, low byte of REG_TYPE, that comparisons tell apart; host/verifier/reg-type.ts has all of them. */
export const TYPE_NOT_INIT = 0;
export const TYPE_SCALAR = 1;
export const TYPE_MAP_VALUE = 4;
export const TYPE_MAP_KEY = 5;
export const TYPE_STACK = 6;
export const TYPE_PACKET_META = 7;
export const TYPE_PACKET = 8;
export const TYPE_TP_BUFFER = 14;
export const TYPE_MEM = 17;
export const TYPE_ARENA = 18;
export const TYPE_BUF = 19;
export const TYPE_BASE = 0xff;
/** Fixed offset of a pointer, or the distance to the linked scalar. */
export const REG_OFF = 68;
export const REG_ID = 72;
export const REG_REF = 76;
/** Map index, BTF id, memory size, packet range, dynptr kind, subprogram. */
export const REG_A = 80;
/** BTF of the id: 0 = kernel, 1 = program. Iterator: depth. */
export const REG_B = 84;
/** Map uid; first slot of a dynptr; iterator state. */
export const REG_C = 88;
/** Frame a stack pointer points into. */
export const REG_FRAME = 92;
export const REG_LIVE = 96;
export const REG_PRECISE = 100;
/** Instruction + 1 that wrote only the low half; 0 = whole. */
export const REG_SUBREG = 104;
/** Address of the same place's register in the parent state; 0 = none. */
export const REG_PARENT = 108;
export const REG_SIZE = 112;

export const LIVE_READ32 = 1;
export const LIVE_READ64 = 2;
export const LIVE_READ = 3;
export const LIVE_WRITTEN = 4;
export const LIVE_DONE = 8;

export const SLOT_KINDS = REG_SIZE;
export const SLOT_SIZE = 120;

export const SLOT_INVALID = 0;
export const SLOT_SPILL = 1;
export const SLOT_MISC = 2;
export const SLOT_ZERO = 3;
export const SLOT_DYNPTR = 4;
export const SLOT_ITER = 5;
export const SLOT_IRQ = 6;

export const FRAME_NO = 0;
export const FRAME_SUBPROGRAM = 4;
/** Instruction of the call that made the frame; -1 = main. */
export const FRAME_CALLSITE = 8;
/** Slots in use. */
export const FRAME_SLOTS = 12;
/** Slots there is room for. */
export const FRAME_ROOM = 16;
export const FRAME_CALLBACK_DEPTH = 20;
export const FRAME_FLAGS = 24;
export const FRAME_RET_MIN = 28;
export const FRAME_RET_MAX = 32;
/** Async callback entry count of the frame. */
export const FRAME_ASYNC = 36;
export const FRAME_HEADER = 48;
export const FRAME_REGS = FRAME_HEADER;
export const FRAME_STACK = 1280;

// What is left of a frame whose values nobody asks for again: the frame's first 16 bytes, 32 bytes of zeros, then
// live to parent of r0 to r9 and of each slot, MARK_SIZE bytes each. REG_PRECISE is 1 where there is no scalar, too. A
// place's address is REG_LIVE before its marks: REG_LIVE to REG_PARENT are where they are in a register, and REG_TYPE
// is zeros or other marks, never TYPE_MOVED.

export const MARKS_HEADER = 48;
/** REG_TYPE of a place that has moved to the address at REG_VALUE. */
export const TYPE_MOVED = 0x7fffffff;
export const MARK_SIZE = REG_SIZE - REG_LIVE;
/** Registers of a frame that carry marks: r10 never changes. */
export const MARKED_REGS = 10;

export const FRAME_IN_CALLBACK = 1;
export const FRAME_IN_ASYNC_CALLBACK = 2;
export const FRAME_IN_EXCEPTION_CALLBACK = 4;

/** How closely states must agree: what the old state read must include the new state's. */
export const NOT_EXACT = 0;
/** Everything is the same: no progress was made. */
export const EXACT = 1;
/** Every range must include the new one, read or not: loops. */
export const RANGE_WITHIN = 2;

/** Scalar that is another one plus a constant: flag of REG_ID. */
export const ID_ADD_CONST = -2147483648;
