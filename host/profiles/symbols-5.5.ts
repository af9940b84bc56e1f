import { SYMBOLS_6_1 } from './symbols-6.1.js';

/**
 * Symbols of the 5.5 profile. No recording of that kernel exists: functions take the addresses of 6.1, and the
 * exception handler, which later kernels no longer have, has one of its own.
 */
export const SYMBOLS_5_5: readonly (readonly [bigint, string])[] = [
  ...SYMBOLS_6_1.filter(([, name]) => !name.endsWith('_thunk') && !name.startsWith('__x86_')),
  [0xffffffff81060000n, 'ex_handler_bpf'],
];
