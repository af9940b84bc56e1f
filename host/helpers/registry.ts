import { HelperError } from '../errors.js';
import { absentHelpers } from './absent.js';
import { arenaHelpers } from './arena.js';
import { btfTextHelpers } from './btf-text.js';
import { clockHelpers } from './clock.js';
import { containerHelpers } from './containers.js';
import { cpumaskHelpers } from './cpumask.js';
import { dynptrHelpers } from './dynptr.js';
import type { Helper, HelperTable } from './helper.js';
import { iteratorHelpers } from './iterators.js';
import { lookupHelpers } from './kernel-lookup.js';
import { subjectHelpers } from './kernel-subjects.js';
import { kfuncs } from './kfunc.js';
import { localStorageHelpers } from './local-storage.js';
import { loopHelpers } from './loop.js';
import { mapFunctionPatterns, mapHelpers } from './map-helpers.js';
import { objectHelpers } from './objects.js';
import { outputHelpers } from './output.js';
import { packetMetadataHelpers } from './packet-metadata.js';
import { printHelpers } from './print.js';
import { probeHelpers } from './probe.js';
import { renoHelpers } from './reno.js';
import { skbHelpers } from './skb.js';
import { socketHelpers } from './socket.js';
import { socketMapHelpers } from './socket-maps.js';
import { socketOptionHelpers } from './socket-options.js';
import { storageHelpers } from './storage.js';
import { syncookieHelpers } from './syncookie.js';
import { sysctlHelpers } from './sysctl.js';
import { taskHelpers } from './task.js';
import { textHelpers } from './text.js';
import { timerHelpers } from './timers.js';
import { tracingHelpers } from './tracing.js';
import { xdpFunctionPatterns, xdpHelpers } from './xdp.js';

const TABLES: readonly HelperTable[] = [
  mapHelpers,
  probeHelpers,
  clockHelpers,
  taskHelpers,
  printHelpers,
  textHelpers,
  skbHelpers,
  xdpHelpers,
  outputHelpers,
  storageHelpers,
  loopHelpers,
  arenaHelpers,
  tracingHelpers,
  dynptrHelpers,
  localStorageHelpers,
  socketHelpers,
  lookupHelpers,
  kfuncs,
  objectHelpers,
  containerHelpers,
  cpumaskHelpers,
  iteratorHelpers,
  subjectHelpers,
  packetMetadataHelpers,
  socketOptionHelpers,
  socketMapHelpers,
  sysctlHelpers,
  syncookieHelpers,
  renoHelpers,
  btfTextHelpers,
  timerHelpers,
  absentHelpers,
];
const PATTERNS = [...mapFunctionPatterns, ...xdpFunctionPatterns];
const known = new Map<string, Helper>(TABLES.flatMap((table) => Object.entries(table)));

/** What a call of this kernel function does, or undefined. */
export function findHelper(symbol: string): Helper | undefined {
  return known.get(symbol) ?? PATTERNS.find(([pattern]) => pattern.test(symbol))?.[1];
}

/** Names of the kernel functions that can be called, those of map types excepted. */
export function helperNames(): string[] {
  return [...known.keys()].sort();
}

/** Stands in for a kernel function that Faultline does not have: a call of it ends the run. */
export function missingHelper(symbol: string): Helper {
  return () => {
    throw new HelperError(
      'HELPER_MISSING',
      `call of ${symbol}: expected a helper that Faultline has, found none`,
    );
  };
}
