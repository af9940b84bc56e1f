import assert from 'node:assert/strict';
import type { GuestMemory } from '../../host/mm/guest-memory.js';
import type { KernelVersion } from '../../host/profiles/profile.js';
import type { GuestAddress } from '../../host/quantities.js';
import type { EngineRun, GateHandler } from '../../host/runtime/engine.js';
import type { InterpEngine, InterpProgram, InterpSource } from '../../host/runtime/interpreter.js';
import { WasmEngine } from '../../host/runtime/wasm-engine.js';
import type { WasmLoadOptions, WasmProgram } from '../../host/runtime/wasm-programs.js';
import { interpMachine, knobs } from './interp.js';

/** A program on both engines. */
export interface OnBoth {
  readonly interp: InterpProgram;
  readonly wasm: WasmProgram;
}

export interface BothOptions {
  /** Answers a gate; `call` calls back on the engine that asks. */
  readonly gate?: (
    call: (pointer: GuestAddress, args: readonly bigint[]) => bigint,
    args: readonly bigint[],
    gate: GuestAddress,
  ) => bigint;
  readonly tailCall?: (address: GuestAddress) => OnBoth | null;
  readonly maxSteps?: bigint;
}

/** One guest with the interpreter and the WebAssembly engine. */
export class BothEngines {
  private constructor(
    readonly memory: GuestMemory,
    readonly interp: InterpEngine,
    readonly wasm: WasmEngine,
  ) {}

  static async create(version: KernelVersion = '6.12'): Promise<BothEngines> {
    const options = { perCpuOffset: 0x1000n };
    const { core, memory, engine } = await interpMachine(version, options);
    return new BothEngines(memory, engine, new WasmEngine(core, memory, knobs(version), options));
  }

  load(source: InterpSource, options: WasmLoadOptions = {}): OnBoth {
    const interp = this.interp.load(source);
    return { interp, wasm: this.wasm.load(source, interp.handle, interp.addresses, options) };
  }

  loadRaw(insns: Uint8Array): OnBoth {
    return { interp: this.interp.loadRaw(insns), wasm: this.wasm.loadRaw(insns) };
  }

  unload({ interp, wasm }: OnBoth): void {
    this.interp.unload(interp);
    this.wasm.unload(wasm);
  }

  /** Runs on both and answers what both gave; `reset` puts memory back in between. */
  run(program: OnBoth, args: readonly bigint[], options: BothOptions = {}, reset?: () => void): EngineRun {
    const { maxSteps, tailCall } = options;
    const gate =
      (call: (pointer: GuestAddress, values: readonly bigint[]) => bigint): GateHandler =>
      (address, values) =>
        options.gate ? options.gate(call, values, address) : assert.fail('no helper is called');
    reset?.();
    const byInterp = this.interp.run(program.interp, args, {
      gate: gate((pointer, values) => this.interp.call(pointer, values)),
      tailCall: (address) => tailCall?.(address)?.interp ?? null,
      maxSteps,
    });
    reset?.();
    const byWasm = this.wasm.run(program.wasm, args, {
      gate: gate((pointer, values) => this.wasm.call(pointer, values)),
      tailCall: (address) => tailCall?.(address)?.wasm ?? null,
      maxSteps,
    });
    const same = (run: EngineRun): unknown =>
      program.wasm.handle === program.interp.handle ? run : withoutHandles(run);
    assert.deepEqual(same(byWasm), same(byInterp));
    return byWasm;
  }
}

function withoutHandles(run: EngineRun): unknown {
  return {
    ...run,
    faults: run.faults.map((fault) => ({ ...fault, program: null })),
    oops: run.oops && { ...run.oops, program: null },
  };
}
