import { EXTABLE_ALIGN } from '../../assembly/layout/extable.js';
import type { ByteOffset, GuestAddress } from '../quantities.js';
import { type CompiledFunction, decodeEntries, offsetsOf } from './exception-entries.js';
import type { ImagePlacement } from './image-source.js';
import type { DirectSite, ExtableEntry, JitImage, JitInput } from './jit-image.js';

/** Offset of the table behind `length` bytes of code. */
export const extableOffset = (length: number): ByteOffset => (length + EXTABLE_ALIGN - 1) & -EXTABLE_ALIGN;

/** An image as the JIT gives it. */
export class CompiledImage implements JitImage {
  readonly name: string;
  readonly address: GuestAddress;
  readonly region: JitImage['region'];
  readonly rw: Uint8Array;
  readonly code: Uint8Array;
  readonly extableOffset: ByteOffset;
  readonly extable: Uint8Array;
  readonly stackDepth: number;
  readonly directSites: readonly DirectSite[];
  readonly #compiled: CompiledFunction;
  #offsets: Uint32Array | undefined;
  #entries: readonly ExtableEntry[] | undefined;

  /** `bytes` are code, filling and table; slots of `compiled` and `sites` are those of the instructions compiled. */
  constructor(
    { name, stackDepth }: JitInput,
    placement: ImagePlacement,
    readonly entry: GuestAddress,
    bytes: Uint8Array,
    codeLength: number,
    compiled: CompiledFunction,
    readonly passes: number,
    sites: readonly DirectSite[],
  ) {
    const { origin } = compiled;
    this.name = name;
    this.address = placement.address;
    this.region = placement.region;
    this.rw = placement.rw;
    this.code = bytes.subarray(0, codeLength);
    this.extableOffset = extableOffset(codeLength);
    this.extable = bytes.subarray(this.extableOffset);
    this.stackDepth = stackDepth;
    this.directSites = origin === null ? sites : sites.map((site) => ({ ...site, insn: origin[site.insn] }));
    this.#compiled = compiled;
  }

  get offsets(): Uint32Array {
    const { lengths, origin } = this.#compiled;
    return (this.#offsets ??=
      origin === null ? offsetsOf(lengths) : givenOffsets(offsetsOf(lengths), origin));
  }

  get entries(): readonly ExtableEntry[] {
    return (this.#entries ??= decodeEntries(this.extable, this.extableOffset, this.#compiled));
  }
}

/** Offsets of the slots the caller gave: each begins where the first of those that replace it does. */
function givenOffsets(offsets: Uint32Array, origin: Int32Array): Uint32Array {
  const starts = [...origin.keys()].filter((slot) => slot === 0 || origin[slot] !== origin[slot - 1]);
  return Uint32Array.from([...starts, origin.length], (slot) => offsets[slot]);
}
