import { ProgType } from '../prog-type.js';
import { convertSockAddr, convertSockopt, convertSysctl } from './cgroup-conversion.js';
import type { Convert } from './conversion.js';
import { convertPerfEvent } from './perf-conversion.js';
import { convertFlowDissector, convertSkb } from './skb-conversion.js';
import { convertSock } from './sock-conversion.js';
import {
  convertReuseport,
  convertSkLookup,
  convertSkMsg,
  convertSockOps,
} from './socket-context-conversion.js';
import { convertXdp } from './xdp-conversion.js';

const CONTEXTS: Readonly<Record<number, Convert>> = {
  [ProgType.SOCKET_FILTER]: convertSkb,
  [ProgType.SCHED_CLS]: convertSkb,
  [ProgType.SCHED_ACT]: convertSkb,
  [ProgType.XDP]: convertXdp,
  [ProgType.PERF_EVENT]: convertPerfEvent,
  [ProgType.CGROUP_SKB]: convertSkb,
  [ProgType.LWT_IN]: convertSkb,
  [ProgType.LWT_OUT]: convertSkb,
  [ProgType.LWT_XMIT]: convertSkb,
  [ProgType.LWT_SEG6LOCAL]: convertSkb,
  [ProgType.SK_SKB]: convertSkb,
  [ProgType.FLOW_DISSECTOR]: convertFlowDissector,
  [ProgType.CGROUP_SOCK]: convertSock,
  [ProgType.SOCK_OPS]: convertSockOps,
  [ProgType.SK_MSG]: convertSkMsg,
  [ProgType.CGROUP_SOCK_ADDR]: convertSockAddr,
  [ProgType.SK_REUSEPORT]: convertReuseport,
  [ProgType.CGROUP_SYSCTL]: convertSysctl,
  [ProgType.CGROUP_SOCKOPT]: convertSockopt,
  [ProgType.SK_LOOKUP]: convertSkLookup,
};

/** How context accesses of this program type are converted; undefined = the context is what the kernel has. */
export function convertContextAccess(programType: number): Convert | undefined {
  return CONTEXTS[programType];
}
