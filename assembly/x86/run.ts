// Entry to the CPU loop: slices and single steps.
import { codeLookup } from './block';
import { refreshCode } from './code-cache';
import { execute } from './execute';
import { getIp, park } from './state';
import { badFetch } from './trap';
import {
  OP_CALL,
  OP_JCC,
  OP_JMP,
  OP_RESOLVE,
  OP_STOP,
  U_IP,
  U_LEN,
  U_LIVE,
  U_OP,
  U_TARGET,
  UOP,
} from './uop';

/** The instruction being stepped, and OP_STOP behind it. */
const scratch: usize = memory.data(64, 16);

/** Runs about `slice` instructions from ip, past it by less than RUN_MAX; answers EXIT_*. */
export function cpuRun(slice: u32): u32 {
  refreshCode();
  const u = codeLookup(getIp());
  if (u === 0) return park(getIp(), <i32>(slice * UOP), badFetch(getIp(), getIp()));
  return execute(u, <i32>(slice * UOP));
}

/** Runs exactly one instruction; answers EXIT_*. */
export function cpuStep(): u32 {
  refreshCode();
  const u = codeLookup(getIp());
  if (u === 0) return park(getIp(), 0, badFetch(getIp(), getIp()));
  memory.copy(scratch, u, UOP);
  memory.fill(scratch + UOP, 0, UOP);
  const op: u32 = load<u8>(scratch, U_LIVE);
  // A branch whose target is not looked up, and a call of gates, which never has one.
  const isOpen = (op === OP_JMP || op === OP_JCC || op === OP_CALL) && load<u32>(scratch, U_TARGET) === 0;
  store<u8>(scratch, isOpen ? OP_RESOLVE : op, U_OP);
  store<u8>(scratch + UOP, OP_STOP, U_OP);
  store<u64>(scratch + UOP, load<u64>(u, U_IP) + load<u8>(u, U_LEN), U_IP);
  return execute(scratch, 0);
}
