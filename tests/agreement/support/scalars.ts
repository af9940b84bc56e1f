import { at, type Writer } from './writer.js';
import { number32, number64 } from './values.js';

const ALU = ['+=', '-=', '*=', '|=', '&=', '^='];
const DIVIDE = ['/=', '%='];
const SHIFT = ['<<=', '>>=', 's>>='];
const JUMPS = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'];
const ATOMIC_SIGNS = ['+=', '|=', '&=', '^='];
const ATOMIC_NAMES = ['add', 'or', 'and', 'xor'];

/** Registers that instructions of the moment may write and read; all of them hold numbers. */
export interface Registers {
  readonly writable: readonly number[];
  readonly readable: readonly number[];
}

/** An instruction that computes. */
export function compute(to: Writer, { writable, readable }: Registers, v4: boolean): void {
  const { random } = to;
  const dst = random.pick(writable);
  const src = random.pick(readable);
  const width = random.pick(['r', 'w']);
  const operand = (): string => (random.below(2) === 0 ? `${width}${src}` : String(number32(random)));
  switch (random.below(9)) {
    case 0:
    case 1:
    case 2:
      return to.line(`${width}${dst} ${random.pick(ALU)} ${operand()}`);
    case 3: {
      const sign = v4 && random.below(2) === 0 ? 's' : '';
      const by = random.below(3) === 0 ? String(number32(random) || 3) : `${width}${src}`;
      return to.line(`${width}${dst} ${sign}${random.pick(DIVIDE)} ${by}`);
    }
    case 4: {
      const by = random.below(2) === 0 ? `${width}${src}` : random.below(width === 'r' ? 64 : 32);
      return to.line(`${width}${dst} ${random.pick(SHIFT)} ${by}`);
    }
    case 5:
      return to.line(`r${dst} = ${number64(random)} ll`);
    case 6:
      return to.line(`${width}${dst} = ${operand()}`);
    case 7:
      return to.line(`${width}${dst} = -${width}${dst}`);
    default: {
      const swap = random.pick(v4 ? ['le', 'be', 'bswap'] : ['le', 'be']);
      if (!v4 || random.below(2) === 0)
        return to.line(`r${dst} = ${swap}${random.pick([16, 32, 64])} r${dst}`);
      const bits = random.pick(width === 'r' ? [8, 16, 32] : [8, 16]);
      return to.line(`${width}${dst} = (s${bits})${width}${src}`);
    }
  }
}

/** A condition over numbers, as it stands between `if` and `goto`. */
export function condition(to: Writer, readable: readonly number[]): string {
  const { random } = to;
  const width = random.pick(['r', 'w']);
  const right = random.below(2) === 0 ? `${width}${random.pick(readable)}` : number32(random);
  return `${width}${random.pick(readable)} ${random.pick(JUMPS)} ${right}`;
}

/** A load, store or atomic in `size` bytes from `base` + `start` on; the base is not among the registers. */
export function access(
  to: Writer,
  { writable, readable }: Registers,
  base: number,
  start: number,
  size: number,
  v4: boolean,
): void {
  const { random } = to;
  const bytes = random.pick([1, 2, 4, 8].filter((width) => width <= size));
  const off = start + bytes * random.below(Math.floor(size / bytes));
  const bits = 8 * bytes;
  const dst = random.pick(writable);
  const src = random.pick(readable);
  switch (random.below(bytes >= 4 ? 6 : 4)) {
    case 0:
    case 1: {
      const sign = v4 && bytes < 8 && random.below(2) === 0 ? 's' : 'u';
      return to.line(`r${dst} = *(${sign}${bits} *)${at(base, off)}`);
    }
    case 2:
      return to.line(`*(u${bits} *)${at(base, off)} = r${src}`);
    case 3:
      return to.line(`*(u${bits} *)${at(base, off)} = ${number32(random)}`);
    default: {
      const place = `((u${bits} *)${at(base, off)}`;
      const width = bytes === 8 ? '64' : '';
      const letter = bytes === 8 ? 'r' : 'w';
      switch (random.below(4)) {
        case 0:
          return to.line(`lock *(u${bits} *)${at(base, off)} ${random.pick(ATOMIC_SIGNS)} r${src}`);
        case 1:
          return to.line(
            `${letter}${dst} = atomic${width}_fetch_${random.pick(ATOMIC_NAMES)}${place}, ${letter}${dst})`,
          );
        case 2:
          return to.line(`${letter}${dst} = atomic${width}_xchg${place}, ${letter}${dst})`);
        default:
          if (!writable.includes(0)) return;
          return to.line(`${letter}0 = atomic${width}_cmpxchg${place}, ${letter}0, ${letter}${src})`);
      }
    }
  }
}
