// Handlers of the CPU loop, in the order of the numbers in assembly/x86/uop.ts.
//
// A handler is {name, body, kind}. kind 'plain': falls through to the next record. 'branch': sets next and u (end of
// the run) and leaves the switch. 'last': leaves the loop or goes round it by itself.

const plain = (name, body) => ({ name, body, kind: 'plain' });
const branch = (name, body) => ({ name, body, kind: 'branch' });
const last = (name, body) => ({ name, body, kind: 'last' });

const byteAt = (field) => `<usize>load<u8>(u, ${field})`;

/** Leaves the run for the fault just met, or goes on where the exception table says. */
const REPAIR = `{
  next = repair(u);
  if (next === 0) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
  u += UOP;
  break;
}`;

const DIVIDE_ERROR = `{
  setExitFault(VECTOR_DE, 0, 0);
  return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);
}`;

/** `p` = linear address of `size` bytes at `va`, by the TLB or the walk behind it; then `action`. */
function access(va, size, direction, action) {
  const end = size === 1 ? 'va' : `va + ${size - 1}`;
  return `const va = ${va};
const entry = tlbOffset(va);
let p = ${direction}Linear(entry, va);
if (!${direction}Hits(entry, ${end})) {
  p = ${direction}Miss(va, ${size});
  if (p === 0) ${REPAIR}
}
${action}`;
}

const reading = (va, size, action) => access(va, size, 'read', action);
const writing = (va, size, action) => access(va, size, 'write', action);

const ADDRESS = 'regB(u) + displacement(u)';
const INDEXED = 'regB(u) + regC(u) + displacement(u)';
const STACK = 'load<u64>(REGS, CPU_SP)';
const UNSIGNED = [
  ['u8', 1],
  ['u16', 2],
  ['u32', 4],
  ['u64', 8],
];
const SIGNED = UNSIGNED.slice(0, 3).map(([type, size]) => [type.replace('u', 'i'), size]);
const bits = (size) => size * 8;

const extend = (from, to) =>
  plain(
    `movsx${from}_${to}`,
    to === 64
      ? `setA(u, <u64>(<i64>load<i${from}>(${byteAt('U_B')}, REGS)));`
      : `setA(u, <u64>(<u32>(<i32>load<i${from}>(${byteAt('U_B')}, REGS))));`,
  );

const moves = [
  plain('nop', ''),
  plain('mov64', 'setA(u, regB(u));'),
  plain('mov32', 'setA(u, <u64>(<u32>regB(u)));'),
  plain('movi', 'setA(u, imm(u));'),
  extend(8, 64),
  extend(16, 64),
  extend(32, 64),
  extend(8, 32),
  extend(16, 32),
  plain('movzx8', `setA(u, <u64>load<u8>(${byteAt('U_B')}, REGS));`),
  plain('movzx16', `setA(u, <u64>load<u16>(${byteAt('U_B')}, REGS));`),
];

const alu = [
  ['add', '+'],
  ['or', '|'],
  ['and', '&'],
  ['sub', '-'],
  ['xor', '^'],
].flatMap(([name, sign]) =>
  ['regB(u)', 'imm(u)'].flatMap((y) => {
    const form = y === 'imm(u)' ? 'i' : 'r';
    return [
      plain(`${name}64${form}`, `setA(u, regA(u) ${sign} ${y});`),
      plain(`${name}32${form}`, `setA(u, <u64>(<u32>(regA(u) ${sign} ${y})));`),
    ];
  }),
);

const shifts = ['shl', 'shr', 'sar'].flatMap((name) =>
  ['imm(u)', 'regC(u)'].flatMap((count) => {
    const form = count === 'imm(u)' ? 'i' : 'r';
    const sign = name === 'shl' ? '<<' : '>>';
    const wide = name === 'sar' ? `<u64>((<i64>regB(u)) >> (<i64>${count}))` : `regB(u) ${sign} ${count}`;
    const narrow =
      name === 'sar' ? `<u32>((<i32>regB(u)) >> (<i32>${count}))` : `(<u32>regB(u)) ${sign} (<u32>${count})`;
    return [
      plain(`${name}64${form}`, `setA(u, ${wide});`),
      plain(`${name}32${form}`, `setA(u, <u64>(${narrow}));`),
    ];
  }),
);

const products = [
  plain('imul64r', 'setA(u, regA(u) * regB(u));'),
  plain('imul32r', 'setA(u, <u64>(<u32>(regA(u) * regB(u))));'),
  plain('imul64i', 'setA(u, regB(u) * imm(u));'),
  plain('imul32i', 'setA(u, <u64>(<u32>(regB(u) * imm(u))));'),
  plain('neg64', 'setA(u, 0 - regA(u));'),
  plain('neg32', 'setA(u, <u64>(<u32>(0 - regA(u))));'),
];

const load = (prefix, address) =>
  UNSIGNED.map(([type, size]) =>
    plain(`${prefix}${bits(size)}`, reading(address, size, `setA(u, <u64>load<${type}>(p));`)),
  );
const loads = [
  ...load('load', ADDRESS),
  ...SIGNED.map(([type, size]) =>
    plain(`loads${bits(size)}`, reading(ADDRESS, size, `setA(u, <u64>(<i64>load<${type}>(p)));`)),
  ),
  ...load('loadx', INDEXED),
];

const store = (prefix, address) => [
  ...UNSIGNED.map(([type, size]) =>
    plain(
      `${prefix}${bits(size)}`,
      writing(address, size, `store<${type}>(p, load<${type}>(${byteAt('U_A')}, REGS));`),
    ),
  ),
  ...UNSIGNED.map(([type, size]) =>
    plain(`${prefix}i${bits(size)}`, writing(address, size, `store<${type}>(p, load<${type}>(u, U_IMM));`)),
  ),
];

const stack = [
  plain(
    'push',
    writing(`${STACK} - 8`, 8, 'store<u64>(p, regA(u) + imm(u));\nstore<u64>(REGS, va, CPU_SP);'),
  ),
  plain('pop', reading(STACK, 8, 'store<u64>(REGS, va + 8, CPU_SP);\nsetA(u, load<u64>(p));')),
  plain(
    'leave',
    reading(
      'load<u64>(REGS, CPU_BP)',
      8,
      'store<u64>(REGS, va + 8, CPU_SP);\nstore<u64>(REGS, load<u64>(p), CPU_BP);',
    ),
  ),
];

const others = [
  plain(
    'div64',
    `const y = regB(u);
const low = load<u64>(REGS, CPU_AX);
const high = load<u64>(REGS, CPU_DX);
if (high === 0 && y !== 0) {
  store<u64>(REGS, low / y, CPU_AX);
  store<u64>(REGS, low % y, CPU_DX);
} else {
  if (!divide(high, low, y)) ${DIVIDE_ERROR}
  store<u64>(REGS, quotient, CPU_AX);
  store<u64>(REGS, remainder, CPU_DX);
}`,
  ),
  plain(
    'div32',
    `const y = <u64>(<u32>regB(u));
const x = <u64>load<u32>(REGS, CPU_AX) | (<u64>load<u32>(REGS, CPU_DX) << 32);
if (y === 0 || x / y > 0xffffffff) ${DIVIDE_ERROR}
store<u64>(REGS, x / y, CPU_AX);
store<u64>(REGS, x % y, CPU_DX);`,
  ),
  plain('guard', 'refuse(u);'),
  plain(
    'cold',
    `const how = cold(u);
if (how === COLD_DIVIDE) ${DIVIDE_ERROR}
if (how !== COLD_DONE) ${REPAIR}`,
  ),
];

const flagWriters = [
  ['cmp', 'FLAGS_SUB', '-'],
  ['test', 'FLAGS_LOGIC', '&'],
].flatMap(([name, flags, sign]) =>
  [3, 2].flatMap((width) =>
    ['regB(u)', 'imm(u)'].map((y) =>
      plain(
        `${name}${width === 3 ? 64 : 32}${y === 'imm(u)' ? 'i' : 'r'}`,
        `setFlags(${flags}, ${width}, regA(u), ${y}, regA(u) ${sign} ${y});`,
      ),
    ),
  ),
);

const TARGET = 'load<u32>(u, U_TARGET)';
/** Goes to the code at an address: decoded already, decoded now, or out of the loop. */
const goTo = (address) => `next = decodedFast(${address});
if (next === 0) {
  next = codeLookup(${address});
  if (next === 0) return park(${address}, fuel - <i32>(u + UOP - start), badFetch(${address}, ${address}));
}
u += UOP;`;
const pushing = (value) => `store<u64>(p, ${value});\nstore<u64>(REGS, va, CPU_SP);\n`;

const transfers = [
  branch('jmp', `next = ${TARGET};\nu += UOP;`),
  branch('jcc', `next = condition(load<u8>(u, U_C)) ? <usize>${TARGET} : u + UOP;\nu += UOP;`),
  branch('call', writing(`${STACK} - 8`, 8, `${pushing('imm(u)')}next = ${TARGET};\nu += UOP;`)),
  branch(
    'ret',
    reading(STACK, 8, `store<u64>(REGS, va + 8, CPU_SP);\nconst to = load<u64>(p);\n${goTo('to')}`),
  ),
  branch('jmpr', `const to = regB(u);\n${goTo('to')}`),
  branch('link', `next = ${TARGET};`),
  last(
    'resolve',
    `if (!resolve(u)) return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_MEMORY);\ncontinue;`,
  ),
  last(
    'callg',
    writing(
      `${STACK} - 8`,
      8,
      `${pushing('imm(u)')}const to = branchTarget(u);
return park(to, fuel - <i32>(u + UOP - start), badFetch(to, to));`,
    ),
  ),
  last(
    'fetch',
    'return park(load<u64>(u, U_IP), fuel - <i32>(u - start), badFetch(load<u64>(u, U_IP), imm(u)));',
  ),
  last('stop', 'return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_SLICE);'),
  last(
    'int3',
    `setExitFault(VECTOR_BP, 0, 0);
return park(load<u64>(u, U_IP) + 1, fuel - <i32>(u + UOP - start), EXIT_FAULT);`,
  ),
  last(
    'ud',
    `setExitFault(VECTOR_UD, 0, 0);
return park(load<u64>(u, U_IP), fuel - <i32>(u - start), EXIT_FAULT);`,
  ),
  branch(
    'callr',
    writing(
      `${STACK} - 8`,
      8,
      `const to = regB(u);\n${pushing('load<u64>(u, U_IP) + load<u8>(u, U_LEN)')}${goTo('to')}`,
    ),
  ),
];

const CONDITIONS = [
  ['b', '<', 'u'],
  ['ae', '>=', 'u'],
  ['e', '===', 'u'],
  ['ne', '!==', 'u'],
  ['be', '<=', 'u'],
  ['a', '>', 'u'],
  ['l', '<', 'i'],
  ['ge', '>=', 'i'],
  ['le', '<=', 'i'],
  ['g', '>', 'i'],
];
const FORMS = [64, 32].flatMap((width) => [
  [width, 'r', 'regB(u)'],
  [width, 'i', 'imm(u)'],
]);
const fused = (name, holds) =>
  branch(name, `next = ${holds} ? <usize>load<u32>(u, JUMP_TARGET) : u + 2 * UOP;\nu += 2 * UOP;`);

const compares = FORMS.flatMap(([width, form, y]) =>
  CONDITIONS.map(([cc, sign, type]) => {
    const cast = width === 64 && type === 'u' ? '' : `<${type}${width}>`;
    const operand = (value) => (cast === '' ? value : `(${cast}${value})`);
    return fused(`cmpj${width}${form}_${cc}`, `${operand('regA(u)')} ${sign} ${operand(y)}`);
  }),
);
const tests = FORMS.flatMap(([width, form, y]) =>
  [
    ['e', '==='],
    ['ne', '!=='],
  ].map(([cc, sign]) => {
    const both = `(regA(u) & ${y})`;
    return fused(`testj${width}${form}_${cc}`, `${width === 64 ? both : `(<u32>${both})`} ${sign} 0`);
  }),
);

const regions = [
  last(
    'enter',
    `fuel = enterRegion(u, fuel - <i32>(u - start));
next = afterRegion();
if (next === 0) return park(getIp(), fuel, badFetch(getIp(), getIp()));
start = u;
break;`,
  ),
];

export const OPS = [
  ...moves,
  ...alu,
  ...shifts,
  ...products,
  ...loads,
  ...store('store', ADDRESS),
  ...store('storex', INDEXED),
  ...stack,
  ...others,
  ...flagWriters,
  ...transfers,
  ...compares,
  ...tests,
  ...regions,
];

/**
 * Neighbours that run as one: the first record's op is replaced, the second record stays as it is, so that a jump to
 * it finds it. Chosen by how often they ran in compiled loops, packet parsers, probe guards and prologues.
 */
export const PAIRS = `
mov64 mov64, mov64 movi, mov64 mov32, mov64 add64r, mov64 add64i, mov64 sub64r, mov64 shl64i, mov64 shr64i,
mov64 and64i, mov64 jmp, mov64 load64, mov64 store64, mov64 cmpj64i_e, mov64 cmpj64i_ne, mov64 cmpj64r_e,
mov32 movi, mov32 mov64, mov32 mov32, mov32 push, mov32 pop, mov32 shr32i, mov32 and32i, mov32 add32r,
mov32 imul32r, mov32 cmpj64i_e, mov32 shl64i,
movi mov64, movi movi, movi div32, movi div64, movi jmp, movi cmpj64r_a, movi cmpj32i_ne, movi cmpj32r_a,
movi store64,
add64r add64i, add64r mov64, add64r mov32, add64r load8, add64r load32, add64r load64, add64r store8,
add64r store32, add64r store64, add64r shr32i, add64r imul64i,
add64i add64i, add64i mov64, add64i mov32, add64i add64r, add64i sub64r, add64i cmpj64i_e, add64i cmpj64i_ne,
add64i cmpj64r_ne,
add32i cmpj32i_e, add32i cmpj32i_ne, add32i mov32, add32r mov32, add32i cmpj32r_b,
sub64r movi, imul64r add64i, imul64r add64r, imul64i add32i, imul32r movi,
and64i shl64i, and64i xor64r, shl64i mov64, shl64i add64r, shl64i shr64i, shl64i sar64i, shr32i store32, shr32i load32,
xor32r and64i, xor32r mov32, xor32r and32i, and32i add64r,
load8 xor64r, load8 xor32r, load8 cmpj32i_e, load8 cmpj32i_ne, load16 cmpj32i_e, load16 cmpj32i_ne, load32 xor32r,
load32 mov32, load32 cmpj32r_be, load32 cmpj32i_e, load32 cmpj32i_ne, load64 imul64r, load64 load64, load64 mov64,
load64 cmpj64i_e, load64 cmpj64i_ne, load64 add64r,
push push, push mov64, pop pop, pop movi, pop leave, leave ret, store64 store64, div32 mov32, nop nop, nop push
`
  .split(',')
  .map((pair) => pair.trim().split(/\s+/));
