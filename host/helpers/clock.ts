import { type Helper, type HelperTable } from './helper.js';

const NS_PER_JIFFY = 4_000_000n;
/** Jiffies begin five minutes before they wrap at 32 bits. */
export const INITIAL_JIFFIES = 0xffff_b6c8n;

const now: Helper = (env) => env.now();

/** Clock ticks of 250 Hz. */
export const jiffiesAt = (ns: bigint): bigint => INITIAL_JIFFIES + ns / NS_PER_JIFFY;

export const clockHelpers: HelperTable = {
  bpf_ktime_get_ns: now,
  bpf_ktime_get_boot_ns: now,
  bpf_ktime_get_coarse_ns: (env) => env.now() - (env.now() % NS_PER_JIFFY),
  bpf_ktime_get_tai_ns: now,
  bpf_jiffies64: (env) => jiffiesAt(env.now()),
};
