import { Decoder, DecoderOptions, Formatter, FormatterSyntax } from 'iced-x86';
import type { ByteOffset, GuestAddress } from '../host/quantities.js';

export type Syntax = 'intel' | 'att';

/** One x86 instruction of an image. */
export interface X86Line {
  readonly offset: ByteOffset;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/**
 * Disassembles machine code that runs at `address`. `symbol` names branch and call targets.
 */
export function disassembleX86(
  code: Uint8Array,
  address: GuestAddress,
  syntax: Syntax,
  symbol: (target: GuestAddress) => string | undefined,
): X86Line[] {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  const formatter = new Formatter(syntax === 'intel' ? FormatterSyntax.Intel : FormatterSyntax.Gas);
  formatter.firstOperandCharIndex = syntax === 'intel' ? 7 : 8;
  formatter.spaceAfterOperandSeparator = false;
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.uppercaseHex = false;
  formatter.branchLeadingZeros = false;
  formatter.showBranchSize = false;
  decoder.ip = address;
  const lines: X86Line[] = [];
  try {
    let offset = 0;
    while (decoder.canDecode) {
      const instruction = decoder.decode();
      let text = formatter.format(instruction);
      const target = BigInt.asUintN(64, instruction.nearBranchTarget);
      const name = target === 0n ? undefined : symbol(target);
      if (name !== undefined) text += ` <${name}>`;
      lines.push({ offset, bytes: code.subarray(offset, offset + instruction.length), text });
      offset += instruction.length;
      instruction.free();
    }
  } finally {
    formatter.free();
    decoder.free();
  }
  return lines;
}
