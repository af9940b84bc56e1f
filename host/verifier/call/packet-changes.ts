/** Helpers after which packet pointers are stale (bpf.h numbers). */
const CHANGES_PACKET = new Set([
  9, 10, 11, 12, 13, 18, 19, 31, 38, 39, 43, 44, 50, 54, 63, 65, 73, 74, 75, 76, 90, 91, 143,
]);

export const changesPacket = (helper: number): boolean => CHANGES_PACKET.has(helper);
