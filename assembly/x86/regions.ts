// Translated code: a micro-op may be replaced by one that enters a function of the host, which runs a whole region of
// code from there on. Such a function takes fuel and answers what is left; it leaves registers and ip in the state.
import { tlbRead, tlbWrite } from '../mm/tlb';
import { getIp } from './state';
import { codeLookup } from './block';
import { decodedFast } from './access';
import { isFused, OP_ENTER, OP_LINK, U_IP, U_LIVE, U_OP, U_TARGET, UOP } from './uop';
import { pairFirst } from './pairs';

// Entries: {micro-op u32, function in the table u16, its own op u8}, chosen by the place of the micro-op.
const ENTRIES: usize = 1024;
const entries: usize = memory.data(8192, 8);
const ENTRY_FUNCTION: usize = 4;
const ENTRY_OP: usize = 6;

/** Set by a region that left in front of an instruction it cannot run: the CPU runs that one by itself. */
const handBack: usize = memory.data(8, 8);
/** The instruction handed back, and a link to what follows. */
const scratch: usize = memory.data(96, 8);

function entryOf(u: usize): usize {
  return entries + (((u / UOP) & (ENTRIES - 1)) << 3);
}

export function cpuTlbRead(): usize {
  return tlbRead;
}

export function cpuTlbWrite(): usize {
  return tlbWrite;
}

export function cpuHandBack(): usize {
  return handBack;
}

/** Micro-op of the instruction at `ip`, decoded now when it was not; 0 when there is none. */
export function cpuLookup(ip: u64): usize {
  return codeLookup(ip);
}

/** Lets code at `u` enter function `func` of the table; false when another region has the place. */
export function cpuSetRegion(u: usize, func: u32): bool {
  const entry = entryOf(u);
  if (load<u32>(entry) !== 0) return false;
  store<u32>(entry, <u32>u);
  store<u16>(entry, <u16>func, ENTRY_FUNCTION);
  store<u8>(entry, load<u8>(u, U_OP), ENTRY_OP);
  store<u8>(u, OP_ENTER, U_OP);
  return true;
}

/** The op of a micro-op alone, whether a region begins there or a pair. */
export function cpuSingleOp(u: usize): u32 {
  let op: u32 = load<u8>(u, U_OP);
  if (op === OP_ENTER) op = load<u8>(entryOf(u), ENTRY_OP);
  return pairFirst(op);
}

export function forgetRegions(): void {
  memory.fill(entries, 0, ENTRIES << 3);
}

export function enterRegion(u: usize, fuel: i32): i32 {
  return call_indirect<i32>(load<u16>(entryOf(u), ENTRY_FUNCTION), fuel);
}

/** Micro-op to go on with behind a region; 0 = the fetch does not work. */
export function afterRegion(): usize {
  let u = decodedFast(getIp());
  if (u === 0) u = codeLookup(getIp());
  if (load<u8>(handBack) === 0 || u === 0) return u;
  store<u8>(handBack, 0);
  if (load<u8>(u, U_OP) !== OP_ENTER) return u;
  const op = cpuSingleOp(u);
  const records: usize = isFused(op) ? 2 : 1;
  memory.copy(scratch, u, records * UOP);
  store<u8>(scratch, op, U_OP);
  const next = u + records * UOP;
  const link = scratch + records * UOP;
  store<u8>(link, OP_LINK, U_OP);
  store<u8>(link, OP_LINK, U_LIVE);
  store<u64>(link, load<u64>(next, U_IP), U_IP);
  store<u32>(link, <u32>next, U_TARGET);
  return scratch;
}
