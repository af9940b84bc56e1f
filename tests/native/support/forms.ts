import type { KernelVersion } from '../../../host/profiles/profile.js';
import { type Flow, jumps } from './jumps.js';
import { memory } from './memory-forms.js';
import type { ProgramWriter } from './program-writer.js';

/** One kind of BPF instruction, with what it needs in front. */
export interface Form {
  readonly name: string;
  /** Oldest version that has it. */
  readonly since: KernelVersion;
  /** How often it is taken, 1 when absent. */
  readonly weight?: number;
  /** Where the program goes on; nothing = behind it. */
  readonly write: (writer: ProgramWriter, context: FormContext) => Flow | void;
}

/** What the program being written can refer to. */
export interface FormContext {
  readonly version: KernelVersion;
  /** Distances of the helpers from the call base. */
  readonly helpers: readonly number[];
  /** Functions besides the main one. */
  readonly subprograms: number;
  readonly tailCalls: boolean;
  readonly hasArena: boolean;
  /** Bytes of BPF stack. */
  readonly stack: number;
  /** Faults that nothing repairs are allowed. */
  readonly fatal: boolean;
}

const BINARY: Readonly<Record<string, number>> = {
  add: 0x00,
  sub: 0x10,
  or: 0x40,
  and: 0x50,
  xor: 0xa0,
  mov: 0xb0,
  mul: 0x20,
  lsh: 0x60,
  rsh: 0x70,
  arsh: 0xc0,
};

function arithmetic(): Form[] {
  const forms: Form[] = [];
  for (const [bits, klass] of [
    [32, 4],
    [64, 7],
  ]) {
    for (const [name, op] of Object.entries(BINARY)) {
      const shift = op === 0x60 || op === 0x70 || op === 0xc0;
      forms.push({
        name: `${name}${bits} imm`,
        since: '5.5',
        write: (w) =>
          w.emit(
            op | klass,
            w.writable(),
            0,
            0,
            shift ? w.random.pick([1, w.random.below(bits)]) : w.immediate(),
          ),
      });
      forms.push({
        name: `${name}${bits} reg`,
        since: '5.5',
        write: (w) => w.emit(op | klass | 8, w.writable(), w.readable()),
      });
    }
    forms.push({ name: `neg${bits}`, since: '5.5', write: (w) => w.emit(0x80 | klass, w.writable()) });
    forms.push(...division(bits, klass));
    for (const width of bits === 64 ? [8, 16, 32] : [8, 16])
      forms.push({
        name: `movsx${bits} ${width}`,
        since: '6.12',
        write: (w) => w.emit(0xb8 | klass, w.writable(), w.readable(), width),
      });
  }
  return forms;
}

function division(bits: number, klass: number): Form[] {
  const forms: Form[] = [];
  for (const [name, op] of [
    ['div', 0x30],
    ['mod', 0x90],
  ] as const)
    for (const off of [0, 1]) {
      const prefix = off ? 's' : '';
      const since = off ? '6.12' : '5.5';
      forms.push({
        name: `${prefix}${name}${bits} imm`,
        since,
        write: (w) => w.emit(op | klass, w.writable(), 0, off, divisor(w)),
      });
      forms.push({
        name: `${prefix}${name}${bits} reg`,
        since,
        write: (w, { fatal }) => {
          const src = w.readable();
          if (src !== 10) {
            if (fatal && w.random.below(200) === 0) w.emit(0xb7, src);
            else if (off || w.coin()) w.emit(0xb7, src, 0, 0, divisor(w));
            else w.emit(0x47, src, 0, 0, 1);
          }
          w.emit(op | klass | 8, w.writable(), src, off);
        },
      });
    }
  return forms;
}

/** Neither 0 nor -1, which the verifier patches. */
function divisor(w: ProgramWriter): number {
  const imm = w.immediate();
  return imm === 0 || imm === -1 ? 3 : imm;
}

const OTHERS: readonly Form[] = [
  ...[16, 32, 64].flatMap((bits): Form[] => [
    { name: `le${bits}`, since: '5.5', write: (w) => w.emit(0xd4, w.writable(), 0, 0, bits) },
    { name: `be${bits}`, since: '5.5', write: (w) => w.emit(0xdc, w.writable(), 0, 0, bits) },
    { name: `bswap${bits}`, since: '6.12', write: (w) => w.emit(0xd7, w.writable(), 0, 0, bits) },
  ]),
  { name: 'ld_imm64', since: '5.5', write: (w) => w.number(w.writable()) },
  {
    name: 'ld_imm64 small',
    since: '5.5',
    write: (w) => w.load64(w.writable(), w.immediate(), w.coin() ? 0 : -1),
  },
  {
    name: 'ld_imm64 func',
    since: '6.1',
    // 6.12 loads it in the form for kernel addresses, which the area's are not.
    write: (w, { subprograms, version }) => {
      if (subprograms > 0 && version === '6.1') w.load64(w.writable(), 1, 0, 4);
    },
  },
  {
    name: 'per-CPU address',
    since: '6.12',
    write: (w) => w.emit(0xbf, w.writable(), w.readable(), -1),
  },
  {
    name: 'arena cast',
    since: '6.12',
    write: (w, { hasArena }) => {
      if (hasArena) w.emit(0xbf, w.writable(), w.readable(), 1, 0x10000);
    },
  },
  { name: 'nospec', since: '6.1', write: (w) => w.emit(0xc2) },
  {
    name: 'call helper',
    since: '5.5',
    weight: 2,
    write: (w, { helpers }) => w.emit(0x85, 0, 0, 0, w.random.pick(helpers)),
  },
  {
    name: 'call function',
    since: '5.5',
    weight: 3,
    write: (w, { subprograms }) => {
      if (subprograms > 0) w.emit(0x85, 0, 1, 1, 1);
    },
  },
];

/** The last word: defines all flags but AF, which `and` and the like leave open. */
export const FLAG_FORMS: readonly Form[] = arithmetic().filter(({ name }) =>
  /^(add|sub|neg)(32|64)/.test(name),
);

export const FORMS: readonly Form[] = [...arithmetic(), ...OTHERS, ...memory(), ...jumps()];
