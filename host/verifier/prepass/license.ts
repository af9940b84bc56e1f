const GPL_COMPATIBLE = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

/** May a program with this licence use what is reserved for GPL programs? */
export function isGplCompatible(license: string): boolean {
  return GPL_COMPATIBLE.has(license);
}
