import type { Core } from '../core/core.js';
import type { InsnIndex } from '../quantities.js';
import type { Env } from './env.js';

/** How a program is loaded. */
export interface VerifyOptions {
  readonly core: Core;
  /**
   * log_level of BPF_PROG_LOAD: bits 1 (result), 2 (each instruction), 4 (statistics), 8 (keep the beginning of a log
   * that does not fit). Default 0.
   */
  readonly logLevel?: number;
  /**
   * Size of the log buffer in bytes, its NUL included: a log that does not fit refuses the program with ENOSPC, and its
   * end (6.12) or beginning (6.1) is kept. Default: any size, and of long logs about the last MiB.
   */
  readonly logSize?: number;
  /** Loaded with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and CAP_SYS_ADMIN; default true. */
  readonly privileged?: boolean;
  /**
   * CAP_PERFMON (or CAP_SYS_ADMIN) beside the CAP_BPF of a privileged load; default true. Without it pointers must not
   * leak and mispredicted paths are guarded, as in programs of anyone.
   */
  readonly perfmon?: boolean;
  /** CAP_SYS_BOOT: calls of kernel functions that may take the machine down; default true. */
  readonly sysBoot?: boolean;
  /** net.core.bpf_jit_enable; default true. Without it the kernel interprets, and refuses what only its JIT can do. */
  readonly jit?: boolean;
  /** A kernel built with PREEMPT_RT; default false. */
  readonly preemptRt?: boolean;
  /** Called before each instruction is simulated, with the state that it meets; for tests. */
  readonly observe?: (env: Env, insn: InsnIndex) => void;
}
