import * as isa from '../../assembly/isa.js';
import type { HostAddress, InsnIndex } from '../quantities.js';
import type { Env } from './env.js';
import { forEachPlaceOf } from './nulls.js';
import { W_A } from './registers.js';
import { RegType } from './reg-type.js';
import { type State, regAddress } from './state.js';

/** Markers in the range of a packet pointer that was compared with the end. */
const AT_END = -1;
const BEYOND_END = -2;
const MAX_PACKET_OFFSET = 0xffff;

export function isAnyPacket(type: number): boolean {
  return type === RegType.PACKET || type === RegType.PACKET_META || type === RegType.PACKET_END;
}

const FLIPPED = new Map([
  [isa.BPF_JGT, isa.BPF_JLT],
  [isa.BPF_JGE, isa.BPF_JLE],
  [isa.BPF_JLT, isa.BPF_JGT],
  [isa.BPF_JLE, isa.BPF_JGE],
  [isa.BPF_JSGT, isa.BPF_JSLT],
  [isa.BPF_JSGE, isa.BPF_JSLE],
  [isa.BPF_JSLT, isa.BPF_JSGT],
  [isa.BPF_JSLE, isa.BPF_JSGE],
]);

/** The same comparison with its sides exchanged. */
export function flipJump(op: number): number {
  return FLIPPED.get(op) ?? op;
}

/** Whether an earlier comparison with the end decides this one: 1 taken, 0 not, -1 undecided. */
export function predictPacket(env: Env, a: HostAddress, b: HostAddress, op: number): number {
  const { regs } = env;
  let packet = a;
  let way = op;
  if (regs.type(b) !== RegType.PACKET_END) {
    if (regs.type(a) !== RegType.PACKET_END) return -1;
    packet = b;
    way = flipJump(op);
  }
  const range = regs.get(packet, W_A);
  if (range >= 0) return -1;
  if (way === isa.BPF_JLE || way === isa.BPF_JGT) {
    return range === BEYOND_END ? (way === isa.BPF_JGT ? 1 : 0) : -1;
  }
  if (way === isa.BPF_JLT || way === isa.BPF_JGE) return way === isa.BPF_JGE ? 1 : 0;
  return -1;
}

/** Pointers of the same packet may be read up to here. */
function extendRange(env: Env, state: State, reg: HostAddress, open: boolean): void {
  const { regs } = env;
  const off = regs.off(reg);
  if (off < 0 || (off === 0 && open)) return;
  const umax = regs.umax(reg);
  if (umax > BigInt(MAX_PACKET_OFFSET) || umax + BigInt(off) > BigInt(MAX_PACKET_OFFSET)) return;
  const range = off + (open ? 1 : 0);
  const type = regs.type(reg);
  const id = regs.id(reg);
  forEachPlaceOf(env, state, (place) => {
    if (regs.type(place) !== type || regs.id(place) !== id) return;
    regs.set(place, W_A, Math.max(regs.get(place, W_A), range));
  });
}

function markEnd(env: Env, state: State, regno: number, beyond: boolean): void {
  const reg = regAddress(state.frame, regno);
  if (env.regs.type(reg) !== RegType.PACKET) return;
  env.regs.set(reg, W_A, beyond ? BEYOND_END : AT_END);
}

function isStart(env: Env, reg: HostAddress): boolean {
  const { regs } = env;
  return (
    regs.type(reg) === RegType.PACKET && regs.off(reg) === 0 && regs.isConst(reg) && regs.value(reg) === 0n
  );
}

/** A comparison of a packet pointer with its end (or of metadata with the start) teaches ranges. */
export function matchPacketPointers(env: Env, at: InsnIndex, here: State, taken: State): boolean {
  const { regs, code } = env;
  const opcode = code.opcode[at];
  if ((opcode & 7) !== isa.BPF_JMP || (opcode & 8) === 0) return false;
  const dst = code.dst[at];
  const src = code.src[at];
  const a = regAddress(here.frame, dst);
  const b = regAddress(here.frame, src);
  const forward =
    (regs.type(a) === RegType.PACKET && regs.type(b) === RegType.PACKET_END) ||
    (regs.type(a) === RegType.PACKET_META && isStart(env, b));
  const reverse =
    (regs.type(a) === RegType.PACKET_END && regs.type(b) === RegType.PACKET) ||
    (isStart(env, a) && regs.type(b) === RegType.PACKET_META);
  if (!forward && !reverse) return false;
  const op = reverse ? flipJump(opcode & 0xf0) : opcode & 0xf0;
  const packet = forward ? a : b;
  const regno = forward ? dst : src;
  if (op === isa.BPF_JGT) {
    extendRange(env, here, packet, false);
    markEnd(env, taken, regno, true);
  } else if (op === isa.BPF_JLT) {
    extendRange(env, taken, packet, true);
    markEnd(env, here, regno, false);
  } else if (op === isa.BPF_JGE) {
    extendRange(env, here, packet, true);
    markEnd(env, taken, regno, false);
  } else if (op === isa.BPF_JLE) {
    extendRange(env, taken, packet, false);
    markEnd(env, here, regno, true);
  } else {
    return false;
  }
  return true;
}
