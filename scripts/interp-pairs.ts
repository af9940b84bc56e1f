/** Pairs of operations (assembly/layout/interp.ts) that the interpreter runs as one, most frequent first. */
export const PAIRS: readonly (readonly [number, number])[] = [];
