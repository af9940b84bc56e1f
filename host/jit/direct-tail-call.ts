import type { JitKnobs } from '../profiles/profile.js';
import type { GuestAddress } from '../quantities.js';
import type { DirectSite, JitImage } from './jit-image.js';

const SITE_SIZE = 5;
const NOP5 = [0x0f, 0x1f, 0x44, 0x00, 0x00];

/** Bytes to write over code of an image. */
export interface CodePatch {
  readonly address: GuestAddress;
  readonly bytes: Uint8Array;
}

/** Offset from a function's address to where tail calls land, behind the frame setup. */
export function landingOffset({ version, ibt }: JitKnobs): number {
  if (version === '5.5') return 20;
  return (version === '6.1' ? 11 : 12) + (ibt ? 4 : 0);
}

function jump(from: GuestAddress, to: GuestAddress): Uint8Array {
  const bytes = new Uint8Array(SITE_SIZE);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0xe9;
  view.setInt32(1, Number(BigInt.asIntN(32, to - from - BigInt(SITE_SIZE))), true);
  return bytes;
}

/**
 * What makes a direct tail call lead to the function at `destination`, or past itself (null: the map's slot is
 * empty). In the order to write: the jump must never be reachable before it has a target.
 */
export function directTailCallPatches(
  image: JitImage,
  site: DirectSite,
  destination: GuestAddress | null,
  knobs: JitKnobs,
): readonly CodePatch[] {
  const bypass = image.address + BigInt(site.bypass);
  const target = image.address + BigInt(site.target);
  const nop = Uint8Array.from(NOP5);
  if (destination === null)
    return [
      { address: bypass, bytes: jump(bypass, target + BigInt(SITE_SIZE)) },
      { address: target, bytes: nop },
    ];
  return [
    { address: target, bytes: jump(target, destination + BigInt(landingOffset(knobs))) },
    { address: bypass, bytes: nop },
  ];
}
