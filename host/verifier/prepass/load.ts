import { BPF_MAXINSNS } from '../../../assembly/isa.js';
import { LOG_FIXED, LOG_LEVEL1, LOG_LEVEL2, LOG_STATS } from '../log.js';
import type { ProgramSpec } from '../../program/program-spec.js';
import { AttachType, ProgType } from '../prog-type.js';
import { Errno, VerifierError } from '../verifier-error.js';
import type { Prepass } from './prepass.js';

const P = ProgType;
/** Types that anyone may load where the kernel allows unprivileged programs at all. */
const UNPRIVILEGED = new Set<number>([P.SOCKET_FILTER, P.CGROUP_SKB]);
const TRACING = new Set<number>([
  P.KPROBE,
  P.TRACEPOINT,
  P.PERF_EVENT,
  P.RAW_TRACEPOINT,
  P.RAW_TRACEPOINT_WRITABLE,
  P.TRACING,
  P.LSM,
]);
/** Attach types that each type is loaded for; types that are not here take any. */
const ATTACH: Record<number, readonly number[]> = {
  [P.CGROUP_SKB]: [0, 1],
  [P.CGROUP_SOCK]: [2, 34, 12, 13],
  [P.CGROUP_SOCK_ADDR]: [8, 9, 10, 11, 14, 15, 19, 20, 29, 30, 31, 32, 49, 50, 51, 52, 53],
  [P.SK_REUSEPORT]: [39, 40],
  [P.CGROUP_SOCKOPT]: [21, 22],
  [P.SK_LOOKUP]: [36],
  [P.NETFILTER]: [45],
  [P.SYSCALL]: [0],
  [P.EXT]: [0],
};
/** Attach types that came after Linux 6.1. */
const NOT_61 = new Set([49, 50, 51, 52, 53]);
/** Attach types that 0 stands for. */
const DEFAULT_ATTACH: Readonly<Record<number, number>> = {
  [P.CGROUP_SOCK]: AttachType.CGROUP_INET_SOCK_CREATE,
  [P.SK_REUSEPORT]: AttachType.SK_REUSEPORT_SELECT,
};
/** Types that name what they attach to by a BTF id. */
const BY_ID = new Set<number>([P.TRACING, P.LSM, P.STRUCT_OPS, P.EXT, P.RAW_TRACEPOINT]);
const MAX_BTF_ID = 0xfffff;
/** prog_flags: strict alignment, any alignment, two for tests, sleepable, fragments; then those of Linux 6.12. */
const FLAGS_61 = 0x3f;
const FLAGS = 0xff;
const NAME = /^[A-Za-z0-9_.]*$/;
const MAX_NAME = 15;
const MAX_INSNS_UNPRIVILEGED = 4096;
const LEAST_LOG_61 = 128;
const MAX_LOG = 0x3fff_ffff;

/** The program with the attach type that it is loaded for. */
export function withAttachType(spec: ProgramSpec): ProgramSpec {
  const expectedAttachType = spec.expectedAttachType === 0 ? DEFAULT_ATTACH[spec.type] : undefined;
  return expectedAttachType === undefined ? spec : { ...spec, expectedAttachType };
}

type Refuse = (errno: number, expected: string) => never;

/** What BPF_PROG_LOAD refuses before its verifier starts, without a log. */
export function checkLoad(pass: Prepass): void {
  const { spec } = pass;
  const refuse = (errno: number, what: string): never => {
    throw new VerifierError(errno, `program ${spec.name}: ${what}`, undefined, []);
  };
  checkFlags(pass, refuse);
  checkLength(pass, refuse);
  checkRights(pass, refuse);
  checkAttach(pass, refuse);
  const last = pass.isModern ? P.NETFILTER : P.SYSCALL;
  if (spec.type <= P.UNSPEC || spec.type > last) {
    refuse(Errno.EINVAL, `expected a program type of 1 to ${last}, found ${spec.type}`);
  }
  if (!NAME.test(spec.name.slice(0, MAX_NAME))) {
    refuse(Errno.EINVAL, `expected a name of letters, digits, _ and ., found "${spec.name}"`);
  }
  checkLog(pass, refuse);
}

/** The log buffer: known levels, a size that goes with them. */
function checkLog({ rights, isModern }: Prepass, refuse: Refuse): void {
  const { logLevel = 0, logSize } = rights;
  const known = LOG_LEVEL1 | LOG_LEVEL2 | LOG_STATS | (isModern ? LOG_FIXED : 0);
  if ((logLevel & ~known) !== 0) refuse(Errno.EINVAL, `expected log levels of ${known}, found ${logLevel}`);
  if (logSize === undefined) return;
  const least = isModern ? 1 : LEAST_LOG_61;
  const isSize = logSize >= least && logSize <= MAX_LOG && logLevel !== 0;
  const isNothing = logSize === 0 && logLevel === 0;
  if (isSize || isNothing) return;
  refuse(Errno.EINVAL, `expected a log of ${least} to ${MAX_LOG} bytes and a level, found ${logSize}`);
}

function checkFlags({ spec, isModern }: Prepass, refuse: Refuse): void {
  const known = isModern ? FLAGS : FLAGS_61;
  if ((spec.flags & ~known) === 0) return;
  refuse(
    Errno.EINVAL,
    `expected flags of 0x${known.toString(16)}, found 0x${(spec.flags >>> 0).toString(16)}`,
  );
}

function checkLength({ count, privileged }: Prepass, refuse: Refuse): void {
  const limit = privileged ? BPF_MAXINSNS : MAX_INSNS_UNPRIVILEGED;
  if (count > 0 && count <= limit) return;
  refuse(Errno.E2BIG, `expected 1 to ${limit} instructions, found ${count}`);
}

function checkRights({ spec, privileged, perfmon }: Prepass, refuse: Refuse): void {
  if (!privileged && !UNPRIVILEGED.has(spec.type)) refuse(Errno.EPERM, `type ${spec.type} needs CAP_BPF`);
  if (!perfmon && TRACING.has(spec.type)) refuse(Errno.EPERM, `type ${spec.type} needs CAP_PERFMON`);
}

function checkAttach({ spec, kernel, isModern }: Prepass, refuse: Refuse): void {
  const { type, expectedAttachType: wanted } = spec;
  const id = spec.attach?.btfId ?? 0;
  if (id > MAX_BTF_ID || (id !== 0 && !BY_ID.has(type))) {
    refuse(Errno.EINVAL, `expected no BTF id of what it attaches to, found ${id}`);
  }
  if (kernel.target !== undefined && type !== P.TRACING && type !== P.EXT) {
    refuse(Errno.EINVAL, `type ${type} cannot attach to a program`);
  }
  const attach = ATTACH[type]?.filter((one) => isModern || !NOT_61.has(one));
  if (attach === undefined || attach.includes(wanted)) return;
  refuse(Errno.EINVAL, `expected an attach type of ${attach.join(', ')}, found ${wanted}`);
}
