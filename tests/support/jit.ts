import { readFileSync } from 'node:fs';
import { Core } from '../../host/core/core.js';
import { countExentries } from '../../host/jit/exentries.js';
import type { ImagePlacement, ImageSource } from '../../host/jit/image-source.js';
import type { JitImage, JitInput } from '../../host/jit/jit-image.js';
import type { GoldenJitInput } from './goldens.js';

export const fromHex = (hex: string): Uint8Array =>
  new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export function loadCore(): Promise<Core> {
  return Core.load(readFileSync(new URL('../../host/core/core.wasm', import.meta.url)));
}

/** Images at fixed addresses, never written to memory. Notes what is given back. */
export class FakeImages implements ImageSource {
  readonly released: bigint[] = [];
  readonly lengths: number[] = [];

  constructor(readonly addresses: readonly bigint[]) {}

  allocate(length: number, index: number): ImagePlacement {
    this.lengths.push(length);
    const address = this.addresses[index];
    return { address, region: { address, size: length }, rw: new Uint8Array(length) };
  }

  release({ address }: { address: bigint }): void {
    this.released.push(address);
  }

  finalize(): void {}

  free(): void {}
}

/** A function of `insns` with nothing special about it; `more` overrides. */
export function jitInput(insns: Uint8Array, more: Partial<JitInput> = {}): JitInput {
  return {
    name: 'test',
    insns,
    stackDepth: 0,
    numExentries: countExentries(insns),
    tailCallReachable: false,
    isSubprogram: false,
    isExceptionCallback: false,
    exceptionBoundary: false,
    isClassic: false,
    arenaKernel: 0n,
    arenaUser: 0n,
    ...more,
  };
}

/** jit_input.num_exentries leaves sign-extending loads out, so the entries are counted. */
export function goldenInput(given: GoldenJitInput): JitInput {
  return jitInput(fromHex(given.insns_hex), {
    stackDepth: given.stack_depth ?? 0,
    tailCallReachable: Boolean(given.tail_call_reachable),
    exceptionBoundary: Boolean(given.exception_boundary),
    arenaKernel: BigInt(given.arena_kern ?? 0),
    arenaUser: BigInt(given.arena_user ?? 0),
  });
}

const DIRECT_SITE_SIZE = 5;

/** Hex of code with the patch sites of the image's direct tail calls, whose content follows the map, blanked. */
export function masked(code: Uint8Array, { directSites }: JitImage): string {
  const copy = code.slice();
  for (const { bypass, target } of directSites)
    for (const site of [bypass, target]) copy.fill(0, site, site + DIRECT_SITE_SIZE);
  return toHex(copy);
}
