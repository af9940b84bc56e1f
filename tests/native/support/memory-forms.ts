import type { Form } from './forms.js';
import type { ProgramWriter, Target } from './program-writer.js';

/** Size bits and bytes. */
const SIZES = [
  [0x10, 1],
  [0x08, 2],
  [0x00, 4],
  [0x18, 8],
] as const;
/** Immediates of atomic operations. */
const ATOMICS: Readonly<Record<string, number>> = {
  add: 0x00,
  or: 0x40,
  and: 0x50,
  xor: 0xa0,
  'fetch-add': 0x01,
  'fetch-or': 0x41,
  'fetch-and': 0x51,
  'fetch-xor': 0xa1,
  xchg: 0xe1,
  cmpxchg: 0xf1,
};

/** Plain accesses fault rarely: nothing repairs that. */
function plain(w: ProgramWriter, fatal: boolean): Target {
  if (!fatal || w.random.below(60) > 0) return 'good';
  return w.coin() ? 'hole' : 'anywhere';
}

/** Base register and displacement for `size` bytes. */
function operand(
  w: ProgramWriter,
  size: number,
  stack: number,
  target: Target,
  aligned = false,
): [number, number] {
  if (target === 'good' && stack >= 64 && w.random.below(4) === 0) {
    const at = w.random.below(stack - size + 1);
    return [10, (aligned ? at & ~7 : at) - stack];
  }
  const base = w.writable();
  return [base, w.pointer(base, size, target, aligned)];
}

function loads(): Form[] {
  const forms: Form[] = [];
  for (const [bits, size] of SIZES) {
    forms.push({
      name: `ldx${8 * size}`,
      since: '5.5',
      write: (w, { stack, fatal }) => {
        const [base, off] = operand(w, size, stack, plain(w, fatal));
        w.emit(0x61 | bits, w.writable(), base, off);
      },
    });
    if (size < 8)
      forms.push({
        name: `ldxs${8 * size}`,
        since: '6.12',
        write: (w, { stack, fatal }) => {
          const [base, off] = operand(w, size, stack, plain(w, fatal));
          w.emit(0x81 | bits, w.writable(), base, off);
        },
      });
  }
  return forms;
}

function stores(): Form[] {
  return SIZES.flatMap(([bits, size]): Form[] => [
    {
      name: `stx${8 * size}`,
      since: '5.5',
      write: (w, { stack, fatal, version }) => {
        const [base, off] = storeTarget(w, size, stack, fatal);
        // 5.5 never stores the frame pointer.
        w.emit(0x63 | bits, base, version === '5.5' ? w.writable() : w.readable(), off);
      },
    },
    {
      name: `st${8 * size}`,
      since: '5.5',
      write: (w, { stack, fatal }) => {
        const [base, off] = storeTarget(w, size, stack, fatal);
        w.emit(0x62 | bits, base, 0, off, w.immediate());
      },
    },
  ]);
}

function storeTarget(w: ProgramWriter, size: number, stack: number, fatal: boolean): [number, number] {
  if (!fatal || w.random.below(150) > 0) return operand(w, size, stack, plain(w, fatal));
  const base = w.writable();
  w.readOnly(base);
  return [base, 0];
}

function atomics(): Form[] {
  const forms: Form[] = [];
  for (const [bits, opcode, probe] of [
    [32, 0xc3, 0xe3],
    [64, 0xdb, 0xfb],
  ] as const)
    for (const [name, imm] of Object.entries(ATOMICS)) {
      forms.push({
        name: `atomic ${name}${bits}`,
        since: imm === 0 ? '5.5' : '6.1',
        write: (w, { stack, fatal }) => {
          const [base, off] = operand(w, 8, stack, plain(w, fatal), true);
          if (imm === 0xf1 && base !== 0 && w.coin()) w.emit(0x61 | (bits === 64 ? 0x18 : 0), 0, base, off);
          w.emit(opcode, base, w.writable(), off, imm);
        },
      });
      if (imm === 0x41 || imm === 0x51 || imm === 0xa1) continue;
      forms.push({
        name: `arena atomic ${name}${bits}`,
        since: '6.12',
        write: (w, { hasArena }) => {
          if (!hasArena) return;
          const base = w.writable();
          const off = w.arenaPointer(base, 8, w.random.below(3) === 0, true);
          w.emit(probe, base, w.writable(), off, imm);
        },
      });
    }
  return forms;
}

function probeTarget(w: ProgramWriter): Target {
  return w.random.pick(['good', 'hole', 'hole', 'anywhere'] as const);
}

function probes(): Form[] {
  const forms: Form[] = [];
  for (const [bits, size] of SIZES) {
    const probe = (name: string, opcode: number, since: Form['since']): Form => ({
      name,
      since,
      weight: 4,
      write: (w) => {
        const base = w.writable();
        w.emit(opcode, w.writable(), base, w.pointer(base, size, probeTarget(w)));
      },
    });
    forms.push(probe(`probe ldx${8 * size}`, 0x21 | bits, '5.5'));
    if (size < 8) forms.push(probe(`probe ldxs${8 * size}`, 0x41 | bits, '6.12'));
    const arena = (name: string, opcode: number, source: (w: ProgramWriter) => [number, number]): Form => ({
      name: `arena ${name}${8 * size}`,
      since: '6.12',
      write: (w, { hasArena }) => {
        if (!hasArena) return;
        const base = w.writable();
        const off = w.arenaPointer(base, size, w.random.below(3) === 0, false);
        const [register, imm] = source(w);
        if (opcode === 0xa1) w.emit(opcode | bits, register, base, off);
        else w.emit(opcode | bits, base, register, off, imm);
      },
    });
    forms.push(arena('ldx', 0xa1, (w) => [w.writable(), 0]));
    forms.push(arena('stx', 0xa3, (w) => [w.writable(), 0]));
    forms.push(arena('st', 0xa2, (w) => [0, w.immediate()]));
  }
  return forms;
}

/** Loads, stores and atomics, plain, probing and in the arena. */
export const memory = (): Form[] => [...loads(), ...stores(), ...atomics(), ...probes()];
