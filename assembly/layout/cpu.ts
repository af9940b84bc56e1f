// State of the x86 CPU, shared by assembly/ and host/.
//
//   cpuState()
//   +0    struct pt_regs, 21 words: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss
//   +168  zero: base or index of an operand that has none
//   +176  gs base
//   +184  exit: fault address (CR2)
//   +192  exit: vector u32, error code u32
//   +200  exit: fuel left i64, in micro-op bytes

export const CPU_REGS = 0;
export const CPU_AX = 80;
export const CPU_CX = 88;
export const CPU_DX = 96;
export const CPU_SI = 104;
export const CPU_DI = 112;
export const CPU_R8 = 72;
export const CPU_BP = 32;
export const CPU_IP = 128;
export const CPU_FLAGS = 144;
export const CPU_SP = 152;
export const CPU_ZERO = 168;
export const CPU_GS = 176;
export const CPU_FAULT_ADDRESS = 184;
export const CPU_VECTOR = 192;
export const CPU_ERROR_CODE = 196;
export const CPU_STATE_BYTES = 208;

// Why cpuRun and cpuStep came back.
/** The slice of instructions is used up. */
export const EXIT_SLICE = 0;
/** ip is an address in a page of call gates. */
export const EXIT_GATE = 1;
/** A fault that nothing repairs; ip, vector, address and error code are set. */
export const EXIT_FAULT = 2;
/** Linear memory is exhausted: code cannot be decoded. */
export const EXIT_MEMORY = 3;

/** In place of a vector: the fault was repaired, and the host asked to see it; the error code is the bytes to skip. */
export const VECTOR_REPAIRED = 256;

/** Longest straight run of decoded instructions: cpuRun overshoots its slice by less than this. */
export const RUN_MAX = 2048;
