// The probe guard refuses a load by xor dst,dst and a short jump over the load. At a registered site the xor becomes
// one micro-op that also logs the refused load.
import { decode, DECODED } from './decode';
import { isGuardSite } from './guard';
import {
  COLD_ALU_R,
  OP_COLD,
  OP_GUARD,
  U_A,
  U_B,
  U_C,
  U_DISP,
  U_FORM,
  U_IMM,
  U_IP,
  U_LEN,
  U_LIVE,
  U_OP,
} from './uop';

const SHORT_JUMP: u64 = 2;
const scratch: usize = memory.data(32, 8);

/** Turns the xor at a registered site into OP_GUARD: operand and (in imm) address of the load that follows. */
export function makeGuard(u: usize): void {
  if (load<u8>(u, U_OP) !== OP_COLD || (load<u16>(u, U_FORM) & 63) !== COLD_ALU_R) return;
  const ip = load<u64>(u, U_IP);
  if (load<u8>(u, U_A) !== load<u8>(u, U_B) || !isGuardSite(ip)) return;
  const loadIp = ip + load<u8>(u, U_LEN) + SHORT_JUMP;
  if (decode(loadIp, scratch) !== DECODED) return;
  store<u8>(u, OP_GUARD, U_OP);
  store<u8>(u, OP_GUARD, U_LIVE);
  store<u8>(u, load<u8>(scratch, U_B), U_B);
  store<u8>(u, load<u8>(scratch, U_C), U_C);
  store<i32>(u, load<i32>(scratch, U_DISP), U_DISP);
  store<u64>(u, loadIp, U_IMM);
}
