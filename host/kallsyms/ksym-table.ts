import type { Core } from '../core/core.js';
import { KsymTree } from '../core/kallsyms.js';
import { EXTABLE_ENTRY_SIZE } from '../../assembly/layout/extable.js';
import type { KernelVersion } from '../profiles/profile.js';
import type { ByteOffset, GuestAddress, HostAddress } from '../quantities.js';
import { decodeFixup, type Fixup } from './pt-regs.js';
import { symbolOffset } from './symbol-name.js';

/** What a symbol is made from: a JitImage, or any text placed in guest memory. */
export interface TextImage {
  readonly address: GuestAddress;
  readonly entry: GuestAddress;
  readonly region: { readonly address: GuestAddress; readonly size: number };
  readonly code: { readonly length: number };
  readonly extableOffset: ByteOffset;
  readonly extable: { readonly length: number };
}

/** Where images lie in linear memory (GuestMemory). */
export interface TextMemory {
  linear(address: GuestAddress, size: number): HostAddress;
}

/** One registered symbol. */
export interface Ksym {
  /** bpf_prog_<tag>_<name> */
  readonly name: string;
  readonly start: GuestAddress;
  /** Bytes of text the symbol stands for. */
  readonly size: number;
  /** Id of the program. */
  readonly program: number;
  /** Index of the function in the program. */
  readonly func: number;
  /** Trampolines and dispatchers have a symbol and are no programs: their faults are not repaired. */
  readonly isProgram: boolean;
}

/** An address inside a symbol. */
export interface KsymHit {
  readonly ksym: Ksym;
  readonly offset: ByteOffset;
  /** name+0xoffset/0xsize */
  readonly text: string;
}

/** What repairs a fault of one instruction. */
export interface FixupHit extends Fixup {
  readonly ksym: Ksym;
  /** Index in the exception table of the function. */
  readonly entry: number;
  /** Offset of the faulting instruction from the start of the symbol. */
  readonly offset: ByteOffset;
  readonly data: number;
}

/**
 * The symbols of JIT-compiled text by address. Since 5.18 a symbol is the code from the entry on, and an address
 * one past its end still belongs to it (the return address of a final call); in 5.5 it is the whole page-aligned
 * allocation, end excluded.
 */
export class KsymTable {
  readonly #tree: KsymTree;
  readonly #memory: TextMemory;
  readonly #wholePages: boolean;
  readonly #byNode = new Map<HostAddress, Ksym>();

  constructor(core: Core, memory: TextMemory, version: KernelVersion = '6.12') {
    this.#tree = new KsymTree(core);
    this.#memory = memory;
    this.#wholePages = version === '5.5';
  }

  get size(): number {
    return this.#byNode.size;
  }

  /** Registers the text of one function. Errors: KALLSYMS_OVERLAP, KALLSYMS_RANGE, LIMIT_MEMORY. */
  add(image: TextImage, owner: { name: string; program: number; func: number; isProgram?: boolean }): Ksym {
    const preamble = Number(image.entry - image.address);
    const start = this.#wholePages ? image.region.address : image.entry;
    const size = this.#wholePages ? image.region.size : image.code.length - preamble;
    const table = image.address + BigInt(image.extableOffset);
    const ksym: Ksym = {
      name: owner.name,
      start,
      size,
      program: owner.program,
      func: owner.func,
      isProgram: owner.isProgram ?? true,
    };
    const node = this.#tree.insert({
      start,
      last: start + BigInt(this.#wholePages ? size - 1 : size),
      table,
      tableLinear: image.extable.length === 0 ? 0 : this.#memory.linear(table, image.extable.length),
      entries: image.extable.length / EXTABLE_ENTRY_SIZE,
      program: ksym.program,
      func: ksym.func,
      isProgram: ksym.isProgram,
    });
    this.#byNode.set(node, ksym);
    return ksym;
  }

  /** Removes a symbol. Errors: KALLSYMS_UNKNOWN. */
  remove(ksym: Ksym): void {
    const node = this.#tree.find(ksym.start);
    this.#tree.remove(ksym.start);
    this.#byNode.delete(node);
  }

  /** The symbol an address lies in. */
  lookup(address: GuestAddress): KsymHit | null {
    const ksym = this.#byNode.get(this.#tree.find(address));
    if (ksym === undefined) return null;
    const offset = Number(BigInt.asUintN(64, address) - ksym.start);
    return { ksym, offset, text: symbolOffset(ksym.name, offset, ksym.size) };
  }

  /** What the exception table says about the instruction that starts at `ip`; null = its fault is an oops. */
  fixup(ip: GuestAddress): FixupHit | null {
    const found = this.#tree.fixup(ip);
    if (found === null) return null;
    const ksym = this.#byNode.get(found.node);
    if (ksym === undefined) return null;
    return {
      ...decodeFixup(found.fixup),
      ksym,
      entry: found.index,
      offset: Number(BigInt.asUintN(64, ip) - ksym.start),
      data: found.data,
    };
  }

  /** Symbols by ascending address. */
  symbols(): Ksym[] {
    return [...this.#byNode.values()].sort((a, b) => (a.start < b.start ? -1 : 1));
  }
}
