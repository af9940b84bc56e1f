import type { Random } from '../../support/random.js';
import { access, compute, condition, type Registers } from './scalars.js';
import { number32, number64 } from './values.js';
import { at, Writer } from './writer.js';

/** Maps of every program, by index. */
export const MAPS = { out: 0, array: 1, hash: 2, percpuArray: 3, percpuHash: 4, calls: 5 } as const;
export const SIZES = { out: 256, array: 64, hash: 16, percpuArray: 32, percpuHash: 16 } as const;
/** Slots of the prog array; the last is empty. */
export const CALLS = 4;

/** What the generator must know of a kernel. */
export interface Facts {
  readonly v4: boolean;
  /** BTF id of bpf_throw; 0 = the kernel has none. */
  readonly bpfThrow: number;
  /** Offsets in task_struct: pointers to tasks, and numbers with their bytes. */
  readonly pointers: readonly number[];
  readonly numbers: readonly (readonly [offset: number, bytes: 4 | 8])[];
}

/** `tp`: a raw tracepoint with a task; `skb`: a classifier. */
export type Kind = 'tp' | 'skb';

// The frame of a function: what the verifier must keep as pointers, then numbers.
const CONTEXT = -8;
const OUT = -16;
const TASK = -24;
const ROUNDS = -32;
const DATA = -112;
const DATA_SIZE = 64;
const TEMP = -144;
/** Where registers go in the out value, behind DATA_SIZE bytes of its own. */
const IMAGE = 64;

const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const SKB_FIELDS = [0, 4, 8, 16, 24, 36, 40, 68];

/** Where statements are: what they may use. */
interface Place {
  readonly isMain: boolean;
  /** Functions that lead here. */
  readonly depth: number;
  /** Registers of loops around it, which it only reads. */
  readonly kept: readonly number[];
  readonly loops: number;
}

const MAIN: Place = { isMain: true, depth: 0, kept: [], loops: 0 };

/** Writes one random program that the verifier accepts, as far as that can be said beforehand. */
class Generator {
  readonly #to: Writer;
  readonly #random: Random;
  /** Functions still to be written. */
  readonly #pending: (() => void)[] = [];
  #functions = 0;

  constructor(
    random: Random,
    private readonly kind: Kind,
    private readonly facts: Facts,
  ) {
    this.#random = random;
    this.#to = new Writer(random);
  }

  run(): string {
    const to = this.#to;
    to.line(`*(u64 *)${at(10, CONTEXT)} = r1`);
    if (this.kind === 'tp') to.line('r2 = *(u64 *)(r1 +0)', `*(u64 *)${at(10, TASK)} = r2`);
    this.#numberFrame();
    to.line(`*(u32 *)${at(10, TEMP)} = 0`, `r1 = map_fd ${MAPS.out}`, 'r2 = r10', `r2 += ${TEMP}`);
    to.line('call bpf_map_lookup_elem', 'if r0 == 0x0 goto end', `*(u64 *)${at(10, OUT)} = r0`);
    for (const register of ALL) to.line(`r${register} = ${number64(this.#random)} ll`);
    this.#block(MAIN, 4 + this.#random.below(14));
    if (this.#random.below(16) === 0) this.#hotLoop(MAIN);
    this.#dump();
    to.label('end');
    to.line(this.kind === 'tp' ? 'r0 = 0' : 'w0 = w0', 'exit');
    for (let next = this.#pending.shift(); next; next = this.#pending.shift()) next();
    return to.text;
  }

  /** Sets the part of the frame that holds numbers. */
  #numberFrame(): void {
    for (let off = TEMP; off < DATA + DATA_SIZE; off += 8)
      this.#to.line(`*(u64 *)${at(10, off)} = ${number32(this.#random)}`);
    this.#to.line(`*(u64 *)${at(10, ROUNDS)} = 0`);
  }

  /** Registers and stack, as they are at the end, into the out value. */
  #dump(): void {
    const to = this.#to;
    to.line(`*(u64 *)${at(10, TEMP)} = r1`, `r1 = *(u64 *)${at(10, OUT)}`);
    for (const register of ALL)
      if (register !== 1) to.line(`*(u64 *)${at(1, IMAGE + 8 * register)} = r${register}`);
    to.line(`r2 = *(u64 *)${at(10, TEMP)}`, `*(u64 *)${at(1, IMAGE + 8)} = r2`);
    for (let off = 0; off < DATA_SIZE; off += 8)
      to.line(`r2 = *(u64 *)${at(10, DATA + off)}`, `*(u64 *)${at(1, IMAGE + 80 + off)} = r2`);
  }

  #registers({ kept }: Place, ...without: readonly number[]): Registers {
    const readable = ALL.filter((register) => !without.includes(register));
    return { readable, writable: readable.filter((register) => !kept.includes(register)) };
  }

  #block(place: Place, statements: number): void {
    for (let i = 0; i < statements; i++) this.#statement(place);
  }

  #statement(place: Place): void {
    const random = this.#random;
    switch (random.below(26)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return compute(this.#to, this.#registers(place), this.facts.v4);
      case 4:
      case 5:
        return access(this.#to, this.#registers(place), 10, DATA, DATA_SIZE, this.facts.v4);
      case 6:
      case 7:
        return this.#throughPointer(place);
      case 8:
      case 9:
      case 10:
        return this.kind === 'tp' && place.isMain ? this.#follow(place) : this.#throughPointer(place);
      case 11:
        return this.#variableOffset(place);
      case 12:
      case 13:
        return this.#branch(place);
      case 14:
        return this.#loop(place);
      case 15:
        return this.#simpleHelper(place);
      case 16:
      case 17:
        return this.#lookup(place);
      case 18:
        return this.#changeMap(place);
      case 19:
      case 20:
        return this.#callFunction(place);
      case 21:
        return this.#callback(place);
      case 22:
      case 23:
      case 24:
        return this.kind === 'tp' && place.isMain ? this.#follow(place) : this.#throughPointer(place);
      case 25:
        return this.kind === 'skb' && place.isMain ? this.#packet(place) : this.#probeRead(place);
      default:
        return place.isMain ? this.#tailCall(place) : this.#throw(place);
    }
  }

  /** Numbers for the registers that a call leaves unreadable. */
  #afterCall(place: Place, ...also: readonly number[]): void {
    for (const register of [1, 2, 3, 4, 5, ...also]) {
      if (place.kept.includes(register)) continue;
      const from = this.#random.pick([6, 7, 8, 9]);
      this.#to.line(
        this.#random.below(2) === 0 ? `r${register} = r${from}` : `r${register} = ${number32(this.#random)}`,
      );
    }
  }

  /** A register that may hold a pointer for a while. */
  #pointer(place: Place): number {
    return this.#random.pick(this.#registers(place).writable);
  }

  /** The pointer's register becomes a number again. */
  #drop(pointer: number, off: number): void {
    const bits = this.#random.pick([8, 16, 32, 64]);
    if (this.#random.below(2) === 0) this.#to.line(`r${pointer} = *(u${bits} *)${at(pointer, off)}`);
    else this.#to.line(`r${pointer} = ${number32(this.#random)}`);
  }

  /** Accesses through the out pointer, or in a function through the pointer to its caller's data. */
  #throughPointer(place: Place): void {
    const pointer = this.#pointer(place);
    const isOut = place.isMain || this.#random.below(2) === 0;
    this.#to.line(`r${pointer} = *(u64 *)${at(10, isOut ? OUT : CONTEXT)}`);
    for (let i = this.#random.below(3); i >= 0; i--)
      access(this.#to, this.#registers(place, pointer), pointer, 0, DATA_SIZE, this.facts.v4);
    this.#drop(pointer, 0);
  }

  #variableOffset(place: Place): void {
    const to = this.#to;
    const pointer = this.#pointer(place);
    const others = this.#registers(place, pointer);
    const index = this.#random.pick(others.writable);
    to.line(`r${index} &= ${this.#random.pick([8, 16, 24])}`, `r${pointer} = *(u64 *)${at(10, OUT)}`);
    to.line(`r${pointer} += r${index}`);
    access(to, others, pointer, 8 * this.#random.below(3), 16, this.facts.v4);
    this.#drop(pointer, 0);
  }

  /** Follows pointers of task_struct, good and bad, and loads what they lead to. */
  #follow(place: Place): void {
    const to = this.#to;
    const random = this.#random;
    const pointer = this.#pointer(place);
    to.line(`r${pointer} = *(u64 *)${at(10, TASK)}`);
    const load = (): void => {
      const [off, size] = random.pick(this.facts.numbers);
      const bytes = random.pick([1, 2, 4, 8].filter((width) => width <= size));
      const sign = this.facts.v4 && bytes < 8 && random.below(3) === 0 ? 's' : 'u';
      const dst = random.pick(this.#registers(place, pointer).writable);
      to.line(`r${dst} = *(${sign}${8 * bytes} *)${at(pointer, off)}`);
    };
    for (let hops = 1 + random.below(3); hops > 0; hops--) {
      to.line(`r${pointer} = *(u64 *)${at(pointer, random.pick(this.facts.pointers))}`);
      for (let loads = 1 + random.below(3); loads > 0; loads--) load();
    }
    const [off, size] = random.pick(this.facts.numbers);
    to.line(
      random.below(2) === 0
        ? `r${pointer} = *(u${8 * size} *)${at(pointer, off)}`
        : `r${pointer} = ${number32(random)}`,
    );
  }

  #branch(place: Place): void {
    const to = this.#to;
    const [other, end] = [to.newLabel('else'), to.newLabel('endif')];
    to.line(`if ${condition(to, ALL)} goto ${other}`);
    this.#block(place, 1 + this.#random.below(3));
    if (this.#random.below(2) === 0) {
      to.line(`goto ${end}`);
      to.label(other);
      this.#block(place, 1 + this.#random.below(2));
    } else to.label(other);
    to.label(end);
  }

  #loop(place: Place): void {
    if (place.loops === 2) return this.#branch(place);
    const to = this.#to;
    const random = this.#random;
    const again = to.newLabel('again');
    if (this.facts.v4 && random.below(3) === 0) return this.#mayGoto(place, again);
    const free = this.#registers(place).writable.filter((register) => register >= 6);
    if (free.length < 2) return this.#branch(place);
    const counter = random.pick(free);
    to.line(`r${counter} = 0`);
    to.label(again);
    this.#block({ ...place, kept: [...place.kept, counter], loops: place.loops + 1 }, 1 + random.below(3));
    to.line(`r${counter} += 1`, `if r${counter} < ${2 + random.below(6)} goto ${again}`);
  }

  /** A loop long enough for an engine to find it hot, without branches: the verifier goes round it too. */
  #hotLoop(place: Place): void {
    const to = this.#to;
    const random = this.#random;
    const again = to.newLabel('hot');
    const counter = random.pick([6, 7, 8, 9]);
    const inside: Place = { ...place, kept: [...place.kept, counter], loops: 2 };
    const canFault = this.kind === 'tp' && random.below(3) === 0;
    to.line(`r${counter} = 0`);
    to.label(again);
    for (let i = 3 + random.below(6); i > 0; i--)
      switch (random.below(canFault ? 5 : 4)) {
        case 0:
        case 1:
          compute(to, this.#registers(inside), this.facts.v4);
          break;
        case 2:
          access(to, this.#registers(inside), 10, DATA, DATA_SIZE, this.facts.v4);
          break;
        case 3:
          this.#throughPointer(inside);
          break;
        default:
          this.#follow(inside);
      }
    const rounds = canFault ? 100 + random.below(200) : 300 + random.below(1000);
    to.line(`r${counter} += 1`, `if r${counter} < ${rounds} goto ${again}`);
  }

  /** may_goto alone would go on for millions of rounds. */
  #mayGoto(place: Place, again: string): void {
    const to = this.#to;
    const out = to.newLabel('out');
    const counter = this.#pointer(place);
    to.line(`*(u64 *)${at(10, ROUNDS)} = 0`);
    to.label(again);
    to.line(`may_goto ${out}`);
    to.line(`r${counter} = *(u64 *)${at(10, ROUNDS)}`, `r${counter} += 1`);
    to.line(
      `*(u64 *)${at(10, ROUNDS)} = r${counter}`,
      `if r${counter} > ${1 + this.#random.below(8)} goto ${out}`,
    );
    this.#block({ ...place, loops: 2 }, 1 + this.#random.below(3));
    to.line(`goto ${again}`);
    to.label(out);
  }

  #simpleHelper(place: Place): void {
    const helpers = ['bpf_get_prandom_u32', 'bpf_ktime_get_ns', 'bpf_get_smp_processor_id'];
    if (this.kind === 'tp') helpers.push('bpf_get_current_pid_tgid');
    this.#to.line(`call ${this.#random.pick(helpers)}`);
    this.#afterCall(place);
  }

  #mapArguments(map: keyof typeof SIZES): void {
    const to = this.#to;
    to.line(`*(u32 *)${at(10, TEMP)} = ${this.#random.below(6)}`);
    to.line(`r1 = map_fd ${MAPS[map]}`, 'r2 = r10', `r2 += ${TEMP}`);
  }

  #lookup(place: Place): void {
    const to = this.#to;
    const map = this.#random.pick(['array', 'hash', 'percpuArray', 'percpuHash'] as const);
    const missing = to.newLabel('missing');
    this.#mapArguments(map);
    to.line('call bpf_map_lookup_elem');
    this.#afterCall(place);
    to.line(`if r0 == 0x0 goto ${missing}`);
    for (let i = 1 + this.#random.below(3); i > 0; i--)
      access(to, this.#registers(place, 0), 0, 0, SIZES[map], this.facts.v4);
    to.label(missing);
    to.line(`r0 = ${number32(this.#random)}`);
  }

  #changeMap(place: Place): void {
    const to = this.#to;
    this.#mapArguments(this.#random.pick(['array', 'hash', 'percpuArray', 'percpuHash'] as const));
    if (this.#random.below(3) === 0) to.line('call bpf_map_delete_elem');
    else {
      // Values are at most as long as DATA.
      to.line('r3 = r10', `r3 += ${DATA}`, `r4 = ${this.#random.below(4)}`, 'call bpf_map_update_elem');
    }
    this.#afterCall(place);
  }

  /** A function of its own; it gets pointers to the caller's numbers and to the out value. */
  #callFunction(place: Place): void {
    if (place.depth === 2 || this.#functions === 6 || place.loops > 1) return this.#branch(place);
    const to = this.#to;
    const name = `function_${this.#functions++}`;
    to.line('r1 = r10', `r1 += ${DATA}`, `r2 = *(u64 *)${at(10, OUT)}`, `call ${name}`);
    this.#afterCall(place);
    const depth = place.depth + 1;
    this.#pending.push(() => {
      to.label(name);
      to.line(`*(u64 *)${at(10, CONTEXT)} = r1`, `*(u64 *)${at(10, OUT)} = r2`);
      this.#numberFrame();
      to.line(
        'r0 = r3',
        'r1 = r4',
        'r2 = r5',
        'r6 = r3',
        'r7 = r4',
        'r8 = r5',
        `r9 = ${number32(this.#random)}`,
      );
      this.#block({ isMain: false, depth, kept: [], loops: 0 }, 2 + this.#random.below(6));
      to.line(`r0 = r${this.#random.pick(ALL)}`, 'exit');
    });
  }

  /** A function that a helper calls back, with the caller's numbers. */
  #callback(place: Place): void {
    if (place.loops > 0 || place.depth > 0 || this.#functions >= 6) return this.#simpleHelper(place);
    const to = this.#to;
    const random = this.#random;
    const name = `callback_${this.#functions++}`;
    const isLoop = random.below(2) === 0;
    const map = random.pick(['array', 'hash'] as const);
    to.line(`r1 = ${isLoop ? 1 + random.below(5) : `map_fd ${MAPS[map]}`}`, `r2 = func ${name}`);
    to.line('r3 = r10', `r3 += ${DATA}`, 'r4 = 0');
    to.line(isLoop ? 'call bpf_loop' : 'call bpf_for_each_map_elem');
    this.#afterCall(place);
    this.#pending.push(() => {
      to.label(name);
      to.line(`r6 = r${isLoop ? 2 : 4}`);
      if (isLoop) to.line('r0 = r1');
      else to.line('r7 = r3', 'r0 = *(u32 *)(r2 +0)');
      to.line('r1 = r0', 'r2 = r0', 'r3 = 7', 'r4 = -1', 'r5 = r0', 'r8 = r0', 'r9 = r0');
      const registers: Registers = { readable: [0, 1, 2, 3, 4, 5, 8, 9], writable: [0, 1, 2, 3, 4, 5, 8, 9] };
      for (let i = 1 + random.below(5); i > 0; i--) {
        if (random.below(2) === 0) compute(to, registers, this.facts.v4);
        else if (isLoop || random.below(2) === 0) access(to, registers, 6, 0, DATA_SIZE, this.facts.v4);
        else access(to, registers, 7, 0, SIZES[map], this.facts.v4);
      }
      if (random.below(3) > 0) to.line('r0 = 0', 'exit');
      else {
        const stop = to.newLabel('stop');
        to.line(`if ${condition(to, registers.readable)} goto ${stop}`, 'r0 = 0', 'exit');
        to.label(stop);
        to.line('r0 = 1', 'exit');
      }
    });
  }

  /** The context, and bytes of the packet between its bounds. */
  #packet(place: Place): void {
    const to = this.#to;
    const random = this.#random;
    const [pointer, limit, end] = [1, 2, 3];
    const short = to.newLabel('short');
    const size = random.pick([8, 14, 32, 64]);
    to.line(`r${pointer} = *(u64 *)${at(10, CONTEXT)}`);
    to.line(`r${end} = *(u32 *)${at(pointer, 80)}`);
    const field = random.pick(this.#registers(place, pointer, limit, end).writable);
    to.line(`r${field} = *(u32 *)${at(pointer, random.pick(SKB_FIELDS))}`);
    if (random.below(3) === 0) to.line(`*(u32 *)${at(pointer, 8)} = r${field}`);
    to.line(`r${pointer} = *(u32 *)${at(pointer, 76)}`, `r${limit} = r${pointer}`, `r${limit} += ${size}`);
    to.line(`if r${limit} > r${end} goto ${short}`);
    // Atomics may not go to packets.
    const registers = this.#registers(place, pointer, limit, end);
    for (let i = 1 + random.below(3); i > 0; i--) {
      const bytes = random.pick([1, 2, 4, 8]);
      const off = random.below(size - bytes + 1);
      const place = `*(u${8 * bytes} *)${at(pointer, off)}`;
      if (random.below(2) === 0) to.line(`r${random.pick(registers.writable)} = ${place}`);
      else
        to.line(
          `${place} = ${random.below(2) === 0 ? `r${random.pick(registers.readable)}` : number32(random)}`,
        );
    }
    to.label(short);
    this.#afterCall(place);
  }

  /** probe_read of an address of any kind. */
  #probeRead(place: Place): void {
    if (this.kind === 'skb') return this.#simpleHelper(place);
    const to = this.#to;
    const address = this.#random.pick([6, 7, 8, 9]);
    to.line(`r3 = r${address}`, 'r1 = r10', `r1 += ${TEMP}`, `r2 = ${this.#random.pick([1, 4, 8, 24])}`);
    to.line('call bpf_probe_read_kernel');
    this.#afterCall(place);
  }

  #tailCall(place: Place): void {
    const to = this.#to;
    to.line(`r1 = *(u64 *)${at(10, CONTEXT)}`, `r2 = map_fd ${MAPS.calls}`);
    // A constant index is patched into the image, another is looked up.
    if (this.#random.below(2) === 0) to.line(`r3 = ${this.#random.below(CALLS + 1)}`);
    else to.line(`r3 = r${this.#random.pick([6, 7, 8, 9])}`, `r3 &= ${this.#random.pick([3, 7])}`);
    to.line('call bpf_tail_call');
    this.#afterCall(place, 0);
  }

  #throw(place: Place): void {
    if (this.facts.bpfThrow === 0 || this.#random.below(3) > 0) return this.#branch(place);
    const to = this.#to;
    const fine = to.newLabel('fine');
    to.line(
      `if ${condition(to, ALL)} goto ${fine}`,
      this.kind === 'tp' ? 'r1 = 0' : `r1 = ${number32(this.#random)}`,
    );
    to.line(`call kfunc ${this.facts.bpfThrow}`);
    to.label(fine);
  }
}

/** The text of one random program. */
export function randomProgram(random: Random, kind: Kind, facts: Facts): string {
  return new Generator(random, kind, facts).run();
}
