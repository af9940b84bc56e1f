import type { Form } from './forms.js';
import type { ProgramWriter } from './program-writer.js';

/** What became of the program: it is left here for another. */
export type Flow = 'leaves';

const CONDITIONS: Readonly<Record<string, number>> = {
  jeq: 0x10,
  jgt: 0x20,
  jge: 0x30,
  jset: 0x40,
  jne: 0x50,
  jsgt: 0x60,
  jsge: 0x70,
  jlt: 0xa0,
  jle: 0xb0,
  jslt: 0xc0,
  jsle: 0xd0,
};
/** Distances in instructions: none, short, and past what one byte of displacement reaches. */
const LENGTHS = [0, 1, 2, 6, 30];

/** Instructions that need not run. */
function filler(w: ProgramWriter, count: number): void {
  const from = w.slots;
  for (let i = 0; i < count; i++)
    if (w.coin()) w.number(w.writable());
    else w.emit(0x0f, w.writable(), w.readable());
  w.unsure.fill(1, from, w.slots);
}

/** Writes the jump alone, with a distance still to come. */
type Jump = (w: ProgramWriter) => void;

/** The jump over some instructions, and the same jump backwards: over itself, to a block that jumps out again. */
function both(name: string, since: Form['since'], jump: Jump): Form[] {
  return [
    {
      name: `${name} forwards`,
      since,
      write: (w) => {
        const at = w.slots;
        jump(w);
        filler(w, w.random.pick(LENGTHS));
        w.landHere(at);
      },
    },
    {
      name: `${name} backwards`,
      since,
      write: (w) => {
        const over = w.slots;
        w.emit(0x05);
        const block = w.slots;
        filler(w, w.random.pick(LENGTHS));
        const out = w.slots;
        w.emit(0x05);
        w.unsure[out] = 1;
        w.landHere(over);
        const at = w.slots;
        jump(w);
        w.jumpTo(at, block);
        w.landHere(out);
      },
    },
  ];
}

function conditional(): Form[] {
  const forms: Form[] = [];
  for (const [bits, klass] of [
    [64, 5],
    [32, 6],
  ])
    for (const [name, op] of Object.entries(CONDITIONS)) {
      const immediate: Jump = (w) => w.emit(op | klass, w.readable(), 0, 0, w.immediate());
      const register: Jump = (w) => w.emit(op | klass | 8, w.readable(), w.readable());
      forms.push(...both(`${name}${bits} imm`, '5.5', immediate));
      forms.push(...both(`${name}${bits} reg`, '5.5', register));
    }
  return forms;
}

const unconditional: readonly Form[] = [
  ...both('ja', '5.5', (w) => w.emit(0x05)),
  ...both('ja32', '6.1', (w) => w.emit(0x06)),
  {
    name: 'exit in the middle',
    since: '5.5',
    weight: 3,
    write: (w) => {
      const at = w.slots;
      w.emit(0x05);
      // Only the first is the epilogue, which later ones jump to.
      if (w.exits++ > 0) w.unsure[w.slots] = 1;
      w.emit(0x95);
      w.landHere(at);
    },
  },
  {
    name: 'tail call',
    since: '5.5',
    weight: 12,
    write: (w, { tailCalls }) => {
      if (!tailCalls) return;
      const index = w.random.pick([0, 0, 1, 7]);
      w.object(2, 64);
      w.emit(0xb7, 3, 0, 0, index);
      w.emit(0xf5);
      return index === 0 ? 'leaves' : undefined;
    },
  },
  {
    name: 'tail call, direct',
    since: '6.1',
    weight: 6,
    write: (w, { tailCalls }) => {
      if (tailCalls) w.emit(0xf5, 0, 0, 0, 1);
    },
  },
];

/** Branches, exits and tail calls. */
export const jumps = (): Form[] => [...conditional(), ...unconditional];
