import type { Env } from './env.js';
import { tnumText } from './log-text.js';
import { RegType } from './reg-type.js';
import { Errno } from './verifier-error.js';

const STRICT_ALIGNMENT = 1;
const IP_ALIGN = 2;

function alignmentName(type: number): string {
  switch (type) {
    case RegType.FLOW_KEYS:
      return 'flow keys ';
    case RegType.MAP_KEY:
      return 'key ';
    case RegType.MAP_VALUE:
      return 'value ';
    case RegType.CTX:
      return 'context ';
    case RegType.STACK:
      return 'stack ';
    case RegType.SOCKET:
      return 'sock ';
    case RegType.SOCK_COMMON:
      return 'sock_common ';
    case RegType.TCP_SOCK:
      return 'tcp_sock ';
    case RegType.XDP_SOCK:
      return 'xdp_sock ';
    default:
      return '';
  }
}

/** Whether address bits below `size` may be set: those of the known value, the offsets, and the unknown bits. */
function misaligned(env: Env, reg: number, off: number, size: number, extra: number): boolean {
  const { regs } = env;
  const low = (regs.valueLow(reg) + regs.off(reg) + off + extra) | regs.maskLow(reg);
  return (low & (size - 1)) !== 0;
}

/** Checks alignment where it counts: the stack, and everything under BPF_F_STRICT_ALIGNMENT. */
export function checkAlignment(
  env: Env,
  regno: number,
  off: number,
  size: number,
  strictOnce: boolean,
): void {
  const { regs } = env;
  const reg = env.reg(regno);
  const type = regs.type(reg);
  if (type === RegType.ARENA) return;
  const strict = strictOnce || type === RegType.STACK || (env.program.spec.flags & STRICT_ALIGNMENT) !== 0;
  if (!strict || size === 1) return;
  const isPacket = type === RegType.PACKET || type === RegType.PACKET_META;
  if (!misaligned(env, reg, off, size, isPacket ? IP_ALIGN : 0)) return;
  const start = isPacket ? `packet access off ${IP_ALIGN}+` : `${alignmentName(type)}access off `;
  const range = tnumText(regs.value(reg), regs.mask(reg));
  env.fail(Errno.EACCES, `misaligned ${start}${range}+${regs.off(reg)}+${off} size ${size}`);
}
