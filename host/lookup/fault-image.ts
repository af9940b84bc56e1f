import { EXTABLE_ALIGN, EXTABLE_ENTRY_SIZE } from '../../assembly/layout/extable.js';
import type { IndexAnswer } from '../core/fault-map.js';
import { LimitError, LookupError } from '../errors.js';
import type { ByteOffset, GuestAddress, InsnIndex } from '../quantities.js';

/** One function with its exception table; a JitImage is one. */
export interface FaultImage {
  /** Of the first byte of the code; a multiple of 4. */
  readonly address: GuestAddress;
  readonly code: { readonly length: number };
  /** Offset of the table from `address`; a multiple of 4, not before the end of the code. */
  readonly extableOffset: ByteOffset;
  /** 12 bytes per entry. */
  readonly extable: Uint8Array;
  /** BPF instruction of each entry, where known. */
  readonly entries?: readonly { readonly insn: InsnIndex }[];
  readonly insns?: ArrayLike<InsnIndex>;
  /** What describe() answers for it; the program defaults to the number of images added before. */
  readonly program?: number;
  readonly func?: number;
}

export const hex = (address: GuestAddress): string => `0x${address.toString(16)}`;

export function isAddress(address: GuestAddress): boolean {
  return typeof address === 'bigint' && address >= 0n && address <= 0xffffffffffffffffn;
}

/** @throws LookupError LOOKUP_ALIGNMENT, LOOKUP_IMAGE */
export function checkShape({ address, code, extableOffset, extable }: FaultImage): void {
  const where = `fault index: image at ${typeof address === 'bigint' ? hex(address) : address}`;
  if (!isAddress(address) || !isAddress(address + BigInt(code.length)))
    throw new LookupError('LOOKUP_IMAGE', `${where}: not within 64-bit addresses`, {});
  if (address % BigInt(EXTABLE_ALIGN) !== 0n || extableOffset % EXTABLE_ALIGN !== 0)
    throw new LookupError(
      'LOOKUP_ALIGNMENT',
      `${where}, table at +${extableOffset}: expected multiples of ${EXTABLE_ALIGN}`,
      { address },
    );
  if (code.length === 0 || extableOffset < code.length || extable.length % EXTABLE_ENTRY_SIZE !== 0)
    throw new LookupError(
      'LOOKUP_IMAGE',
      `${where}: ${code.length} bytes of code, table of ${extable.length} bytes at +${extableOffset}; expected ` +
        `code, then a table of whole ${EXTABLE_ENTRY_SIZE}-byte entries`,
      { address },
    );
}

/** The error that an answer of the core stands for; `entry` is the one 'bad address' and 'bad fixup' are said of. */
export function refusal(answer: IndexAnswer, entry: number, { address, code, extable }: FaultImage): Error {
  const where = `fault index: image at ${hex(address)}, ${code.length} bytes of code`;
  switch (answer) {
    case 'no memory':
      return new LimitError('LIMIT_MEMORY', `${where}: linear memory of the core is exhausted`, {
        address,
      });
    case 'overlap':
      return new LookupError('LOOKUP_OVERLAP', `${where}: overlaps an image in the index`, { address });
    case 'bad address':
      return new LookupError(
        'LOOKUP_IMAGE',
        `${where}: entry ${entry} of ${extable.length / EXTABLE_ENTRY_SIZE} lies outside of the code or not above ` +
          'the entry before it',
        { address },
      );
    default:
      return new LookupError(
        'LOOKUP_IMAGE',
        `${where}: entry ${entry} has no length of 1 to 15 bytes or no register of pt_regs`,
        { address },
      );
  }
}
