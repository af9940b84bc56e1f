import type { Convert } from './conversion.js';

/** How accesses through a socket pointer of this register type are converted; undefined = they are not. */
export function convertSocketAccess(_type: number): Convert | undefined {
  return undefined;
}
