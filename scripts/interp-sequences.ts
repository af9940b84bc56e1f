/**
 * Runs of operations that the interpreter does as one, beside the pairs: address computations with their access, and
 * ends of loops. A mark says how an operation is tied to the value before it, which then stays out of the registers:
 * `=` it works on the same register, `@` that register is its base address, `>` it stores that register.
 */
export const SEQUENCES: readonly string[] = [
  // Elements of arrays.
  ...ends('mov64x add64x=', 'ldx8@', 'ldx16@', 'ldx32@', 'ldx64@', 'stx8@', 'stx32@', 'stx64@'),
  ...ends('mov64x add64x= ldx8@', 'xor64x=', 'and64k= lsh64k=', 'mov64x'),
  ...ends('mov64x add64k= add64x=', '', 'ldx32@', 'ldx8@', 'stx32@'),
  ...ends('mov64x lsh64k= add64x=', 'ldx32@', 'ldx64@', 'stx32@', ''),
  ...ends('mov32x lsh64k= mov64x add64x=', 'ldx32@', 'ldx64@', 'stx32@'),
  ...ends('mov64x and64k=', '', 'lsh64k=', 'lsh64k= mov64x add64x=', 'jeq64k=', 'jne64k='),
  ...ends('lsh64k add64x=', 'ldx8@', 'ldx32@', 'ldx64@', 'stx32@', 'stx64@'),
  ...ends('lsh64k mov64x add64x=', 'ldx8@', 'ldx32@', 'ldx64@', 'stx32@', 'stx64@'),
  ...ends('and64k lsh64k=', '', 'mov64x add64x= ldx32@', 'mov64x add64x= ldx64@', 'mov64x add64k= add64x='),
  ...ends('add64x', 'ldx8@', 'ldx32@', 'ldx64@', 'ldx64@ mul64x='),
  // Values from memory.
  ...ends('ldx64', 'mul64x= add64x=', 'add64x= add64k', 'add64k= stx64>'),
  ...ends(
    'ldx32',
    'add32k= stx32>',
    'swap32= add32x=',
    'swap32= add32x= mul32k=',
    'xor32x= mov32x',
    'xor64x=',
  ),
  ...ends('ldx8', 'xor64x= mul64x=', 'add64x= add64k', 'add32x= mul32k=', 'xor32x= and64k='),
  // Mixing.
  ...ends('mul32k', 'mov32x rsh32k= xor32x=', 'mov32x rsh32k= xor32x= ldx32'),
  ...ends('mov64x rsh64k= xor64x=', '', 'mul64x='),
  ...ends('mov32x rsh32k= xor32x=', ''),
  ...ends('mul64k add64x=', 'mov64x', 'add64k'),
  ...ends('add64x mul64k=', ''),
  // Ends of loops.
  ...ends(
    'add64k',
    'jne64k=',
    'jeq64k= ja64k',
    'jne64k',
    'jeq64k',
    'jlt64x',
    'jgt64k',
    'jlt64k',
    'jgt64x',
    'jne64x',
  ),
  ...ends('add64k add64k', 'jne64k=', 'jeq64k= ja64k', 'mov64x jeq64k', 'mov64x jeq64k ja64k', ''),
  ...ends('add64k mov64x', 'jeq64k', 'jeq64k ja64k', 'jne64k'),
  ...ends(
    'mov64x',
    'jeq64k ja64k',
    'jeq32k ja64k',
    'jne32x',
    'jeq32k',
    'jne32k',
    'jgt64x',
    'jlt64x',
    'mul64x= jgt64x=',
  ),
  ...ends('mov64k add64k', 'jne64k=', 'jeq64k='),
  ...ends('add32k', 'jne32k=', 'jeq32k= ja64k', 'jlt32x', 'add64k jne64k='),
  ...ends('add64x', 'jlt64x=', 'jgt64k=', 'jlt64k=', 'add64k jne64k=', 'add64k jeq64k= ja64k'),
  ...ends('jeq64k', 'ja64k'),
  ...ends('jeq32k', 'ja64k'),
  ...ends('jne64k', 'ja64k'),
];

function ends(first: string, ...rest: string[]): string[] {
  return rest.map((each) => `${first} ${each}`.trim());
}
