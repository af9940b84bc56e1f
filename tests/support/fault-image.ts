import { EX_TYPE_BPF, EXTABLE_ENTRY_SIZE } from '../../assembly/layout/extable.js';
import type { FaultImage } from '../../host/lookup/fault-index.js';

/** One faulting instruction of an image to make. */
export interface Start {
  /** From the start of the image. */
  readonly at: number;
  readonly length?: number;
  /** pt_regs offset; 1 = none. */
  readonly register?: number;
}

/** An image with `code` bytes of text and an exception entry for each start. */
export function faultImage(
  address: bigint,
  code: number,
  starts: readonly Start[],
  owner: { program?: number; func?: number; insns?: number[] } = {},
): FaultImage {
  const extableOffset = (code + 3) & ~3;
  const extable = new Uint8Array(starts.length * EXTABLE_ENTRY_SIZE);
  const view = new DataView(extable.buffer);
  starts.forEach(({ at, length = 4, register = 80 }, k) => {
    const entry = k * EXTABLE_ENTRY_SIZE;
    view.setInt32(entry, at - (extableOffset + entry), true);
    view.setUint32(entry + 4, (register << 8) | length, true);
    view.setInt32(entry + 8, EX_TYPE_BPF, true);
  });
  return { address, code: { length: code }, extableOffset, extable, ...owner };
}
