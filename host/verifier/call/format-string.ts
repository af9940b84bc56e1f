import type { Env } from '../env.js';
import { W_A } from '../registers.js';
import { Errno } from '../verifier-error.js';

const FORMAT = 3;
const DATA_SIZE = 5;
const ARGUMENT_SIZE = 8;
const PERCENT = 0x25;
/** A conversion, after its percent sign, that takes one argument. */
const CONVERSION = /^[-+ 0]*\d*(?:p(?:[iI][46]|[KxsSB]|[ku]s|(?![0-9A-Za-z]))|s|c|l{0,2}[diuxX])/;

/** Whether every conversion of a format string is known and has an argument. */
function isValidFormat(bytes: Uint8Array, args: number): boolean {
  const isText = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 9 && byte <= 13));
  if (!isText) return false;
  const text = String.fromCharCode(...bytes);
  let used = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== PERCENT) continue;
    if (bytes[at + 1] === PERCENT) {
      at++;
      continue;
    }
    const found = CONVERSION.exec(text.slice(at + 1));
    if (found === null || ++used > args) return false;
    at += found[0].length;
  }
  return true;
}

/** bpf_snprintf with a size of arguments that is known: its constant format must suit them. */
export function checkSnprintf(env: Env): void {
  const { regs } = env;
  const size = env.reg(DATA_SIZE);
  if (!regs.isConst(size)) return;
  const format = env.reg(FORMAT);
  const { constant } = env.maps[regs.get(format, W_A)];
  if (constant === undefined) return;
  const start = regs.off(format) + regs.valueNumber(format);
  const text = constant.subarray(start, constant.indexOf(0, start));
  if (isValidFormat(text, Math.floor(regs.valueNumber(size) / ARGUMENT_SIZE))) return;
  env.fail(Errno.EINVAL, 'Invalid format string');
}
