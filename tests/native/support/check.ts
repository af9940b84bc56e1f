import type { Core } from '../../../host/core/core.js';
import type { RawFault, RawOops } from '../../../host/runtime/engine.js';
import { loadCore } from '../../support/jit.js';
import { Random } from '../../support/random.js';
import { type Case, CaseSource } from './case.js';
import { Coverage } from './coverage.js';
import { Guest, type GuestAnswer } from './guest.js';
import { type Kernel, kernels, objects } from './kernels.js';
import * as L from './layout.js';
import type { NativeCpu } from './native-cpu.js';
import * as P from './protocol.js';
import { stubs } from './stubs.js';
import { universe } from './universe.js';

const BATCH = 500;
/** CF, PF, AF, ZF, SF, OF. */
const FLAGS = 0x8d5n;
/** By x86 register number, the word of struct pt_regs. */
const PT_REGS = [10, 11, 12, 5, 19, 4, 13, 14, 9, 8, 7, 6, 3, 2, 1, 0];
const PT_REGS_FLAGS = 18;
const NAMES = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const TRAPS: Readonly<Record<RawOops['kind'], bigint>> = { de: 0n, bp: 3n, ud: 6n, gp: 13n, pf: 14n };
const ERROR_WRITE = 2n;

/** What a check came to. */
export interface Tally {
  cases: number;
  /** Cases that took at least one signal. */
  faulting: number;
  /** Signals taken. */
  faults: number;
  /** Cases that a fault ended. */
  fatal: number;
}

interface Station {
  readonly kernel: Kernel;
  readonly guest: Guest;
  readonly source: CaseSource;
}

/** Runs random programs on the emulated CPU and on this computer's, and compares all they leave behind. */
export class Check {
  readonly coverage = new Coverage();
  readonly tally: Tally = { cases: 0, faulting: 0, faults: 0, fatal: 0 };
  readonly #stations: Station[] = [];

  private constructor(
    readonly native: NativeCpu,
    readonly seed: number,
    readonly disturb: (cases: BigUint64Array) => void,
  ) {}

  /** `disturb` may change what the process is told to run. */
  static async create(
    native: NativeCpu,
    seed: number,
    bmi2: boolean,
    disturb: (cases: BigUint64Array) => void = () => {},
  ): Promise<Check> {
    const check = new Check(native, seed, disturb);
    const machine = stubs('guest');
    const random = new Random(seed);
    for (const kernel of kernels(machine)) {
      if (kernel.needsBmi2 && !bmi2) continue;
      const core: Core = await loadCore();
      const source = new CaseSource(core, kernel, random, machine);
      check.#stations.push({ kernel, source, guest: new Guest(core, kernel) });
      check.coverage.expect(universe(core, kernel.knobs), source.formNames);
    }
    return check;
  }

  /** Compares `count` cases. Throws at the first difference. */
  async run(count: number, onBatch: (tally: Tally) => void = () => {}): Promise<void> {
    for (let round = 0; this.tally.cases < count; round++) {
      await this.#batch(
        this.#stations[round % this.#stations.length],
        Math.min(BATCH, count - this.tally.cases),
      );
      onBatch(this.tally);
    }
  }

  async #batch({ kernel, source, guest }: Station, count: number): Promise<void> {
    const target = source.reset();
    const cases = Array.from({ length: count }, () => source.next());
    const code = source.space.bytes.slice(0, source.space.used);
    const content = objects(kernel, target.entry);
    await this.native.ask({ kind: 'setup', objects: content, gs: kernel.gs });
    const packed = pack(cases);
    this.disturb(packed);
    const answered = this.native.ask<BigUint64Array>({ kind: 'batch', code, cases: packed });
    guest.setObjects(content);
    guest.place(code);
    const answers = cases.map((each) => guest.run(each));
    const words = await answered;
    let at = 0;
    for (const [index, each] of cases.entries()) {
      const faults = Number(words[at + P.ANSWER_FAULTS]);
      const end = at + P.ANSWER_WORDS + P.FAULT_WORDS * Math.min(faults, L.LOG_RECORDS);
      const native = words.subarray(at, end);
      const difference = compare(answers[index], native);
      if (difference !== null) {
        const memory = await this.#memory(code, each, guest, difference);
        throw new Error(
          `${kernel.name}, case ${this.tally.cases + index} of seed ${this.seed}: ${difference}${memory}\n` +
            `  program ${hex(each.insns)}\n  image   ${hex(each.images[0].code)} at 0x${each.images[0].address.toString(16)}`,
        );
      }
      at = end;
      this.#note(each, answers[index], faults);
    }
    this.tally.cases += count;
  }

  #note(each: Case, { oops }: GuestAnswer, faults: number): void {
    const signals = oops?.kind === 'bp' ? faults - 1 : faults;
    this.tally.faults += signals;
    if (signals > 0) this.tally.faulting++;
    if (oops && oops.kind !== 'bp') this.tally.fatal++;
    else this.coverage.add(each);
  }

  /** Where the memory differs, by running the case once more. */
  async #memory(code: Uint8Array, each: Case, guest: Guest, difference: string): Promise<string> {
    if (difference !== 'memory') return '';
    guest.run(each);
    const ours = guest.compared();
    const theirs = await this.native.ask<Uint8Array[]>({ kind: 'memory', code, cases: pack([each]) });
    for (const [area, { name, at }] of L.COMPARED.entries()) {
      const byte = ours[area].findIndex((value, index) => value !== theirs[area][index]);
      if (byte < 0) continue;
      const address = (at + BigInt(byte)).toString(16);
      return ` of ${name} at 0x${address}: emulator ${ours[area][byte]}, CPU ${theirs[area][byte]}`;
    }
    return '';
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function pack(cases: readonly Case[]): BigUint64Array {
  const words = new BigUint64Array(cases.length * P.CASE_WORDS);
  cases.forEach(({ images, registers, seed }, index) => {
    const [image] = images;
    const at = index * P.CASE_WORDS;
    words[at + P.CASE_ENTRY] = image.entry;
    words[at + P.CASE_SEED] = BigInt(seed);
    images.forEach(({ address, extableOffset, entries }, func) => {
      words[at + P.CASE_TABLES + 2 * func] = address + BigInt(extableOffset);
      words[at + P.CASE_TABLES + 2 * func + 1] = BigInt(entries.length);
    });
    words.set(registers, at + P.CASE_REGISTERS);
  });
  return words;
}

/** What differs; null when nothing does. */
function compare(guest: GuestAnswer, native: BigUint64Array): string | null {
  const difference = compareFaults(guest, native);
  if (difference !== null) return difference;
  for (let register = 0; register < 16; register++) {
    const own = guest.registers[PT_REGS[register]];
    if (own !== native[register])
      return `${NAMES[register]}: emulator 0x${own.toString(16)}, CPU 0x${native[register].toString(16)}`;
  }
  if (BigInt(guest.digest) !== native[P.ANSWER_DIGEST]) return 'memory';
  if (guest.oops?.kind !== 'bp') return null;
  const flags = guest.registers[PT_REGS_FLAGS] & FLAGS;
  const theirs = native[P.ANSWER_FLAGS] & FLAGS;
  return flags === theirs ? null : `flags: emulator 0x${flags.toString(16)}, CPU 0x${theirs.toString(16)}`;
}

function compareFaults({ faults, oops }: GuestAnswer, native: BigUint64Array): string | null {
  const all: (RawFault | RawOops)[] = oops ? [...faults, oops] : [...faults];
  const count = Number(native[P.ANSWER_FAULTS]);
  const isFatal = native[P.ANSWER_SIGNAL] !== 0n;
  if (all.length !== count || isFatal !== (oops !== null))
    return `${all.length} faults${oops ? `, the last of kind ${oops.kind},` : ''} on the emulator, ${count}${isFatal ? ', the last not repaired,' : ''} on the CPU`;
  for (const [index, fault] of all.entries()) {
    const [ip, address, trap, error] = native.subarray(P.ANSWER_WORDS + P.FAULT_WORDS * index);
    const where = `fault ${index}`;
    if (fault.ip !== ip)
      return `${where}: emulator at 0x${fault.ip.toString(16)}, CPU at 0x${ip.toString(16)}`;
    if (TRAPS[fault.kind as RawOops['kind']] !== trap)
      return `${where}: emulator ${fault.kind}, CPU trap ${trap}`;
    if (fault.kind === 'pf' && fault.address !== address)
      return `${where}: emulator of 0x${fault.address.toString(16)}, CPU of 0x${address.toString(16)}`;
    if (
      fault === oops &&
      fault.kind === 'pf' &&
      (BigInt(oops.errorCode) & ERROR_WRITE) !== (error & ERROR_WRITE)
    )
      return `${where}: emulator error ${oops.errorCode}, CPU error ${error}`;
  }
  return null;
}
