import { ProgType } from '../prog-type.js';
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
/** Types for which 0 stands for their first attach type. */
const DEFAULTED = new Set<number>([P.CGROUP_SOCK, P.SK_REUSEPORT]);
const NAME = /^[A-Za-z0-9_.]*$/;
const MAX_NAME = 15;

/** What BPF_PROG_LOAD refuses before its verifier starts, without a log. */
export function checkLoad(pass: Prepass): void {
  const { spec } = pass;
  const refuse = (errno: number, what: string): never => {
    throw new VerifierError(errno, what, undefined, []);
  };
  const last = pass.isModern ? P.NETFILTER : P.SYSCALL;
  if (!pass.privileged && !UNPRIVILEGED.has(spec.type)) {
    refuse(Errno.EPERM, `program ${spec.name}: type ${spec.type} needs CAP_BPF`);
  }
  if (!pass.perfmon && TRACING.has(spec.type)) {
    refuse(Errno.EPERM, `program ${spec.name}: type ${spec.type} needs CAP_PERFMON`);
  }
  const attach = ATTACH[spec.type];
  const wanted = spec.expectedAttachType;
  const isDefault = wanted === 0 && DEFAULTED.has(spec.type);
  if (attach !== undefined && !isDefault && !attach.includes(wanted)) {
    const text = `expected an attach type of ${attach.join(', ')}, found ${wanted}`;
    refuse(Errno.EINVAL, `program ${spec.name}: ${text}`);
  }
  if (spec.type <= P.UNSPEC || spec.type > last) {
    refuse(Errno.EINVAL, `program ${spec.name}: expected a program type of 1 to ${last}, found ${spec.type}`);
  }
  if (!NAME.test(spec.name.slice(0, MAX_NAME))) {
    refuse(Errno.EINVAL, `program: expected a name of letters, digits, _ and ., found "${spec.name}"`);
  }
}
