import { branchTarget, codeLookup, outOfMemory, unfetchableOp } from './block';
import { OP_CALL, OP_CALLG, U_IMM, U_IP, U_LEN, U_LIVE, U_OP, U_TARGET } from './uop';

/** Looks the target of a direct branch up and puts the branch in its final form; false when memory is exhausted. */
export function resolve(u: usize): bool {
  const to = branchTarget(u);
  let op: u32 = load<u8>(u, U_LIVE);
  let target = codeLookup(to);
  if (target === 0 && !outOfMemory) {
    if (op === OP_CALL) op = OP_CALLG;
    else target = unfetchableOp(to);
  }
  if (outOfMemory) return false;
  store<u64>(u, load<u64>(u, U_IP) + load<u8>(u, U_LEN), U_IMM);
  store<u32>(u, <u32>target, U_TARGET);
  store<u8>(u, op, U_OP);
  return true;
}
