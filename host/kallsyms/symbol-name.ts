const PREFIX = 'bpf_prog_';

/** Bytes of a symbol name, without the final NUL: KSYM_NAME_LEN - 1 before 6.1 and since. */
export const SYMBOL_LENGTH_5_5 = 127;
export const SYMBOL_LENGTH = 511;

/**
 * Symbol of a program's function, `bpf_prog_<tag>_<name>`; nothing follows the tag when the name is empty.
 *
 * @param tag 16 hex digits
 * @param limit longest name in bytes
 */
export function programSymbol(tag: string, name: string, limit: number = SYMBOL_LENGTH): string {
  const symbol = name === '' ? PREFIX + tag : `${PREFIX}${tag}_${name}`;
  return symbol.slice(0, limit);
}

/** `name+0xoffset/0xsize`, as the kernel prints an address in text. */
export function symbolOffset(name: string, offset: number, size: number): string {
  return `${name}+0x${offset.toString(16)}/0x${size.toString(16)}`;
}
