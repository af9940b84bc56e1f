import type * as Iced from 'iced-x86';
import type { ByteOffset, GuestAddress } from '../quantities.js';

export type Syntax = 'intel' | 'att';

/** One x86 instruction of an image. */
export interface X86Line {
  readonly offset: ByteOffset;
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** Disassembles machine code that runs at `address`. `symbol` names branch and call targets. */
export type X86Disassembler = (
  code: Uint8Array,
  address: GuestAddress,
  syntax: Syntax,
  symbol: (target: GuestAddress) => string | undefined,
) => X86Line[];

/** What is used of the package iced-x86, which the caller imports: nothing here needs it but listings. */
export type IcedModule = Pick<typeof Iced, 'Decoder' | 'DecoderOptions' | 'Formatter' | 'FormatterSyntax'>;

/**
 * A disassembler made of the package iced-x86.
 *
 * @example
 * const disassemble = icedDisassembler(await import('iced-x86'));
 */
export function icedDisassembler(iced: IcedModule): X86Disassembler {
  return (code, address, syntax, symbol) => disassemble(iced, code, address, syntax, symbol);
}

function disassemble(
  { Decoder, DecoderOptions, Formatter, FormatterSyntax }: IcedModule,
  ...[code, address, syntax, symbol]: Parameters<X86Disassembler>
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
