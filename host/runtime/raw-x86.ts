import type { Core } from '../core/core.js';
import { JitError, LimitError, UsageError } from '../errors.js';
import { compile } from '../jit/compile.js';
import type { JitImage } from '../jit/jit-image.js';
import { PageImages } from '../jit/page-images.js';
import { seededRandom } from '../jit/random.js';
import { type GuestMemory, PAGE_SIZE, RIGHT_GATE, RIGHT_R } from '../mm/guest-memory.js';
import type { JitKnobs } from '../profiles/profile.js';
import type { GuestAddress, InsnIndex } from '../quantities.js';
import { X86Engine } from './cpu.js';
import { type EngineRun, type GateHandler, ProgramUnwind, type RawOops } from './engine.js';
import { callTargets } from './interpreter.js';
import { checkRaw } from './raw-check.js';
import { rawFunctions } from './raw-image.js';
import type { RawEngine } from './raw-run.js';

/** Images of a raw program, in place. */
export interface RawX86Program {
  readonly images: readonly JitImage[];
  /** By function: the slot of the submitted program that each slot of the function came from. */
  readonly origins: readonly Int32Array[];
}

/** Bytes of stack: as many frames as the other engines have. */
const STACK = 20480;
const GATE_SIZE = 16;

/** Runs unverified instructions as images on the emulated x86-64 CPU. */
export class RawX86 implements RawEngine<RawX86Program> {
  readonly #core: Core;
  readonly #memory: GuestMemory;
  readonly #jit: JitKnobs;
  readonly #cpu: X86Engine;
  readonly #images: PageImages;
  readonly #gates = new Map<number, GuestAddress>();
  readonly #helpers = new Map<GuestAddress, number>();
  readonly #bad: GuestAddress;
  #nextGate: GuestAddress;

  constructor(core: Core, memory: GuestMemory, jit: JitKnobs) {
    this.#core = core;
    this.#memory = memory;
    this.#jit = jit;
    this.#cpu = new X86Engine(core, memory, { stackSize: STACK });
    this.#images = new PageImages(memory, { random: seededRandom(1) });
    this.#nextGate = memory.region('text').base;
    this.#bad = this.#newGate();
  }

  /**
   * Compiles instructions that no verifier saw: helpers by number (the gate handler gets the number as address), calls
   * relative to the instruction.
   *
   * @throws UsageError USAGE_INSN; LimitError LIMIT_INSNS, LIMIT_MEMORY.
   */
  loadRaw(insns: Uint8Array): RawX86Program {
    checkRaw(insns);
    const functions = rawFunctions(insns, callTargets(insns), {
      callBase: this.#jit.callBase,
      gate: (helper) => this.#gateOf(helper),
      bad: this.#bad,
    });
    const inputs = functions.map(({ input }) => input);
    const images = this.#compile(inputs);
    for (const image of images) this.#images.finalize(image);
    return { images, origins: functions.map(({ origin }) => origin) };
  }

  #compile(inputs: Parameters<typeof compile>[2]): JitImage[] {
    try {
      return compile(this.#core, this.#jit, inputs, this.#images);
    } catch (error) {
      if (!(error instanceof JitError)) throw error;
      throw new UsageError('USAGE_INSN', `raw program: ${error.message}`, {}, { cause: error });
    }
  }

  /** Runs a program with R1 to R5 = `args`. Errors: LIMIT_STEPS, LIMIT_STACK; what a gate handler throws. */
  run(
    program: RawX86Program,
    args: readonly bigint[],
    options: { readonly gate: GateHandler; readonly maxSteps?: bigint },
  ): EngineRun {
    let bad: InsnIndex | null = null;
    const { oops, ...run } = this.#cpu.run(program.images[0].entry, args, {
      maxSteps: options.maxSteps,
      gate: (gate, registers) => {
        if (gate === this.#bad) {
          bad = Number(registers[0]);
          throw new ProgramUnwind(0n);
        }
        const helper = this.#helpers.get(gate);
        if (helper === undefined) {
          // A wild jump into the page of gates, not a call.
          bad = -1;
          throw new ProgramUnwind(0n);
        }
        return options.gate(BigInt.asUintN(64, BigInt(helper)), registers);
      },
    });
    if (bad !== null) return { ...run, oops: noInsn(bad) };
    return { ...run, oops: oops && { ...oops, ip: BigInt(slotOf(program, oops.ip)) } };
  }

  unload(program: RawX86Program): void {
    for (const image of program.images) this.#images.free(image);
  }

  #gateOf(helper: number): GuestAddress {
    const known = this.#gates.get(helper);
    if (known !== undefined) return known;
    const gate = this.#newGate();
    this.#gates.set(helper, gate);
    this.#helpers.set(gate, helper);
    return gate;
  }

  #newGate(): GuestAddress {
    const gate = this.#nextGate;
    const { base, size } = this.#memory.region('text');
    // The last page is the engine's own.
    if (gate >= base + BigInt(size - PAGE_SIZE))
      throw new LimitError('LIMIT_SYMBOLS', 'raw programs: no room for the gate of another helper');
    if (gate % BigInt(PAGE_SIZE) === 0n) this.#memory.map(gate, PAGE_SIZE, RIGHT_R | RIGHT_GATE);
    this.#nextGate += BigInt(GATE_SIZE);
    return gate;
  }
}

const noInsn = (insn: InsnIndex): RawOops => ({
  kind: 'ud',
  access: 'fetch',
  ip: BigInt(insn),
  address: 0n,
  errorCode: 0,
});

/** Slot of the submitted program that made the x86 instruction at `ip`; -1 outside the images. */
function slotOf({ images, origins }: RawX86Program, ip: GuestAddress): InsnIndex {
  const func = images.findIndex(({ address, code }) => ip >= address && ip < address + BigInt(code.length));
  if (func < 0) return -1;
  const { address, offsets } = images[func];
  const offset = Number(ip - address);
  let slot = 0;
  while (slot + 1 < origins[func].length && offsets[slot + 1] <= offset) slot++;
  return origins[func][slot];
}
