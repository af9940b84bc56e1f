// Red-black node embedded in an element. Links are addresses of elements; the caller passes the offset of the
// embedded node, so one element can stand in several trees. Elements are at least 2-byte aligned.
//
//   element + node offset:  +0 left u32   +4 right u32   +8 parent u32 | colour in bit 0
//   element + 0:            key u64, compared unsigned

export const RB_LEFT = 0;
export const RB_RIGHT = 4;
export const RB_PARENT = 8;
export const RB_NODE_SIZE = 12;

export const RB_KEY = 0;

export const RB_RED = 0;
export const RB_BLACK = 1;
