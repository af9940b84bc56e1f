import type { Core } from '../../host/core/core.js';
import { GuestMemory } from '../../host/mm/guest-memory.js';
import type { Profile } from '../../host/profiles/profile.js';
import { X86Engine } from '../../host/runtime/cpu.js';
import { InterpEngine } from '../../host/runtime/interpreter.js';
import { WasmEngine } from '../../host/runtime/wasm-engine.js';
import { compileNative, execute, imagesOf } from './native.js';
import { type BenchProgram, probing } from './program.js';

/** One way to run a program: answers what the program returned. */
export type Run = () => bigint;

/** Bytes that every program works on. */
export const MEMORY = 1 << 18;

const gate = (): never => {
  throw new Error('bench: a program called a helper');
};

/** Engines with one guest memory for all of them. */
export class Machines {
  readonly #memory: GuestMemory;
  readonly #x86: X86Engine;
  readonly #interp: InterpEngine;
  readonly #wasm: WasmEngine;
  readonly #block: bigint;
  readonly #data = Uint8Array.from({ length: MEMORY }, (_, at) => (at * 31 + (at >> 7)) & 255);
  #handles = 0;

  constructor(
    private readonly core: Core,
    private readonly profile: Profile,
  ) {
    this.#memory = new GuestMemory(core);
    this.#x86 = new X86Engine(core, this.#memory);
    this.#interp = new InterpEngine(core, this.#memory, profile.jit);
    this.#wasm = new WasmEngine(core, this.#memory, profile.jit);
    this.#block = this.#memory.alloc('direct', MEMORY);
  }

  /** Address of the memory, a context for any program. */
  get context(): bigint {
    return this.#block;
  }

  get wasm(): WasmEngine {
    return this.#wasm;
  }

  /**
   * The program on the CPU of this computer, as the kernel's image and as gcc makes it, and on the engines: `wasm`
   * with plain accesses proved, `wasm-probe` with every load a PROBE_MEM load, `wasm-checked` with every load and
   * store checked.
   */
  contenders(program: BenchProgram): Record<string, Run> {
    // Programs leave memory so that they find the same answer in it again, but not for each other.
    this.#memory.write(this.#block, this.#data);
    const images = imagesOf(this.core, this.#memory, this.profile, program);
    const native = execute(images);
    const compiled = compileNative(program);
    const memory = this.#data.slice();
    const args = [this.#block, BigInt(MEMORY)];
    const interp = this.#interp.load({ ...program, arena: null });
    return {
      image: () => BigInt(native(memory, MEMORY)),
      ...(compiled ? { gcc: () => BigInt(compiled(memory, MEMORY)) } : {}),
      wasm: this.#onWasm(program, true),
      'wasm-probe': this.#onWasm(probing(program), true),
      'wasm-checked': this.#onWasm(program, false),
      x86: () => this.#x86.run(images[0].entry, args, { gate }).r0,
      interp: () => this.#interp.run(interp, args, { gate }).r0,
    };
  }

  #onWasm(program: BenchProgram, verified: boolean): Run {
    const handle = ++this.#handles;
    const addresses = program.functions.map((_, index) => BigInt((handle << 8) | index));
    const options = { verified, mainArguments: 2 };
    const loaded = this.#wasm.load({ ...program, arena: null }, handle, addresses, options);
    return () => this.#wasm.run(loaded, [this.#block, BigInt(MEMORY)], { gate }).r0;
  }
}
