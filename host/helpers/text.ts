import { Errno } from '../maps/errno.js';
import { tryReadString } from './guest-string.js';
import { type Helper, type HelperTable, answer, fail, u32 } from './helper.js';

const SPACE = /^[ \t\n\v\f\r]*/;
const S64_MAX = 2n ** 63n - 1n;
const U64_MAX = 2n ** 64n - 1n;

/** Characters used and the value, or an errno. The base is 0 (from the prefix), 8, 10 or 16. */
function parseNumber(
  text: string,
  flags: bigint,
): { used: number; value: bigint; negative: boolean } | number {
  const base = Number(flags & 31n);
  if (![0, 8, 10, 16].includes(base) || flags > 31n) return Errno.EINVAL;
  const space = SPACE.exec(text)![0].length;
  const negative = text[space] === '-';
  let at = space + (negative ? 1 : 0);
  let radix = base;
  const prefix = /^0x[0-9a-f]/i.test(text.slice(at));
  if (radix === 0) radix = prefix ? 16 : text[at] === '0' ? 8 : 10;
  if (radix === 16 && prefix) at += 2;
  const digits = { 8: /^[0-7]*/, 10: /^[0-9]*/, 16: /^[0-9a-f]*/i }[radix as 8 | 10 | 16].exec(
    text.slice(at),
  )![0];
  if (digits === '') return Errno.EINVAL;
  let value = 0n;
  for (const digit of digits) value = value * BigInt(radix) + BigInt(parseInt(digit, 16));
  if (value > U64_MAX) return Errno.ERANGE;
  return { used: at + digits.length, value, negative };
}

function parser(signed: boolean): Helper {
  return (env, [buffer, size, flags, result]) => {
    const bytes = tryReadString(env.memory, buffer, u32(size));
    if (!bytes || bytes.length === 0) return fail(Errno.EINVAL);
    const found = parseNumber(new TextDecoder('latin1').decode(bytes), flags);
    if (typeof found === 'number') return fail(found);
    if (!signed && found.negative) return fail(Errno.EINVAL);
    const limit = signed ? (found.negative ? S64_MAX + 1n : S64_MAX) : U64_MAX;
    if (found.value > limit) return fail(Errno.ERANGE);
    env.memory.writeUint(result, 8, found.negative ? -found.value : found.value);
    return BigInt(found.used);
  };
}

/** Compares up to `size` bytes of the first text with the second. */
const strncmp: Helper = (env, [first, size, second]) => {
  const limit = u32(size);
  const a = tryReadString(env.memory, first, limit);
  const b = tryReadString(env.memory, second, limit);
  if (!a || !b) return fail(Errno.EFAULT);
  for (let at = 0; at < limit; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return answer(difference < 0 ? -1 : 1);
    if (a[at] === undefined) break;
  }
  return 0n;
};

export const textHelpers: HelperTable = {
  bpf_strtol: parser(true),
  bpf_strtoul: parser(false),
  bpf_strncmp: strncmp,
};
