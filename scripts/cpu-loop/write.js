// Writes the CPU loop and the table of pairs from ops.js:
//   node scripts/cpu-loop/write.js     rewrites assembly/x86/execute.ts, assembly/x86/pairs.ts, assembly/layout/uop.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { OPS, PAIRS } from './ops.js';

const OP_LIMIT = 256;
const folder = new URL('../../assembly/x86/', import.meta.url);
const numberOf = new Map(OPS.map(({ name }, index) => [name, index]));
const op = (name) => {
  const number = numberOf.get(name);
  if (number === undefined) throw new Error(`cpu loop: no operation ${name}`);
  return number;
};

const HEAD = `// Written by scripts/cpu-loop/write.js from ops.js.
//
// The CPU loop: one br_table over the micro-ops of a straight run, one exit test per branch. Registers stay in linear
// memory, so a fault finds them as struct pt_regs.
//
// A straight record steps u and continues; a branch record leaves the switch with u = end of the run just done and
// next = where to go on. start = where that run began: the distance counts the instructions.
import { CPU_AX, CPU_BP, CPU_DX, CPU_SP, EXIT_FAULT, EXIT_MEMORY, EXIT_SLICE } from '../layout/cpu';
import { VECTOR_BP, VECTOR_DE, VECTOR_UD } from '../layout/mmu';
import { readMiss, writeMiss } from '../mm/tlb';
import {
  decodedFast, displacement, imm, JUMP_TARGET, readHits, readLinear, regA, regB, regC, setA, tlbOffset, writeHits,
  writeLinear,
} from './access';
import { branchTarget, codeLookup } from './block';
import { cold, COLD_DIVIDE, COLD_DONE } from './cold';
import { condition, FLAGS_LOGIC, FLAGS_SUB, setFlags } from './flags';
import { divide, quotient, remainder } from './muldiv';
import { afterRegion, enterRegion } from './regions';
import { resolve } from './resolve';
import { getIp, park, REGS, setExitFault } from './state';
import { badFetch, refuse, repair } from './trap';
import { U_A, U_B, U_C, U_IMM, U_IP, U_LEN, U_OP, U_TARGET, UOP } from './uop';

/** Runs from the micro-op \`first\` until \`budget\` (bytes of micro-ops) is used up; answers EXIT_*. */`;

const block = (body) => (/\b(const|let) /.test(body) ? `{\n${body}\n}` : body);
const endOf = { plain: 'u += UOP;\ncontinue;', branch: 'break;', last: '' };

/** A `break` inside the body must leave the switch, so the end of a branch stands inside its block. */
const handler = ({ body, kind }) => block(`${body}\n${endOf[kind]}`);

function pairHandler([first, second]) {
  const [a, b] = [OPS[op(first)], OPS[op(second)]];
  if (a.kind !== 'plain') throw new Error(`cpu loop: ${first} cannot be the first of a pair`);
  return `${block(a.body)}\nu += UOP;\n${handler(b)}`;
}

function loop() {
  const cases = OPS.map((each, index) => `// ${each.name}\ncase ${index}:\n${handler(each)}`);
  PAIRS.forEach((pair, index) =>
    cases.push(`// ${pair.join(' + ')}\ncase ${OPS.length + index}:\n${pairHandler(pair)}`),
  );
  return `${HEAD}
export function execute(first: usize, budget: i32): u32 {
  let u = first;
  let start = first;
  let next: usize = 0;
  let fuel = budget;
  do {
    for (;;) {
      switch (load<u8>(u, U_OP)) {
        ${cases.join('\n')}
        default:
          unreachable();
      }
      break;
    }
    fuel -= <i32>(u - start);
    u = next;
    start = next;
  } while (fuel >= 0);
  return park(load<u64>(u, U_IP), fuel, EXIT_SLICE);
}
`;
}

function pairTable() {
  const rows = PAIRS.map(([first, second], index) => [(op(first) << 8) | op(second), OPS.length + index]);
  rows.sort((a, b) => a[0] - b[0]);
  const repeated = rows.find(([key], index) => index > 0 && rows[index - 1][0] === key);
  if (repeated) throw new Error(`cpu loop: pair ${repeated[1] - OPS.length} is there twice`);
  return `// Written by scripts/cpu-loop/write.js. Keys (first op << 8 | second op), ascending, and the op that does both.

const COUNT: i32 = ${rows.length};
const keys: usize = memory.data<u16>([${rows.map(([key]) => key).join(', ')}]);
const ops: usize = memory.data<u8>([${rows.map(([, number]) => number).join(', ')}]);

const FIRST_PAIR: u32 = ${OPS.length};
/** First operation of each pair. */
const firsts: usize = memory.data<u8>([${PAIRS.map(([first]) => op(first)).join(', ')}]);

/** The first operation of a pair; any other operation itself. */
export function pairFirst(pair: u32): u32 {
  return pair < FIRST_PAIR ? pair : <u32>load<u8>(firsts + <usize>(pair - FIRST_PAIR));
}

/** Operation that runs two neighbouring records, or 0. */
export function pairOf(first: u32, second: u32): u32 {
  const key = (first << 8) | second;
  let low = 0;
  let high = COUNT - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found: u32 = load<u16>(keys + ((<usize>middle) << 1));
    if (found === key) return load<u8>(ops + <usize>middle);
    if (found < key) low = middle + 1;
    else high = middle - 1;
  }
  return 0;
}
`;
}

/** Numbers that uop.ts gives must be those of the table. */
function checkNumbers() {
  const uop = readFileSync(new URL('uop.ts', folder), 'utf8');
  const first = {
    OP_ALU: 'add64r',
    OP_SHIFT: 'shl64i',
    OP_IMUL: 'imul64r',
    OP_LOAD: 'load8',
    OP_LOADX: 'loadx8',
    OP_STORE: 'store8',
    OP_STOREI: 'storei8',
    OP_STOREX: 'storex8',
    OP_STOREXI: 'storexi8',
    OP_CMP: 'cmp64r',
    OP_TEST: 'test64r',
    OP_CMPJ: 'cmpj64r_b',
    OP_TESTJ: 'testj64r_e',
  };
  for (const [, constant, value] of uop.matchAll(/export const (OP_\w+): u32 = (\d+);/g)) {
    const name = first[constant] ?? constant.slice(3).toLowerCase();
    if (op(name) !== Number(value))
      throw new Error(`cpu loop: ${constant} is ${value}, ${name} is ${op(name)}`);
  }
  if (OPS.length + PAIRS.length > OP_LIMIT)
    throw new Error(`cpu loop: ${OPS.length + PAIRS.length} operations, a byte holds ${OP_LIMIT}`);
}

/** Micro-ops as the host reads them: the same without the types of AssemblyScript. */
function layout() {
  const uop = readFileSync(new URL('uop.ts', folder), 'utf8');
  const constants = [...uop.matchAll(/^export const (\w+)(?:: u32)? = (.+);$/gm)];
  return `// Written by scripts/cpu-loop/write.js from x86/uop.ts, where the record is drawn.
${constants.map(([, name, value]) => `export const ${name} = ${value};`).join('\n')}
`;
}

/** File name and text of everything that is written. */
export async function generated() {
  checkNumbers();
  const files = [
    ['execute.ts', loop()],
    ['pairs.ts', pairTable()],
    ['../layout/uop.ts', layout()],
  ];
  return Promise.all(
    files.map(async ([name, text]) => {
      const path = fileURLToPath(new URL(name, folder));
      return { path, text: await format(text, { ...(await resolveConfig(path)), filepath: path }) };
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const { path, text } of await generated()) writeFileSync(path, text);
