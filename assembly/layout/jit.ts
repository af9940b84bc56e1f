// Records shared by the JIT in assembly/jit and its driver in host/. Sizes and offsets in bytes.

// Parameter record: the host fills the first part, jitSize and jitImage the second.
//
//   0        input: program and knobs          144          output                 208
//   +------------------------------------------+------------------------------------+
export const JIT_INSNS = 0;
export const JIT_INSN_COUNT = 4;
export const JIT_STACK_DEPTH = 8;
export const JIT_NUM_EXENTRIES = 12;
export const JIT_FLAGS = 16;
export const JIT_VERSION = 20;
export const JIT_INDIRECT = 24;
export const JIT_CFI = 28;
export const JIT_CFI_HASH = 32;
export const JIT_OFF_MAX_ENTRIES = 36;
export const JIT_OFF_ARRAY_PTRS = 40;
export const JIT_OFF_PROG_FUNC = 44;
export const JIT_THIS_CPU_OFF = 48;
export const JIT_ARENA_KERNEL = 56;
export const JIT_ARENA_USER = 64;
export const JIT_CALL_BASE = 72;
/** Address the final return jumps to; 0 = plain ret. */
export const JIT_RETURN_THUNK = 80;
export const JIT_INDIRECT_THUNK = 88;
/** Address of the call-depth counter of this CPU. */
export const JIT_CALL_DEPTH = 96;
/** Address of the exception handler (5.5 form). */
export const JIT_EX_HANDLER = 104;
/** Limits of the probe guards: first address that may be loaded from, and the vsyscall page (sign-extended imm32). */
export const JIT_PROBE_USER = 120;
export const JIT_PROBE_VSYSCALL = 128;
/** Final address of the image: set between jitSize and jitImage. */
export const JIT_IMAGE = 112;

/** Linear address of code, cc up to a multiple of 4, and the exception table. */
export const JIT_CODE = 144;
export const JIT_CODE_LENGTH = 148;
/** Passes run, the image pass included. */
export const JIT_PASSES = 152;
/** After jitImage bytes before the first slot, then of each slot, u8 each. */
export const JIT_OFFSETS = 156;
export const JIT_FAULTS = 160;
export const JIT_FAULT_COUNT = 164;
export const JIT_FIXES = 168;
export const JIT_FIX_COUNT = 172;
export const JIT_SITES = 176;
export const JIT_SAVED = 180;
export const JIT_SITE_COUNT = 184;
/** Slot an error was found at, and its operands. */
export const JIT_ERROR_INSN = 188;
export const JIT_ERROR_VALUE = 192;
export const JIT_TEMPLATE_LENGTH = 200;
/** Bit n = BPF register n is used; then bits of what else there is. */
export const JIT_USES = 204;
export const JIT_RECORD_SIZE = 208;

// JIT_USES, above the registers.
/** Calls of functions, or addresses of them. */
export const JIT_USES_FUNCTIONS = 1 << 30;
export const JIT_USES_TAIL_CALL = 1 << 31;

// JIT_FLAGS.
export const JIT_BMI2 = 1 << 0;
export const JIT_IBT = 1 << 1;
export const JIT_SLS = 1 << 2;
export const JIT_RETPOLINE_CONFIG = 1 << 3;
export const JIT_SMP = 1 << 5;
export const JIT_PROBE_SUPPORT = 1 << 6;
export const JIT_CALL_PADDING = 1 << 7;
export const JIT_TAIL_CALL_REACHABLE = 1 << 8;
export const JIT_SUBPROGRAM = 1 << 9;
export const JIT_EXCEPTION_CALLBACK = 1 << 10;
export const JIT_EXCEPTION_BOUNDARY = 1 << 11;
export const JIT_CLASSIC = 1 << 12;

// JIT_VERSION, in the order of age.
export const JIT_V5_5 = 0;
export const JIT_V6_1 = 1;
export const JIT_V6_12 = 2;

// JIT_INDIRECT.
export const JIT_INDIRECT_PLAIN = 0;
export const JIT_INDIRECT_RETPOLINE = 1;
export const JIT_INDIRECT_LFENCE = 2;
export const JIT_INDIRECT_ITS = 3;

// JIT_CFI.
export const JIT_CFI_OFF = 0;
export const JIT_CFI_KCFI = 1;
export const JIT_CFI_FINEIBT = 2;

// One access that may fault: offset of the x86 instruction in the template, its fixup word (extable.ts), slot. The list
// lies behind the code; jitImage turns it into the exception table, entry for entry.
//
//   0            4           8          12
//   | offset u32 | fixup u32 | slot u32 |
export const JIT_FAULT_OFFSET = 0;
export const JIT_FAULT_FIXUP = 4;
export const JIT_FAULT_SLOT = 8;
export const JIT_FAULT_SIZE = 12;

// One place whose bytes depend on an address: offset of the bytes, branch sites before it (until jitImage), slot,
// kind, and the address meant.
//
//   0            4           8          12         16           24
//   | offset u32 | sites u32 | slot u32 | kind u32 | target u64 |
export const JIT_FIX_OFFSET = 0;
export const JIT_FIX_SITES = 4;
export const JIT_FIX_SLOT = 8;
export const JIT_FIX_KIND = 12;
export const JIT_FIX_TARGET = 16;
export const JIT_FIX_SIZE = 24;

/** rel32 of a call of callBase + imm of its slot. */
export const JIT_FIX_CALL = 0;
/** rel32 to `target`. */
export const JIT_FIX_REL32 = 1;
/** rip-relative disp32 to `target` with one immediate byte behind it. */
export const JIT_FIX_RIP32 = 2;
/** Address of a function of the program: sign-extended imm32, imm64. */
export const JIT_FIX_FUNC32 = 3;
export const JIT_FIX_FUNC64 = 4;
/** Directly patched tail call: the bypass jump; `target` is the offset of the target site. */
export const JIT_FIX_DIRECT = 5;

// One branch. Target: the slot, counted from 1; once targets are resolved the number of sites before it, times 4,
// with the kind in the low two bits. Distance: to the target in the template. Insn: the branch's slot, from 1.
//
//   0            4              8          12         16
//   | target u32 | distance i32 | insn u32 | opcode   |
export const JIT_SITE_TARGET = 0;
export const JIT_SITE_DISTANCE = 4;
export const JIT_SITE_INSN = 8;
/** Short opcode: jcc or jmp. */
export const JIT_SITE_OPCODE = 12;
export const JIT_SITE_SIZE = 16;

// Status.
export const JIT_OK = 0;
export const JIT_UNKNOWN_OPCODE = 1;
export const JIT_UNKNOWN_ATOMIC = 2;
export const JIT_SMALL_ATOMIC = 3;
export const JIT_EX_GEN_BUG = 4;
export const JIT_MEM32_EX_BUG = 5;
export const JIT_EXTABLE_HANDLER_RANGE = 6;
export const JIT_PROBE_REGISTER = 7;
export const JIT_EXTABLE_NOT_POPULATED = 8;
export const JIT_COND_JUMP_PADDING = 9;
export const JIT_NOP_JUMP_PADDING = 10;
export const JIT_JUMP_PADDING = 11;
export const JIT_CALL_RANGE = 12;
export const JIT_CALL_NULL = 13;
export const JIT_FATAL = 14;
export const JIT_LENGTH_CHANGED = 15;
export const JIT_NO_CONVERGENCE = 16;
export const JIT_NO_MEMORY = 17;
export const JIT_BAD_REGISTER = 18;
export const JIT_BAD_TARGET = 19;
export const JIT_BAD_PROGRAM = 20;
