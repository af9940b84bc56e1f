// Decoding of everything reachable from an address: straight runs of micro-ops, then a pass over them that looks up
// branch targets, drops flags nothing reads and joins compare with jump.
import { RIGHT_X } from '../layout/mmu';
import { pageEntry } from '../mm/page-table';
import { decodedAt, opsLeft, reserveOps, setDecoded, takeOp } from './code-cache';
import { decode, DECODE_FETCH } from './decode';
import { cursor } from './fetch';
import { makeGuard } from './guard-op';
import { linkRun, tuneRun } from './tune';
import { watched, watchRun } from './watch';
import {
  OP_FETCH,
  OP_INT3,
  OP_JCC,
  OP_JMP,
  OP_JMPR,
  OP_LINK,
  OP_RESOLVE,
  OP_RET,
  OP_UD,
  U_DISP,
  U_IMM,
  U_IP,
  U_LEN,
  U_LIVE,
  U_OP,
  U_TARGET,
  UOP,
} from './uop';

/** Branch targets still to decode, and runs decoded in this batch: {first u32, end u32}. */
const PENDING_MAX: u32 = 4096;
const RUNS_MAX: u32 = 4096;
const pending: usize = memory.data(4096 * 8, 8);
const runs: usize = memory.data(4096 * 8, 8);
let pendingCount: u32 = 0;
let runCount: u32 = 0;

function isFetchable(ip: u64): bool {
  return (pageEntry(ip) & RIGHT_X) !== 0;
}

function later(ip: u64): void {
  if (pendingCount === PENDING_MAX || decodedAt(ip) !== 0) return;
  store<u64>(pending + ((<usize>pendingCount) << 3), ip);
  pendingCount++;
}

/** Address a direct branch goes to. */
export function branchTarget(u: usize): u64 {
  return load<u64>(u, U_IP) + load<u8>(u, U_LEN) + <u64>(<i64>load<i32>(u, U_DISP));
}

function linking(op: u32, ip: u64, target: usize): usize {
  const u = takeOp();
  memory.fill(u, 0, UOP);
  store<u8>(u, op, U_OP);
  store<u8>(u, op === OP_RESOLVE ? OP_LINK : op, U_LIVE);
  store<u64>(u, ip, U_IP);
  store<u32>(u, <u32>target, U_TARGET);
  return u;
}

/** A record, outside any run, that fails to fetch at `ip` when it is reached; 0 when memory is exhausted. */
export function unfetchableOp(ip: u64): usize {
  if (reserveOps(1) === 0) return 0;
  const u = linking(OP_FETCH, ip, 0);
  store<u64>(u, ip, U_IMM);
  return u;
}

/** Decodes the straight run that starts at `ip`; false when memory is exhausted. */
function decodeRun(start: u64): bool {
  const first = reserveOps(64);
  if (first === 0) return false;
  let ip = start;
  let open = true;
  while (open) {
    const known = decodedAt(ip);
    if (known !== 0) {
      linking(OP_LINK, ip, known);
      break;
    }
    if (opsLeft() === 1) {
      linking(OP_RESOLVE, ip, 0);
      later(ip);
      break;
    }
    const u = takeOp();
    if (decode(ip, u) === DECODE_FETCH) {
      memory.fill(u, 0, UOP);
      store<u8>(u, OP_FETCH, U_OP);
      store<u8>(u, OP_FETCH, U_LIVE);
      store<u64>(u, ip, U_IP);
      store<u64>(u, cursor, U_IMM);
      if (isFetchable(ip)) return setDecoded(ip, u) && noteRun(first, u + UOP);
      break;
    }
    makeGuard(u);
    if (!setDecoded(ip, u)) return false;
    const op = load<u8>(u, U_OP);
    if (op === OP_JMP || op === OP_JCC) later(branchTarget(u));
    open = op !== OP_JMP && op !== OP_RET && op !== OP_JMPR && op !== OP_INT3 && op !== OP_UD;
    ip += load<u8>(u, U_LEN);
  }
  return noteRun(first, reserveOps(0));
}

function noteRun(first: usize, end: usize): bool {
  const run = runs + ((<usize>runCount) << 3);
  store<u32>(run, <u32>first);
  store<u32>(run + 4, <u32>end);
  runCount++;
  return true;
}

/**
 * Micro-op of the instruction at `ip`, decoded now when it was not; 0 when `ip` lies in no executable page or
 * memory is exhausted (outOfMemory tells).
 */
export function codeLookup(ip: u64): usize {
  const known = decodedAt(ip);
  if (known !== 0) return known;
  if (!isFetchable(ip)) return 0;
  pendingCount = 0;
  runCount = 0;
  later(ip);
  while (pendingCount > 0 && runCount < RUNS_MAX) {
    pendingCount--;
    const next = load<u64>(pending + ((<usize>pendingCount) << 3));
    if (decodedAt(next) !== 0 || !isFetchable(next)) continue;
    if (!decodeRun(next)) {
      outOfMemory = true;
      return 0;
    }
  }
  for (let i: u32 = 0; i < runCount; i++) {
    const run = runs + ((<usize>i) << 3);
    linkRun(load<u32>(run), load<u32>(run + 4));
  }
  for (let i: u32 = 0; i < runCount; i++) {
    const run = runs + ((<usize>i) << 3);
    if (watched) watchRun(load<u32>(run), load<u32>(run + 4));
    else tuneRun(load<u32>(run), load<u32>(run + 4));
  }
  return decodedAt(ip);
}

/** Set, and never cleared, when decoding met the end of linear memory. */
export let outOfMemory: bool = false;
