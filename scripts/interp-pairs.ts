/**
 * Pairs of operations that the interpreter runs as one: those that often follow each other in code clang makes.
 * Names: an ALU operation or jump with its width and operand form, or a memory operation with its width in bits.
 */
export const PAIRS: readonly string[] = [
  ...after('mov64x', 'add64x', 'add64k', 'lsh64k', 'rsh64k', 'and64k', 'mov64x', 'jeq64k', 'or64x'),
  ...after('add64x', 'ldx8', 'ldx16', 'ldx32', 'ldx64', 'stx8', 'stx32', 'mov64x', 'add64k', 'jgt64x'),
  ...after('add64k', 'jgt64x', 'add64k', 'mov64x', 'jeq64k', 'stx32', 'stx64', 'ja64k', 'ldx64'),
  ...after('lsh64k', 'mov64x', 'xor64x', 'add64x', 'rsh64k', 'arsh64k'),
  ...after('rsh64k', 'mov64x', 'xor64x'),
  ...after('xor64x', 'mov64x', 'mul64x'),
  ...after('mul64x', 'add64k', 'add64x'),
  ...after('and64k', 'jeq64k', 'mov64x', 'add64x'),
  ...after('mov64k', 'mov64x', 'mov64k', 'jgt32x', 'exit64k'),
  ...after('mov32x', 'rsh32k', 'mod32x', 'add32k', 'mul32x', 'mov32x'),
  ...after('rsh32k', 'xor32x'),
  ...after('and32k', 'neg32k', 'jeq32k', 'jne32k'),
  ...after('xor32x', 'add32k', 'mul32k', 'mov32x'),
  ...after('add32k', 'jne32k', 'mov32x'),
  ...after('add32x', 'mov32x'),
  ...after('ldx8', 'jne32k', 'jeq32k', 'jeq64k', 'xor64x', 'lsh64k', 'stx8', 'and64k'),
  ...after('ldx16', 'jeq32k', 'jne32k', 'swap16'),
  ...after('ldx32', 'add32k', 'jgt32x', 'jeq32k', 'mov64x', 'ldx32'),
  ...after('ldx64', 'add64x', 'mul64x', 'mov64x', 'ldx64', 'jeq64k', 'stx64'),
  ...after('probe64', 'probe64', 'jeq64k', 'mov64x', 'probe32', 'stackstx64'),
  ...after('probe32', 'jeq32k', 'mov64x', 'stackstx32'),
  ...after('stackldx64', 'mov64x', 'stackldx64', 'add64k'),
  ...after('stackstx64', 'mov64x', 'stackstx64', 'mov64k'),
  ...after('stackstx32', 'mov64x'),
  ...after('stx64', 'mov64x', 'add64k', 'ja64k'),
  ...after('stx32', 'add64k', 'ja64k', 'mov64x'),
  ...after('stx8', 'add64k', 'add64x', 'mov64x'),
];

function after(first: string, ...seconds: string[]): string[] {
  return seconds.map((second) => `${first} ${second}`);
}
