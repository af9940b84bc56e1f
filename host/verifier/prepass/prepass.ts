import type { InsnIndex } from '../../quantities.js';
import type { ProgramSpec } from '../../program/program-spec.js';
import type { KernelView } from '../kernel-view.js';
import { LOG_LEVEL1, LOG_LEVEL2, type LogRecord } from '../log.js';
import { InsnStream } from '../rewrite/stream.js';
import { ProgType } from '../prog-type.js';
import { VerifierError } from '../verifier-error.js';

/** What is printed last, whatever happened. */
const NOTHING_SIMULATED =
  'processed 0 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0';

/** What the kernel lets the load do. */
export interface LoadRights {
  /** CAP_BPF, CAP_NET_ADMIN. */
  readonly privileged: boolean;
  readonly perfmon: boolean;
  /** The kernel has its JIT switched on. */
  readonly jit: boolean;
  /** log_level and log_size; absent size = a buffer that is large enough. */
  readonly logLevel?: number | undefined;
  readonly logSize?: number | undefined;
}

export const ALL_RIGHTS: LoadRights = { privileged: true, perfmon: true, jit: true };

/** What the passes before the simulation share: the program's instructions as columns, and the log so far. */
export class Prepass {
  readonly stream: InsnStream;
  readonly log: LogRecord[] = [];
  /** By function: whether it may change packet data. Set by the walk of the control flow. */
  changing: readonly boolean[] = [];

  constructor(
    readonly spec: ProgramSpec,
    readonly kernel: KernelView,
    readonly rights: LoadRights = ALL_RIGHTS,
  ) {
    this.stream = InsnStream.parse(spec.insns);
  }

  get privileged(): boolean {
    return this.rights.privileged;
  }

  get perfmon(): boolean {
    return this.rights.perfmon;
  }

  get jit(): boolean {
    return this.rights.jit;
  }

  /** The program as it is verified: an extension, as what it extends was. */
  get effective(): ProgramSpec {
    const { spec } = this;
    const target = this.kernel.target?.spec;
    if (spec.type !== ProgType.EXT || target === undefined) return spec;
    const { type, expectedAttachType, attach } = target;
    return { ...spec, type, expectedAttachType, attach };
  }

  get count(): number {
    return this.stream.length;
  }

  /** Linux 6.12 and later. */
  get isModern(): boolean {
    return this.kernel.profile.version === '6.12';
  }

  /** A line that only log_level 2 shows. */
  trace(text: string): void {
    this.log.push({ level: LOG_LEVEL2, insn: 0, text });
  }

  /** A line that precedes the one that refuses. */
  say(text: string, insn: InsnIndex): void {
    this.log.push({ level: LOG_LEVEL1, insn, text });
  }

  /** Refuses the program. An empty message is not printed. */
  fail(errno: number, text: string, insn?: InsnIndex): never {
    const at = insn ?? 0;
    if (text !== '') this.log.push({ level: LOG_LEVEL1, insn: at, text });
    this.log.push({ level: LOG_LEVEL1, insn: at, text: NOTHING_SIMULATED });
    throw new VerifierError(errno, text, insn, this.log);
  }
}
