import type { GuestAddress, TypeId } from '../../quantities.js';

// The kernel allocates these in its direct map; programs only pass the addresses on to kernel functions.

/** What the kernel keeps beside the program. */
export const PROGRAM_AUX: GuestAddress = 0xffff_8881_0000_0000n;

const STRUCT_METAS = 0xffff_8881_0001_0000n;
const STRUCT_META_BYTES = 64n;

/** The kernel's description of a struct of the program that has special fields. */
export function structMeta(id: TypeId): GuestAddress {
  return STRUCT_METAS + BigInt(id) * STRUCT_META_BYTES;
}
