import type { InsnIndex } from '../../quantities.js';
import type { Env } from '../env.js';

/** Helpers that may allocate an element: bpf_{sk,inode,task,cgrp}_storage_get. */
export const STORAGE_GET: ReadonlySet<number> = new Set([107, 145, 156, 210]);

/** A storage_get helper may not wait for memory in an RCU section or with preemption disabled. */
export function noteAllocation(env: Env, at: InsnIndex, id: number): void {
  const { rcuDepth, preemptDepth } = env.state;
  if (STORAGE_GET.has(id) && rcuDepth + preemptDepth > 0) env.aux.storageGetAtomic[at] = 1;
}
