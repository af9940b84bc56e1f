/** What the parent asks the child for. */
export type Request =
  | { readonly kind: 'setup'; readonly objects: Uint8Array; readonly gs: bigint }
  | { readonly kind: 'batch'; readonly code: Uint8Array; readonly cases: BigUint64Array }
  | { readonly kind: 'memory'; readonly code: Uint8Array; readonly cases: BigUint64Array };

/** Words of one case: entry, seed, tables as in the state page, registers by x86 number. */
export const CASE_WORDS = 22;
export const CASE_ENTRY = 0;
export const CASE_SEED = 1;
export const CASE_TABLES = 2;
export const CASE_REGISTERS = 6;

/** Words of one answer: registers by x86 number, flags, faults, signal, digest of memory, then 4 words a fault. */
export const ANSWER_FLAGS = 16;
export const ANSWER_FAULTS = 17;
export const ANSWER_SIGNAL = 18;
export const ANSWER_DIGEST = 19;
export const ANSWER_WORDS = 20;
export const FAULT_WORDS = 4;
