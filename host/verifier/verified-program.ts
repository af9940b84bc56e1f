import type { LogRecord } from './log.js';
import type { ProgramSpec } from '../program/program-spec.js';
import type { GuestAddress, InsnIndex, TypeId } from '../quantities.js';

/** One function of a verified program, in slots of the rewritten instructions. */
export interface VerifiedFunction {
  readonly name: string;
  readonly start: InsnIndex;
  /** One past the last slot. */
  readonly end: InsnIndex;
  /** Bytes of BPF stack the prologue subtracts, before rounding up to 8. */
  readonly stackDepth: number;
  readonly numExentries: number;
  readonly tailCallReachable: boolean;
  readonly isExceptionCallback: boolean;
  /** Added by the verifier; the kernel reports neither its instructions nor its image. */
  readonly isHidden: boolean;
  /** FUNC type in the program's BTF; 0 = it has none. */
  readonly funcType: TypeId;
  /** It may change packet data, itself or through what it calls. */
  readonly changesPacket: boolean;
  /** 8 bytes, hex: the program's tag for function 0, the function's own otherwise. */
  readonly tag: string;
}

/** An accepted program, rewritten as Linux's JIT would see it. */
export interface VerifiedProgram {
  readonly spec: ProgramSpec;
  /**
   * Rewritten instructions, 8 bytes a slot: probe modes set, map and kernel addresses resolved (src 0), helper and
   * kfunc calls with imm = address - call base (src kept: 0 or 2), calls of functions as src 1, off = callee's
   * function index, imm = 1; ld_imm64 of a function as src 4, imm = its function index; tail calls as opcode f5.
   */
  readonly insns: Uint8Array;
  /** The same in the form BPF_OBJ_GET_INFO_BY_FD dumps. */
  readonly xlated: Uint8Array;
  /** For each slot of `insns`: the slot of spec.insns it came from. */
  readonly origin: Int32Array;
  readonly functions: readonly VerifiedFunction[];
  readonly numExentries: number;
  /** 8 bytes, hex. */
  readonly tag: string;
  readonly verifiedInsns: number;
  /** A tracing program that traces a tracing program. */
  readonly tracesTracer: boolean;
  /** Main function is an exception boundary (the program uses bpf_throw). */
  readonly exceptionBoundary: boolean;
  readonly arena: { readonly kernel: GuestAddress; readonly user: GuestAddress } | null;
  /** Directly patched tail calls: index k is named by imm k + 1 of its f5 instruction. */
  readonly pokes: readonly { readonly map: number; readonly key: number; readonly insn: InsnIndex }[];
  readonly log: readonly LogRecord[];
}
