import type { GuestAddress, InsnIndex } from '../quantities.js';
import { type HostCalls, type HostFunctions, hostFunctions } from '../wasm/host-calls.js';
import { ProgramTable } from '../wasm/program-table.js';
import { type TranslationOptions, type WasmSource, translateProgram } from '../wasm/module.js';
import { callTargets } from './interpreter.js';
import { checkRaw } from './raw-check.js';
import type { WasmState } from './wasm-state.js';

/** A program as a module, ready to run. */
export interface WasmProgram {
  /** Names the program in RawFault.program and RawOops.program. */
  readonly handle: number;
  readonly source: WasmSource;
  readonly raw: boolean;
  readonly verified: boolean;
  /** Values of pointers to its functions. */
  readonly addresses: readonly GuestAddress[];
  readonly functions: readonly WasmFunction[];
  /** What it calls the host and other programs through. */
  readonly table: ProgramTable;
  /** What it was made with. */
  readonly options: WasmLoadOptions;
}

export type WasmFunction = (frame: number, ...registers: bigint[]) => bigint | bigint[];

export type WasmLoadOptions = Partial<
  Pick<TranslationOptions, 'raw' | 'verified' | 'partSlots' | 'mainArguments'>
>;

/** Pointers to functions of raw programs, which cannot take any. */
const UNPLACED = 0xffffffffa8000000n;

/** The programs of a WasmEngine as modules: their functions, by what names them. */
export class WasmPrograms {
  readonly #host: HostFunctions;
  /** Addresses of the gates that programs call, by the numbers they have in the programs. */
  readonly #gates: GuestAddress[] = [];
  readonly #gateNumbers = new Map<GuestAddress, number>();
  readonly #byAddress = new Map<GuestAddress, { program: WasmProgram; index: number }>();
  readonly #byHandle = new Map<number, WasmProgram>();
  readonly #checkedPrograms = new Map<WasmProgram, WasmProgram>();
  /** By the slot where function 0 goes on in them. */
  readonly #resumed = new Map<WasmProgram, Map<InsnIndex, WasmFunction>>();
  /** Programs that went on in one by tail call, and those that one went on in. */
  readonly #callers = new Map<WasmProgram, Set<WasmProgram>>();
  readonly #callees = new Map<WasmProgram, Set<WasmProgram>>();
  /** Down from the top, away from those of loaded programs. */
  #rawHandles = 0x80000000;

  constructor(
    private readonly state: WasmState,
    calls: HostCalls,
  ) {
    this.#host = hostFunctions(calls);
  }

  /**
   * Translates a program; `handle` is what fault records name it by, `addresses` the values of pointers to its
   * functions. Errors: USAGE_INSN for an instruction no JIT takes.
   */
  load(
    source: WasmSource,
    handle: number,
    addresses: readonly GuestAddress[],
    options: WasmLoadOptions = {},
  ): WasmProgram {
    const program = this.#instantiate(source, handle, addresses, options);
    this.#byHandle.set(handle, program);
    for (const [index, address] of addresses.entries()) this.#byAddress.set(address, { program, index });
    return program;
  }

  #instantiate(
    source: WasmSource,
    handle: number,
    addresses: readonly GuestAddress[],
    options: WasmLoadOptions,
  ): WasmProgram {
    const table = new ProgramTable(this.#host);
    const functions = this.#functions(source, handle, addresses, options, table);
    const { raw = false, verified = false } = options;
    return { handle, source, raw, verified, addresses, functions, table, options };
  }

  #functions(
    source: WasmSource,
    handle: number,
    addresses: readonly GuestAddress[],
    { raw = false, verified = false, partSlots, mainArguments }: WasmLoadOptions,
    { table }: ProgramTable,
    resume?: InsnIndex,
  ): WasmFunction[] {
    const bytes = translateProgram(this.state.environment, source, {
      handle,
      addresses,
      raw,
      verified,
      partSlots,
      mainArguments,
      resume,
      gate: (address) => this.#numberOf(address),
    });
    const module = new WebAssembly.Module(bytes as BufferSource);
    const { exports } = new WebAssembly.Instance(module, {
      env: { memory: this.state.memory, table },
    });
    return source.functions.map((_, index) => exports[`f${index}`] as WasmFunction);
  }

  /** Whether its function 0 was entered in the middle before. */
  wasResumed(program: WasmProgram): boolean {
    return this.#resumed.has(program);
  }

  /** Function 0, which goes on at `slot` from the registers in the state record. */
  resumeAt(program: WasmProgram, slot: InsnIndex): WasmFunction {
    let known = this.#resumed.get(program);
    if (!known) this.#resumed.set(program, (known = new Map()));
    let made = known.get(slot);
    if (!made) {
      const { source, handle, addresses, options, table } = program;
      made = this.#functions(source, handle, addresses, options, table, slot)[0];
      known.set(slot, made);
    }
    return made;
  }

  #numberOf(gate: GuestAddress): number {
    const known = this.#gateNumbers.get(gate);
    if (known !== undefined) return known;
    this.#gateNumbers.set(gate, this.#gates.length);
    return this.#gates.push(gate) - 1;
  }

  /** The same program with every access checked, for a context that is not what a verifier takes it for. */
  checked(program: WasmProgram): WasmProgram {
    const known = this.#checkedPrograms.get(program);
    if (known) return known;
    const made = this.#instantiate(program.source, program.handle, program.addresses, {});
    this.#checkedPrograms.set(program, made);
    return made;
  }

  /**
   * Translates instructions that no verifier saw: helpers by number (the gate handler gets the number as address),
   * calls relative to the instruction. Whatever they do stays inside guest memory. Errors: USAGE_INSN.
   */
  loadRaw(insns: Uint8Array): WasmProgram {
    checkRaw(insns);
    const functions = callTargets(insns).map((start) => ({ start, stackDepth: 512 }));
    const handle = --this.#rawHandles;
    const addresses = functions.map((_, index) => UNPLACED + 16n * BigInt(index));
    return this.load({ insns, functions, arena: null }, handle, addresses, { raw: true });
  }

  /** Address of the gate that generated code knows by `number`. */
  gate(number: number): GuestAddress {
    return this.#gates[number];
  }

  get(handle: number): WasmProgram | undefined {
    return this.#byHandle.get(handle);
  }

  /** The function that a pointer's value stands for. */
  at(pointer: GuestAddress): { readonly program: WasmProgram; readonly index: number } | undefined {
    return this.#byAddress.get(BigInt.asUintN(64, pointer));
  }

  /** Entry of `target` in the table of `caller`, which goes on in it. */
  tailEntry(caller: WasmProgram, target: WasmProgram): number {
    addTo(this.#callers, target, caller);
    addTo(this.#callees, caller, target);
    return caller.table.entryOf(target.functions[0]);
  }

  unload(program: WasmProgram): void {
    for (const address of program.addresses) this.#byAddress.delete(address);
    this.#byHandle.delete(program.handle);
    const checked = this.#checkedPrograms.get(program);
    this.#checkedPrograms.delete(program);
    for (const each of checked ? [program, checked] : [program]) {
      for (const caller of this.#callers.get(each) ?? []) caller.table.remove(each.functions[0]);
      for (const callee of this.#callees.get(each) ?? []) this.#callers.get(callee)?.delete(each);
      this.#callers.delete(each);
      this.#callees.delete(each);
      this.#resumed.delete(each);
    }
  }
}

function addTo<T>(sets: Map<T, Set<T>>, key: T, value: T): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}
