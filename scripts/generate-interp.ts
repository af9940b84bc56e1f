// Writes assembly/interp/execute.ts: one case per operation of the interpreter, and per pair of operations that
// often follow each other. Run: node --import tsx scripts/generate-interp.ts
import { writeFileSync } from 'node:fs';
import * as L from '../assembly/layout/interp.js';
import { PAIRS } from './interp-pairs.js';
import { SEQUENCES } from './interp-sequences.js';

/** Code of one operation for the record at `pc + o`; `end` = it sets pc itself. */
interface Operation {
  readonly code: (o: number) => string;
  readonly end?: boolean;
}

const reg = (at: number, o: number): string => `load<u64>(load<u8>(pc, ${o + at}), regs)`;
const dst = (o: number): string => reg(L.REC_DST, o);
const src = (o: number): string => reg(L.REC_SRC, o);
const imm = (o: number): string => `load<u64>(pc, ${o + L.REC_IMM})`;
const reg32 = (at: number, o: number): string => `load<u32>(load<u8>(pc, ${o + at}), regs)`;
const dst32 = (o: number): string => reg32(L.REC_DST, o);
const src32 = (o: number): string => reg32(L.REC_SRC, o);
const imm32 = (o: number): string => `load<u32>(pc, ${o + L.REC_IMM})`;
const set = (o: number, value: string): string =>
  `store<u64>(load<u8>(pc, ${o + L.REC_DST}), ${value}, regs);`;
const offset = (o: number): string => `<u64>(<i64>load<i32>(pc, ${o + L.REC_OFF}))`;
const at = (o: number): string => (o === 0 ? 'pc' : `pc + ${o}`);

const operations = new Map<number, Operation>();
const define = (op: number, code: (o: number) => string, end = false): void => {
  if (operations.has(op)) throw new Error(`operation 0x${op.toString(16)} is defined twice`);
  operations.set(op, { code, end });
};

// ALU, by opcode >> 4. `a` and `b` are pure loads, so naming them twice costs a load, not a side effect.
const ALU: readonly [number, (a: string, b: string, bits: 64 | 32) => string][] = [
  [0x0, (a, b) => `${a} + ${b}`],
  [0x1, (a, b) => `${a} - ${b}`],
  [0x2, (a, b) => `${a} * ${b}`],
  [0x3, (a, b) => `${b} === 0 ? 0 : ${a} / ${b}`],
  [0x4, (a, b) => `${a} | ${b}`],
  [0x5, (a, b) => `${a} & ${b}`],
  [0x7, (a, b) => `${a} >> ${b}`],
  [0x9, (a, b) => `${b} === 0 ? ${a} : ${a} % ${b}`],
  [0xa, (a, b) => `${a} ^ ${b}`],
  [0xb, (_, b) => b],
  [0xc, (a, b, bits) => `<u${bits}>(<i${bits}>${a} >> <i${bits}>${b})`],
  [L.ALU_SDIV, (a, b, bits) => `signedDiv${bits}(${a}, ${b})`],
  [L.ALU_SMOD, (a, b, bits) => `signedMod${bits}(${a}, ${b})`],
];
for (const [op, expr] of ALU) {
  define(L.OP_ALU64_K + op, (o) => set(o, expr(dst(o), imm(o), 64)));
  define(L.OP_ALU64_X + op, (o) => set(o, expr(dst(o), src(o), 64)));
  // load<u32> where a u64 is wanted would make the whole expression 64 bits wide.
  const narrow = (o: number, b: string): string =>
    `const a: u32 = ${dst32(o)}; const b: u32 = ${b}; ${set(o, `<u64>(${expr('a', 'b', 32)})`)}`;
  define(L.OP_ALU32_K + op, (o) => narrow(o, imm32(o)));
  define(L.OP_ALU32_X + op, (o) => narrow(o, src32(o)));
}
// In one expression TypeScript would read the shift as type arguments.
const shiftLeft = (a: string, b: string): string =>
  `const by = ${b}; const whole = ${a}; const shifted = whole << by;`;
define(L.OP_ALU64_K + 0x6, (o) => `${shiftLeft(dst(o), imm(o))} ${set(o, 'shifted')}`);
define(L.OP_ALU64_X + 0x6, (o) => `${shiftLeft(dst(o), src(o))} ${set(o, 'shifted')}`);
define(L.OP_ALU32_K + 0x6, (o) => `${shiftLeft(dst32(o), imm32(o))} ${set(o, '<u64>shifted')}`);
define(L.OP_ALU32_X + 0x6, (o) => `${shiftLeft(dst32(o), src32(o))} ${set(o, '<u64>shifted')}`);
define(L.OP_ALU64_K + 0x8, (o) => set(o, `0 - ${dst(o)}`));
define(L.OP_ALU32_K + 0x8, (o) => set(o, `<u64>(<u32>0 - ${dst32(o)})`));
define(L.OP_BSWAP16, (o) => set(o, `<u64>(bswap<u32>(${dst32(o)}) >> 16)`));
define(L.OP_BSWAP32, (o) => set(o, `<u64>bswap<u32>(${dst32(o)})`));
define(L.OP_BSWAP64, (o) => set(o, `bswap<u64>(${dst(o)})`));
define(L.OP_ZEXT16, (o) => set(o, `${dst(o)} & 0xffff`));
define(L.OP_MOVSX8, (o) => set(o, `<u64>(<i64>load<i8>(load<u8>(pc, ${o + L.REC_SRC}), regs))`));
define(L.OP_MOVSX16, (o) => set(o, `<u64>(<i64>load<i16>(load<u8>(pc, ${o + L.REC_SRC}), regs))`));
define(L.OP_MOVSX32, (o) => set(o, `<u64>(<i64>load<i32>(load<u8>(pc, ${o + L.REC_SRC}), regs))`));
define(L.OP_MOVSX8_32, (o) => set(o, `<u64>(<u32>(<i32>load<i8>(load<u8>(pc, ${o + L.REC_SRC}), regs)))`));
define(L.OP_MOVSX16_32, (o) => set(o, `<u64>(<u32>(<i32>load<i16>(load<u8>(pc, ${o + L.REC_SRC}), regs)))`));
define(L.OP_CAST_USER, (o) =>
  set(o, `${src32(o)} === 0 ? 0 : load<u64>(stateFunc, ${L.FUNC_ARENA_USER}) | <u64>${src32(o)}`),
);
define(L.OP_PERCPU, (o) => set(o, `${src(o)} + load<u64>(settings, ${L.SET_PERCPU})`));
define(L.OP_NOP, () => '');
define(L.OP_LD_IMM64, (o) => `${set(o, imm(o))} pc += ${o + 2 * L.REC_SIZE}; end += ${L.REC_SIZE};`, true);

// Jumps, by opcode >> 4. A taken jump moves `end` along, so that end - pc stays the fuel left.
const JUMPS: readonly [number, (a: string, b: string, bits: 64 | 32) => string][] = [
  [0x1, (a, b) => `${a} === ${b}`],
  [0x2, (a, b) => `${a} > ${b}`],
  [0x3, (a, b) => `${a} >= ${b}`],
  [0x4, (a, b) => `(${a} & ${b}) !== 0`],
  [0x5, (a, b) => `${a} !== ${b}`],
  [0x6, (a, b, bits) => `<i${bits}>${a} > <i${bits}>${b}`],
  [0x7, (a, b, bits) => `<i${bits}>${a} >= <i${bits}>${b}`],
  [0xa, (a, b) => `${a} < ${b}`],
  [0xb, (a, b) => `${a} <= ${b}`],
  [0xc, (a, b, bits) => `<i${bits}>${a} < <i${bits}>${b}`],
  [0xd, (a, b, bits) => `<i${bits}>${a} <= <i${bits}>${b}`],
];
const take = (o: number): string =>
  `const way = load<i32>(pc, ${o + L.REC_OFF}); pc += ${o + L.REC_SIZE} + way; end += way;` +
  ` if (<i32>(end - pc) <= 0) return stop(pc, end, ${L.STOP_FUEL});`;
const branch =
  (condition: string) =>
  (o: number): string =>
    `if (${condition}) { ${take(o)} } else pc += ${o + L.REC_SIZE};`;
for (const [op, test] of JUMPS) {
  define(L.OP_JMP64_K + op, (o) => branch(test(dst(o), imm(o), 64))(o), true);
  define(L.OP_JMP64_X + op, (o) => branch(test(dst(o), src(o), 64))(o), true);
  define(L.OP_JMP32_K + op, (o) => branch(test(dst32(o), imm32(o), 32))(o), true);
  define(L.OP_JMP32_X + op, (o) => branch(test(dst32(o), src32(o), 32))(o), true);
}
define(L.OP_JMP64_K, take, true);

// Memory. The fast path of the TLB stands inline; an access that crosses a page misses.
const WIDTHS = ['u8', 'u16', 'u32', 'u64', 'i8', 'i16', 'i32'];
const bytes = (width: number): number => 1 << (width & 3);
const fault = (o: number): string => `return stop(${at(o)}, end, ${L.STOP_FAULT});`;
const value = (width: number): string => {
  const type = WIDTHS[width];
  return width === 3
    ? 'load<u64>(host)'
    : width < 3
      ? `<u64>load<${type}>(host)`
      : `<u64>(<i64>load<${type}>(host))`;
};
const hit = (tlb: string, size: number): string =>
  `const slot = ${tlb} + ((<usize>(va >> 12) & ${'TLB_ENTRIES - 1'}) << TLB_ENTRY_SHIFT);` +
  ' let host: usize = <usize>(<u32>va + load<u32>(slot, TLB_ADDEND));' +
  ` if (load<u64>(slot) !== (${size === 1 ? 'va' : `(va + ${size - 1})`} & PAGE_MASK))`;
const base = (o: number): string => `const va = ${src(o)} + ${offset(o)};`;
const arena = (register: string, o: number): string =>
  `const va = ${register} + load<u64>(stateFunc, ${L.FUNC_ARENA_KERNEL}) + ${offset(o)};`;

for (let width = 0; width < 7; width++) {
  const size = bytes(width);
  const probe = (o: number): string =>
    `${hit('tlbRead', size)} { host = probeMiss(${at(o)}, va, ${size}); if (host === 0) ${fault(o)} }` +
    set(o, value(width));
  define(
    L.OP_LDX + width,
    (o) =>
      `${base(o)} ${hit('tlbRead', size)} { host = readMiss(va, ${size}); if (host === 0) ${fault(o)} }` +
      set(o, value(width)),
  );
  define(
    L.OP_LDX_STACK + width,
    (o) => `const host = fp + load<i32>(pc, ${o + L.REC_OFF}); ${set(o, value(width))}`,
  );
  define(
    L.OP_PROBE_6_12 + width,
    (o) =>
      `${base(o)} if (va - VSYSCALL <= load<u64>(settings, ${L.SET_USER_LIMIT}) - VSYSCALL) {` +
      ` guardRefused(${at(o)}, va); ${set(o, '0')} } else { ${probe(o)} }`,
  );
  define(
    L.OP_PROBE_6_1 + width,
    (o) => `if (guardRefuses61(${at(o)}, ${src(o)})) { ${set(o, '0')} } else { ${base(o)} ${probe(o)} }`,
  );
  define(L.OP_PROBE_5_5 + width, (o) => `${base(o)} ${probe(o)}`);
  define(L.OP_LDX_ARENA + width, (o) => `${arena(src(o), o)} ${probe(o)}`);
}

for (let log = 0; log < 4; log++) {
  const size = 1 << log;
  const type = WIDTHS[log];
  const plain = `${hit('tlbWrite', size)} { host = writeMiss(va, ${size}); `;
  const forms: readonly [number, number, number, (o: number) => string][] = [
    [
      L.OP_ST,
      L.OP_ST_STACK,
      L.OP_ST_ARENA,
      (o) => (log === 3 ? imm(o) : `load<${type}>(pc, ${o + L.REC_IMM})`),
    ],
    [L.OP_STX, L.OP_STX_STACK, L.OP_STX_ARENA, (o) => `load<${type}>(load<u8>(pc, ${o + L.REC_SRC}), regs)`],
  ];
  for (const [group, stack, arenas, stored] of forms) {
    const put = (o: number, from: string): string => `store<${type}>(host, ${from});`;
    define(
      group + log,
      (o) =>
        `const va = ${dst(o)} + ${offset(o)}; ${plain} if (host === 0) ${fault(o)} } ${put(o, stored(o))}`,
    );
    define(stack + log, (o) => `const host = fp + load<i32>(pc, ${o + L.REC_OFF}); ${put(o, stored(o))}`);
    // The upper half of an arena record's immediate is the entry's index.
    const short = (o: number): string =>
      log === 3 && group === L.OP_ST ? `<u64>(<i64>load<i32>(pc, ${o + L.REC_IMM}))` : stored(o);
    define(
      arenas + log,
      (o) =>
        `${arena(dst(o), o)} ${hit('tlbWrite', size)} host = arenaStoreMiss(${at(o)}, va, ${size});` +
        ` if (host !== 0) ${put(o, short(o))}`,
    );
  }
}

for (const [op, arenaOp, bits] of [
  [L.OP_ATOMIC32, L.OP_ATOMIC32_ARENA, 32],
  [L.OP_ATOMIC64, L.OP_ATOMIC64_ARENA, 64],
]) {
  const size = bits / 8;
  define(
    op,
    (o) =>
      `const va = ${dst(o)} + ${offset(o)}; const host = atomicMiss(${at(o)}, va, ${size});` +
      ` if (host === 0) ${fault(o)} atomic${bits}(${at(o)}, host);`,
  );
  define(
    arenaOp,
    (o) =>
      `${arena(dst(o), o)} const host = arenaStoreMiss(${at(o)}, va, ${size});` +
      ` if (host !== 0) atomic${bits}(${at(o)}, host);`,
  );
}

// Calls. The host goes on at statePc after a stop.
define(
  L.OP_CALL_HELPER,
  (o) => `setGate(${imm(o)}); return stop(pc + ${o + L.REC_SIZE}, end, ${L.STOP_GATE});`,
  true,
);
define(
  L.OP_CALL_FUNC,
  (o) =>
    `const back = pc + ${o + L.REC_SIZE}; if (!pushFrame(load<u32>(pc, ${o + L.REC_IMM}), back, false))` +
    ` return stop(${at(o)}, end, ${L.STOP_STACK}); fp = framePointer(); end += statePc - back; pc = statePc;` +
    ` if (<i32>(end - pc) <= 0) return stop(pc, end, ${L.STOP_FUEL});`,
  true,
);
define(
  L.OP_EXIT,
  (o) =>
    `const from = pc + ${o + L.REC_SIZE}; pc = popFrame(); if (pc === 0) return stopExit(end - from);` +
    ' fp = framePointer(); end += pc - from;',
  true,
);
define(
  L.OP_TAIL_CALL,
  (o) =>
    `const answer = tailCall(); if (answer === TAIL_FAULTS) ${fault(o)} pc += ${o + L.REC_SIZE};` +
    ` if (answer === TAIL_TAKEN) return stop(pc, end, ${L.STOP_TAIL_CALL});`,
  true,
);
define(L.OP_BAD, (o) => `return stop(${at(o)}, end, ${L.STOP_BAD});`, true);

const cases: string[] = [];
const emit = (op: number, code: string): void => {
  cases.push(
    `      case ${op}: {`,
    `        ${code}`,
    ...(/return[^}]*;$/.test(code) && !code.includes('if') ? [] : ['        break;']),
    '      }',
  );
};
for (const [op, { code, end }] of [...operations].sort(([a], [b]) => a - b))
  emit(op, code(0) + (end ? '' : ` pc += ${L.REC_SIZE};`));
const ALU_NAMES = 'add sub mul div or and lsh rsh neg mod xor mov arsh end sdiv smod'.split(' ');
const JUMP_NAMES = 'ja jeq jgt jge jset jne jsgt jsge call exit jlt jle jslt jsle'.split(' ');
const names = new Map<string, number>([
  ['swap16', L.OP_BSWAP16],
  ['swap32', L.OP_BSWAP32],
  ['exit64k', L.OP_EXIT],
]);
for (const [group, suffix] of [
  [L.OP_ALU64_K, '64k'],
  [L.OP_ALU64_X, '64x'],
  [L.OP_ALU32_K, '32k'],
  [L.OP_ALU32_X, '32x'],
] as const)
  ALU_NAMES.forEach((name, index) => names.set(name + suffix, group + index));
for (const [group, suffix] of [
  [L.OP_JMP64_K, '64k'],
  [L.OP_JMP64_X, '64x'],
  [L.OP_JMP32_K, '32k'],
  [L.OP_JMP32_X, '32x'],
] as const)
  JUMP_NAMES.forEach((name, index) => {
    if (!names.has(name + suffix)) names.set(name + suffix, group + index);
  });
for (const [group, prefix] of [
  [L.OP_LDX, 'ldx'],
  [L.OP_LDX_STACK, 'stackldx'],
  [L.OP_PROBE_6_12, 'probe'],
  [L.OP_STX, 'stx'],
  [L.OP_STX_STACK, 'stackstx'],
] as const)
  for (let log = 0; log < 4; log++) names.set(prefix + (8 << log), group + log);

const pairs = PAIRS.map((pair) =>
  pair.split(' ').map((name) => {
    const op = names.get(name);
    if (op === undefined) throw new Error(`pair '${pair}': no operation ${name}`);
    return op;
  }),
);
pairs.forEach(([first, second], index) => {
  const a = operations.get(first);
  const b = operations.get(second);
  if (!a || !b || a.end) throw new Error(`pair ${index}: its first operation sets pc or one is not defined`);
  const code = `{ ${a.code(0)} } ${b.end ? b.code(L.REC_SIZE) : `{ ${b.code(L.REC_SIZE)} } pc += ${2 * L.REC_SIZE};`}`;
  emit(L.OP_PAIRS + index, code);
});

// Sequences. The value of the register that the last operation wrote is `value<n>`, in no register until it has to be.
const ALU_EXPRESSIONS = new Map(ALU);
const JUMP_TESTS = new Map(JUMPS);

interface Step {
  readonly op: number;
  readonly mark: string;
}

const sequences = [...new Set(SEQUENCES)]
  .map((text) =>
    text.split(' ').map((word): Step => {
      const mark = /[=@>]$/.exec(word)?.[0] ?? '';
      const op = names.get(mark === '' ? word : word.slice(0, -1));
      if (op === undefined) throw new Error(`sequence '${text}': no operation ${word}`);
      return { op, mark };
    }),
  )
  .sort((a, b) => b.length - a.length);

const isAlu = (op: number): boolean => op < L.OP_JMP64_K;
const isBranch = (op: number): boolean => op >= L.OP_JMP64_K && op < L.OP_LDX && (op & 15) !== 0;
const isLoad = (op: number): boolean => op >= L.OP_LDX && op < L.OP_LDX + 4;

/** `current`: expression of the register's value, when it is not in the registers. */
function aluValue(op: number, o: number, current: string | null, lines: string[]): string {
  const narrow = op >= L.OP_ALU32_K;
  const isX = (op & 0x10) !== 0;
  const operation = op & 15;
  if (narrow) {
    const a = current === null ? dst32(o) : `<u32>${current}`;
    const b = isX ? src32(o) : imm32(o);
    if (operation === 0x6) {
      lines.push(`const whole${o}: u32 = ${a}; const by${o}: u32 = ${b};`);
      return `<u64>(whole${o} << by${o})`;
    }
    const expression = ALU_EXPRESSIONS.get(operation);
    if (!expression) throw new Error(`sequence: operation 0x${op.toString(16)}`);
    return `<u64>(<u32>(${expression(`(<u32>(${a}))`, `(<u32>(${b}))`, 32)}))`;
  }
  const a = current ?? dst(o);
  const b = isX ? src(o) : imm(o);
  if (operation === 0x6) {
    // In one expression TypeScript would read the shift as type arguments.
    lines.push(`const whole${o} = ${a}; const by${o} = ${b};`);
    return `whole${o} << by${o}`;
  }
  const expression = ALU_EXPRESSIONS.get(operation);
  if (!expression) throw new Error(`sequence: operation 0x${op.toString(16)}`);
  return expression(a, b, 64);
}

function sequenceCode(steps: readonly Step[]): string {
  const lines: string[] = [];
  let values = 0;
  let current: string | null = null;
  /** Where the register of the current value is named, and whether it has to be written. */
  let owner = 0;
  let isDirty = false;
  const flush = (): void => {
    if (isDirty) lines.push(set(owner, current as string));
    isDirty = false;
  };
  const keep = (expression: string, o: number): void => {
    const name = `value${values++}`;
    lines.push(`const ${name}: u64 = ${expression};`);
    current = name;
    owner = o;
    isDirty = true;
  };
  for (let index = 0; index < steps.length; index++) {
    const { op, mark } = steps[index];
    const o = index * L.REC_SIZE;
    if (mark !== '=') flush();
    if (isAlu(op)) keep(aluValue(op, o, mark === '=' ? current : null, lines), o);
    else if (op === L.OP_BSWAP32) keep(`<u64>bswap<u32>(<u32>${mark === '=' ? current : dst32(o)})`, o);
    else if (isLoad(op)) {
      const size = bytes(op - L.OP_LDX);
      const from = mark === '@' ? (current as string) : src(o);
      const host = `host${index}`;
      lines.push(
        `const va${index} = ${from} + ${offset(o)};` +
          hit('tlbRead', size)
            .replaceAll('va', `va${index}`)
            .replaceAll('slot', `slot${index}`)
            .replaceAll('host', host) +
          ` { ${host} = readMiss(va${index}, ${size}); if (${host} === 0) ${fault(o)} }`,
      );
      keep(value(op - L.OP_LDX).replaceAll('host', host), o);
    } else if (op >= L.OP_STX && op < L.OP_STX + 4) {
      const type = WIDTHS[op - L.OP_STX];
      const size = bytes(op - L.OP_STX);
      const to = mark === '@' ? (current as string) : dst(o);
      const stored =
        mark === '>' ? `<${type}>${current}` : `load<${type}>(load<u8>(pc, ${o + L.REC_SRC}), regs)`;
      lines.push(
        `const va${index} = ${to} + ${offset(o)};` +
          hit('tlbWrite', size)
            .replaceAll('va', `va${index}`)
            .replaceAll('slot', `slot${index}`)
            .replaceAll('host', `host${index}`) +
          ` { host${index} = writeMiss(va${index}, ${size}); if (host${index} === 0) ${fault(o)} }` +
          ` store<${type}>(host${index}, ${stored});`,
      );
      current = null;
    } else if (isBranch(op)) {
      flush();
      const narrow = op >= L.OP_JMP32_K;
      const test = JUMP_TESTS.get(op & 15);
      if (!test) throw new Error(`sequence: jump 0x${op.toString(16)}`);
      const own = mark === '=' ? (current as string) : dst(o);
      const a = narrow ? (mark === '=' ? `(<u32>${own})` : dst32(o)) : own;
      const isX = (op & 0x10) !== 0;
      const b = narrow ? (isX ? src32(o) : imm32(o)) : isX ? src(o) : imm(o);
      const next = steps[index + 1];
      if (next === undefined) return `${lines.join(' ')} ${branch(test(a, b, narrow ? 32 : 64))(o)}`;
      if (next.op !== L.OP_JMP64_K) throw new Error('sequence: a jump is followed by none but ja');
      const after = o + L.REC_SIZE;
      return (
        `${lines.join(' ')} const at = ${test(a, b, narrow ? 32 : 64)} ? ${o} : ${after};` +
        ` const way = load<i32>(pc + at, ${L.REC_OFF}); pc += at + ${L.REC_SIZE} + way; end += way;` +
        ` if (<i32>(end - pc) <= 0) return stop(pc, end, ${L.STOP_FUEL});`
      );
    } else throw new Error(`sequence: operation 0x${op.toString(16)}`);
  }
  flush();
  return `${lines.join(' ')} pc += ${steps.length * L.REC_SIZE};`;
}
const FIRST_SEQUENCE = L.OP_PAIRS + pairs.length;
sequences.forEach((steps, index) => emit(FIRST_SEQUENCE + index, sequenceCode(steps)));
const MARKS = ['', '=', '@', '>'];
const END_MARK = 0xff;
const longest = Math.max(...sequences.map(({ length }) => length));
const sequenceBytes = sequences.flatMap((steps) =>
  Array.from({ length: longest }, (_, index) => {
    const step = steps[index];
    return step ? [step.op, MARKS.indexOf(step.mark)] : [0, END_MARK];
  }).flat(),
);

writeFileSync(
  new URL('../assembly/interp/sequences.ts', import.meta.url),
  `// Generated by scripts/generate-interp.ts: which operation runs a record together with those behind it.
import { OP_ALU64_X, OP_LDX, OP_STX, REC_DST, REC_OP, REC_SIZE, REC_SRC } from '../layout/interp';

const SEQUENCES: u32 = ${sequences.length};
const FIRST: u32 = ${FIRST_SEQUENCE};
/** Records of the longest. */
const LONGEST: u32 = ${longest};
/** By sequence, longest first: operation and mark of each record. */
const steps: usize = memory.data<u8>([${sequenceBytes.join(', ')}]);

const SAME: u8 = 1;
const BASE: u8 = 2;
const STORED: u8 = 3;
const END: u8 = 0xff;

/** Whether the operands of the records from the second on are tied as the sequence wants it. */
function matches(sequence: usize, record: usize): bool {
  let register = load<u8>(record, REC_DST);
  for (let index: u32 = 1; index < LONGEST; index++) {
    const step = sequence + 2 * index;
    const mark = load<u8>(step, 1);
    if (mark === END) break;
    const next = record + index * REC_SIZE;
    const op: i32 = load<u8>(step);
    if (<i32>load<u16>(next, REC_OP) !== op) return false;
    if (mark === SAME) {
      if (load<u8>(next, REC_DST) !== register) return false;
      // The register itself is not written yet.
      const isX = op >= OP_ALU64_X && (op & 0x10) !== 0 && op < OP_LDX;
      if (isX && load<u8>(next, REC_SRC) === register) return false;
    } else if (mark === BASE) {
      const base = op < OP_STX ? load<u8>(next, REC_SRC) : load<u8>(next, REC_DST);
      if (base !== register) return false;
    } else if (mark === STORED && load<u8>(next, REC_SRC) !== register) return false;
    register = load<u8>(next, REC_DST);
  }
  return true;
}

/** By the first operation: one past the number of the first sequence that begins with it, u8 each. */
const starts: usize = memory.data<u8>([${Array.from({ length: 256 }, (_, op) => 1 + sequences.findIndex(([first]) => first.op === op)).join(', ')}]);

/** Operation that runs the record and those behind it, \`left\` of them; 0 = none. */
export function sequenceOp(record: usize, left: u32): u32 {
  const op: u32 = load<u16>(record, REC_OP);
  if (op > 255) return 0;
  const start: u32 = load<u8>(starts + op);
  if (start === 0) return 0;
  for (let at = start - 1; at < SEQUENCES; at++) {
    const sequence = steps + at * 2 * LONGEST;
    if (load<u8>(sequence) !== <u8>op) continue;
    if (left < LONGEST && load<u8>(sequence + 2 * left, 1) !== END) continue;
    if (matches(sequence, record)) return FIRST + at;
  }
  return 0;
}
`,
);

writeFileSync(
  new URL('../assembly/interp/execute.ts', import.meta.url),
  `// Generated by scripts/generate-interp.ts: the loop of the BPF interpreter, one case per operation
// (layout/interp.ts). Records, registers and the TLB are drawn where they are defined.
import { TLB_ADDEND, TLB_ENTRIES, TLB_ENTRY_SHIFT } from '../layout/mmu';
import { PAGE_MASK, readMiss, tlbRead, tlbWrite, writeMiss } from '../mm/tlb';
import { arenaStoreMiss, guardRefused, guardRefuses61, probeMiss, VSYSCALL } from './access';
import { atomic32, atomic64, atomicMiss } from './atomic';
import { signedDiv32, signedDiv64, signedMod32, signedMod64 } from './divide';
import { framePointer, popFrame, pushFrame, regs, setGate, setPc, settings, stateFunc, statePc } from './state';
import { TAIL_FAULTS, TAIL_TAKEN, tailCall } from './tail-call';

/** Fuel not used at the last stop, in bytes of records; negative when the last stretch passed it. */
export let fuelLeft: i32 = 0;

function stop(pc: usize, end: usize, reason: u32): u32 {
  setPc(pc);
  fuelLeft = <i32>(end - pc);
  return reason;
}

function stopExit(left: usize): u32 {
  fuelLeft = <i32>left;
  return ${L.STOP_EXIT};
}

/** Runs from statePc until a stop (STOP_*); \`fuel\` counts instructions and is looked at on taken jumps only. */
export function execute(fuel: u32): u32 {
  let pc = statePc;
  let end = pc + <usize>fuel * ${L.REC_SIZE};
  let fp = framePointer();
  while (true) {
    switch (load<u16>(pc)) {
${cases.join('\n')}
      default:
        return stop(pc, end, ${L.STOP_BAD});
    }
  }
}
`,
);

writeFileSync(
  new URL('../assembly/interp/pairs.ts', import.meta.url),
  `// Generated by scripts/generate-interp.ts: which operation runs a record together with the one behind it.
import { heapAlloc } from '../heap';
import { OP_PAIRS } from '../layout/interp';

/** Numbers of the first and of the second operation; pair k is operation OP_PAIRS + k. */
const PAIRS: i32 = ${pairs.length};
const pairs: usize = memory.data<u8>([${pairs.flat().join(', ')}]);

/** By first << 8 | second: 1 + number of the pair. */
let table: usize = 0;

function fill(): void {
  table = heapAlloc(0x10000);
  if (table === 0) return;
  memory.fill(table, 0, 0x10000);
  for (let i = 0; i < PAIRS; i++) {
    const pair = pairs + <usize>i * 2;
    store<u8>(table + ((<usize>load<u8>(pair) << 8) | load<u8>(pair, 1)), <u8>(i + 1));
  }
}

/** Operation that runs both, or 0. */
export function pairOp(first: u32, second: u32): u32 {
  if (table === 0) fill();
  if (table === 0) return 0;
  const pair = <u32>load<u8>(table + ((<usize>first << 8) | second));
  return pair === 0 ? 0 : OP_PAIRS + pair - 1;
}
`,
);
