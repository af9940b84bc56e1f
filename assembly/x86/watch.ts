// What a debugger wants of decoded code: every flag written, nothing fused, and a stop in place of the instructions
// it has breakpoints on. The CPU loop knows nothing of it.
import { touchCode } from '../mm/page-table';
import { OP_STOP, U_IP, U_LEN, U_OP, UOP } from './uop';

/** Code is decoded for a debugger. */
export let watched: bool = false;
/** Addresses to stop in front of, ascending, in the host's keeping. */
let breakpoints: usize = 0;
let breakpointCount: u32 = 0;

/** `on`: decode for a debugger from now on, with breakpoints on `count` ascending addresses (u64) at `addresses`. */
export function cpuWatch(on: bool, addresses: usize, count: u32): void {
  watched = on;
  breakpoints = addresses;
  breakpointCount = count;
  touchCode();
}

function isBreakpoint(ip: u64): bool {
  let low: u32 = 0;
  let high = breakpointCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = load<u64>(breakpoints + ((<usize>middle) << 3));
    if (at === ip) return true;
    if (at < ip) low = middle + 1;
    else high = middle;
  }
  return false;
}

/** Puts the stops into one run. */
export function watchRun(first: usize, end: usize): void {
  if (breakpointCount === 0) return;
  for (let u = first; u < end; u += UOP)
    if (load<u8>(u, U_LEN) !== 0 && isBreakpoint(load<u64>(u, U_IP))) store<u8>(u, OP_STOP, U_OP);
}
