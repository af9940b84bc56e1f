import { LimitError } from '../errors.js';
import type { HostAddress } from '../quantities.js';
import type { Core } from './core.js';
import type { CoreExports } from './exports.generated.js';

const CHUNK_BYTES = 256 * 1024;
/** Chunks grow with what is in use, this part of it: engines collect garbage whenever memory grows. */
const CHUNK_PART = 2;
const LARGEST_CHUNK = 64 * 1024 * 1024;
/** States of one program may take this much, and addresses are signed where words are counted. */
const MOST_BYTES = 1024 * 1024 * 1024;
const ADDRESS_END = 2 ** 31;
const SIGNED = 64;

/** The scalar domain of the core: transfer functions over register records. */
export type ScalarDomain = Pick<
  CoreExports,
  | 'addBounds64'
  | 'branchPredict'
  | 'branchRefine'
  | 'coversSetUp'
  | 'frameClean'
  | 'frameConnect'
  | 'frameCopy'
  | 'frameCovers'
  | 'frameFollow'
  | 'frameForgetPrecision'
  | 'frameLinked'
  | 'frameMarks'
  | 'framePreciseRead'
  | 'framePropagateRead'
  | 'frameRegistersEqual'
  | 'idsBegin'
  | 'idsSame'
  | 'legacyNarrow'
  | 'liveMarkRead'
  | 'placeExcludes'
  | 'recordEqual'
  | 'scalarAlu'
  | 'scalarBroken'
  | 'scalarCheck'
  | 'scalarConst'
  | 'scalarSignExtend32'
  | 'scalarSignExtend64'
  | 'scalarSignedRange'
  | 'scalarSync'
  | 'scalarTruncate'
  | 'scalarUnknown'
  | 'scalarWithin'
  | 'scalarZext'
  | 'subBounds64'
  | 'unbound32'
  | 'unbound64'
  | 'verifierTnumAdd'
  | 'verifierTnumSub'
>;

/**
 * Linear memory of one verification: records are taken from chunks, given back to free lists by size, and all
 * chunks go back to the core at the end. `words` is renewed when memory grows, so it is read anew after
 * {@link alloc}.
 */
export class VerifierMemory {
  readonly domain: ScalarDomain;
  words: Int32Array;
  bytes: Uint8Array;
  private view: DataView;
  private readonly chunks: HostAddress[] = [];
  private readonly freeLists = new Map<number, HostAddress[]>();
  /** Bytes of all chunks. */
  private inUse = 0;
  private top = 0;
  private limit = 0;

  constructor(
    private readonly core: Core,
    legacy: boolean,
  ) {
    this.domain = core.exports;
    core.exports.verifierSetLegacy(legacy ? 1 : 0);
    this.words = new Int32Array(core.memory.buffer);
    this.bytes = core.bytes;
    this.view = core.view;
  }

  /** `size` bytes, a multiple of 8, contents undefined. Throws LIMIT_MEMORY. */
  alloc(size: number): HostAddress {
    const free = this.freeLists.get(size);
    if (free !== undefined && free.length > 0) return free.pop() as number;
    if (this.top + size > this.limit) {
      const grown = Math.min(this.inUse / CHUNK_PART, LARGEST_CHUNK) & -CHUNK_BYTES;
      const bytes = Math.max(CHUNK_BYTES, grown, size);
      if (this.inUse + bytes > MOST_BYTES) throw tooMuch();
      this.top = this.core.alloc(bytes);
      this.limit = this.top + bytes;
      this.inUse += bytes;
      this.chunks.push(this.top);
      if (this.limit > ADDRESS_END) throw tooMuch();
      this.renew();
    }
    const at = this.top;
    this.top += size;
    return at;
  }

  free(address: HostAddress, size: number): void {
    const list = this.freeLists.get(size);
    if (list === undefined) this.freeLists.set(size, [address]);
    else list.push(address);
  }

  /** Gives everything back. */
  dispose(): void {
    for (const chunk of this.chunks) this.core.free(chunk);
    this.chunks.length = 0;
    this.freeLists.clear();
    this.top = 0;
    this.limit = 0;
  }

  copy(to: HostAddress, from: HostAddress, size: number): void {
    this.bytes.copyWithin(to, from, from + size);
  }

  zero(at: HostAddress, size: number): void {
    this.bytes.fill(0, at, at + size);
  }

  u64(at: HostAddress): bigint {
    return this.view.getBigUint64(at, true);
  }

  s64(at: HostAddress): bigint {
    return this.view.getBigInt64(at, true);
  }

  setU64(at: HostAddress, value: bigint): void {
    this.view.setBigUint64(at, BigInt.asUintN(SIGNED, value), true);
  }

  private renew(): void {
    this.words = new Int32Array(this.core.memory.buffer);
    this.bytes = this.core.bytes;
    this.view = this.core.view;
  }
}

const tooMuch = (): LimitError =>
  new LimitError('LIMIT_MEMORY', `verifier states: more than ${MOST_BYTES >> 20} MiB`);
