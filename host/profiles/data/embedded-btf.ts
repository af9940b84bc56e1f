import { VMLINUX_6_12 } from './vmlinux-linux-6.12.js';

/** The reduced BTF of Linux 6.12 that comes with the package: types that programs meet most, without a file. */
export function embeddedBtf(): Uint8Array {
  const text = atob(VMLINUX_6_12.replace(/\s/g, ''));
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
