import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import { LimitError } from '../errors.js';
import type { Helper } from '../helpers/helper.js';
import { findHelper, missingHelper } from '../helpers/registry.js';
import { type GuestMemory, PAGE_SIZE, RIGHT_GATE, RIGHT_R, RIGHT_W, RIGHT_X } from '../mm/guest-memory.js';
import type { Profile } from '../profiles/profile.js';
import type { GuestAddress } from '../quantities.js';

/** Where symbols live that the profile does not name: 16 bytes each, above all that it names. */
const OWN_TEXT = 0xffff_ffff_8300_0000n;
const OWN_TEXT_END = 0xffff_ffff_8380_0000n;
const OWN_DATA = 0xffff_ffff_8380_0000n;
/** Code and call gates share no page. */
const OWN_THUNKS = 0xffff_ffff_83c0_0000n;
const STRIDE = 16n;
const PAGE = BigInt(PAGE_SIZE);

/** Real instructions of the thunks that images jump to. */
const THUNKS: readonly (readonly [RegExp, Uint8Array])[] = [
  // ret; int3
  [/_return_thunk$/, new Uint8Array([0xc3, 0xcc])],
  // jmp *%rcx; int3
  [/^__x86_indirect_thunk_rcx$|^__x86_indirect_its_thunk_rcx$/, new Uint8Array([0xff, 0xe1, 0xcc])],
];

/** Kernel variables that programs read by address. */
const VARIABLES = new Set(['jiffies']);

/**
 * The kernel's symbols: helpers and kfuncs are call gates in kernel text, thunks are code, variables are memory.
 * Addresses come from the profile; a symbol it does not name gets one of its own, the same in every run.
 */
export class KernelText {
  readonly #addresses = new Map<string, GuestAddress>();
  readonly #names = new Map<GuestAddress, string>();
  readonly #helpers = new Map<GuestAddress, Helper>();
  readonly #perCpu = new Map<string, GuestAddress>();
  #nextText = OWN_TEXT;
  #nextData = OWN_DATA;
  #nextThunk = OWN_THUNKS;

  constructor(
    private readonly memory: GuestMemory,
    private readonly profile: Profile,
    btf: Btf,
  ) {
    for (const { type, offset } of btf.datasec('.data..percpu')?.vars ?? []) {
      const variable = btf.type(type);
      if (variable.kind === BtfKind.VAR) this.#perCpu.set(variable.name, BigInt(offset));
    }
    // Calls of recorded programs are addresses already: nobody asks for their names.
    for (const [, name] of profile.symbols) this.address(name);
  }

  /** Address of a function or variable; of a per-CPU variable its offset in the per-CPU section. */
  address(name: string): GuestAddress {
    return this.#perCpu.get(name) ?? this.#addresses.get(name) ?? this.#place(name);
  }

  /** Symbol that starts at an address. */
  name(address: GuestAddress): string | undefined {
    return this.#names.get(address) ?? this.profile.symbols.name(address);
  }

  /** What a call of this gate does. */
  helper(gate: GuestAddress): Helper {
    const known = this.#helpers.get(gate);
    if (known) return known;
    const name = this.name(gate) ?? `0x${gate.toString(16)}`;
    const helper = findHelper(name) ?? missingHelper(name);
    this.#helpers.set(gate, helper);
    return helper;
  }

  /** Makes a kernel function that only this kernel has, or replaces one. */
  define(name: string, helper: Helper): GuestAddress {
    const address = this.address(name);
    this.#helpers.set(address, helper);
    return address;
  }

  #place(name: string): GuestAddress {
    const thunk = THUNKS.find(([pattern]) => pattern.test(name))?.[1];
    const isVariable = VARIABLES.has(name);
    const address = this.profile.symbols.address(name) ?? this.#assign(isVariable, thunk !== undefined);
    this.#addresses.set(name, address);
    this.#names.set(address, name);
    if (thunk) this.#write(address, thunk);
    else if (isVariable) this.#map(address, RIGHT_R | RIGHT_W);
    else this.#map(address, RIGHT_R | RIGHT_GATE);
    return address;
  }

  #assign(isVariable: boolean, isThunk: boolean): GuestAddress {
    if (isThunk) {
      this.#nextThunk += STRIDE;
      return this.#nextThunk - STRIDE;
    }
    if (isVariable) {
      this.#nextData += STRIDE;
      return this.#nextData - STRIDE;
    }
    if (this.#nextText >= OWN_TEXT_END)
      throw new LimitError('LIMIT_SYMBOLS', 'kernel text: no room for another symbol');
    this.#nextText += STRIDE;
    return this.#nextText - STRIDE;
  }

  #map(address: GuestAddress, rights: number): void {
    const page = address & ~(PAGE - 1n);
    if (this.memory.rights(page) === 0) this.memory.map(page, PAGE_SIZE, rights);
  }

  #write(address: GuestAddress, code: Uint8Array): void {
    const page = address & ~(PAGE - 1n);
    if (this.memory.rights(page) !== 0) this.memory.protect(page, PAGE_SIZE, RIGHT_R | RIGHT_W);
    else {
      this.memory.map(page, PAGE_SIZE, RIGHT_R | RIGHT_W);
      this.memory.write(page, new Uint8Array(PAGE_SIZE).fill(0xcc));
    }
    this.memory.write(address, code);
    this.memory.protect(page, PAGE_SIZE, RIGHT_R | RIGHT_X);
  }
}
