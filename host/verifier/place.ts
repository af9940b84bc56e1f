import type { HostAddress } from '../quantities.js';
import { type State, regAddress, slotAddress } from './state.js';

// A place of a state as a number: | depth of the frame 3 bits | register, or FIRST_SLOT + slot, 7 bits |

const PLACE_BITS = 7;
const PLACE_MASK = (1 << PLACE_BITS) - 1;
/** Numbers within a frame that are slots start here. */
export const FIRST_SLOT = 16;

/** `inFrame` = register, or FIRST_SLOT + slot. */
export const placeOf = (depth: number, inFrame: number): number => (depth << PLACE_BITS) | inFrame;
export const depthOf = (place: number): number => place >> PLACE_BITS;
export const inFrameOf = (place: number): number => place & PLACE_MASK;

/** Its record. */
export function placeAddress(state: State, place: number): HostAddress {
  const frame = state.frames[place >> PLACE_BITS];
  const inFrame = place & PLACE_MASK;
  return inFrame >= FIRST_SLOT ? slotAddress(frame, inFrame - FIRST_SLOT) : regAddress(frame, inFrame);
}
