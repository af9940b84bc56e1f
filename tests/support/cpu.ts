import { GuestMemory, PAGE_SIZE, RIGHT_R, RIGHT_W, RIGHT_X } from '../../host/mm/guest-memory.js';
import { X86Engine, type X86RunOptions } from '../../host/runtime/cpu.js';
import type { EngineRun, RawOops } from '../../host/runtime/engine.js';
import { fromHex, loadCore } from './jit.js';

/** Offsets of the registers in struct pt_regs, in words. */
export const WORD = {
  r15: 0,
  r14: 1,
  r13: 2,
  r12: 3,
  rbp: 4,
  rbx: 5,
  r11: 6,
  r10: 7,
  r9: 8,
  r8: 9,
  rax: 10,
  rcx: 11,
  rdx: 12,
  rsi: 13,
  rdi: 14,
  rip: 16,
  flags: 18,
  rsp: 19,
} as const;
export type RegisterName = Exclude<keyof typeof WORD, 'rip' | 'flags' | 'rsp'>;
export type Registers = Partial<Record<RegisterName, bigint>>;

/** By number, as ModRM and REX encode them; rsp is left out of tests that need every register. */
export const REGISTERS = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;

export const CF = 1n;
export const PF = 4n;
export const ZF = 64n;
export const SF = 128n;
export const OF = 2048n;

const CODE = 0xffffffffc0000000n;
const CODE_SIZE = 4 * PAGE_SIZE;

/** mov r64, imm64. */
export function loadRegister(number: number, value: bigint): number[] {
  const bytes = [0x48 | (number >> 3), 0xb8 | (number & 7)];
  for (let shift = 0n; shift < 64n; shift += 8n)
    bytes.push(Number((BigInt.asUintN(64, value) >> shift) & 255n));
  return bytes;
}

/** A machine with one executable place for code and one page of data. */
export class TestCpu {
  readonly data: bigint;

  private constructor(
    readonly memory: GuestMemory,
    readonly engine: X86Engine,
  ) {
    memory.map(CODE, CODE_SIZE, RIGHT_R | RIGHT_X);
    this.data = memory.alloc('direct', PAGE_SIZE, PAGE_SIZE);
  }

  static async create(): Promise<TestCpu> {
    const core = await loadCore();
    const memory = new GuestMemory(core);
    return new TestCpu(memory, new X86Engine(core, memory));
  }

  /** Writes code at `offset` of the executable pages and answers its address. */
  place(code: Uint8Array | readonly number[] | string, offset = 0): bigint {
    const bytes = typeof code === 'string' ? fromHex(code) : Uint8Array.from(code);
    this.memory.protect(CODE, CODE_SIZE, RIGHT_R | RIGHT_W);
    this.memory.write(CODE + BigInt(offset), bytes);
    this.memory.protect(CODE, CODE_SIZE, RIGHT_R | RIGHT_X);
    return CODE + BigInt(offset);
  }

  run(entry: bigint, args: readonly bigint[] = [], options: Partial<X86RunOptions> = {}): EngineRun {
    return this.engine.run(entry, args, {
      gate: (gate) => {
        throw new Error(`gate ${gate.toString(16)} called`);
      },
      ...options,
    });
  }

  /** Runs `code` with the registers given and answers all of them when it meets the int3 put behind it. */
  registersAfter(code: string, before: Registers = {}, options: Partial<X86RunOptions> = {}): bigint[] {
    const oops = this.oopsOf(code, before, options);
    if (oops.kind !== 'bp') throw new Error(`${code}: ${oops.kind} at ${oops.ip.toString(16)}`);
    return [...(oops.registers ?? [])];
  }

  /** The fault that ends `code`, which has int3 behind it. */
  oopsOf(code: string, before: Registers = {}, options: Partial<X86RunOptions> = {}): RawOops {
    const setup = Object.entries(before).flatMap(([name, value]) =>
      loadRegister(REGISTERS.indexOf(name as RegisterName), value),
    );
    const run = this.run(this.place([...setup, ...fromHex(code), 0xcc]), [], options);
    if (run.oops === null) throw new Error(`${code}: returned`);
    return run.oops;
  }
}
