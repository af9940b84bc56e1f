import type { ImageSource } from '../jit/image-source.js';
import type { KsymTable } from '../kallsyms/ksym-table.js';
import type { ByteOffset, GuestAddress } from '../quantities.js';
import type { LinkedProgram } from './linked-program.js';

/** A function of a loaded program, and where in its image. */
export interface CodePlace {
  readonly program: LinkedProgram;
  readonly func: number;
  readonly offset: ByteOffset;
}

/** The programs that are loaded, by everything they are named with. */
export class ProgramTable {
  readonly #byId = new Map<number, LinkedProgram>();
  readonly #byAddress = new Map<GuestAddress, LinkedProgram>();
  readonly #byHandle = new Map<number, LinkedProgram>();
  readonly #sources = new Map<LinkedProgram, ImageSource>();
  #ids = 0;

  constructor(private readonly ksyms: KsymTable) {}

  nextId(): number {
    return ++this.#ids;
  }

  /** `source`: where its images came from. */
  add(program: LinkedProgram, source: ImageSource): void {
    this.#byId.set(program.id, program);
    this.#byAddress.set(program.address, program);
    this.#byHandle.set(program.interp.handle, program);
    this.#sources.set(program, source);
  }

  /** Forgets a program and answers where its images go back to; null when it was not there. */
  remove(program: LinkedProgram): ImageSource | null {
    const source = this.#sources.get(program);
    if (!source) return null;
    this.#sources.delete(program);
    this.#byId.delete(program.id);
    this.#byAddress.delete(program.address);
    this.#byHandle.delete(program.interp.handle);
    return source;
  }

  /** The program whose struct bpf_prog lies at an address: what prog arrays hold. */
  at(address: GuestAddress): LinkedProgram | null {
    return this.#byAddress.get(address) ?? null;
  }

  /** The program that the interpreter and generated code name by a number. */
  byHandle(handle: number): LinkedProgram | null {
    return this.#byHandle.get(handle) ?? null;
  }

  /** The program and function that text belongs to. */
  owner(ip: GuestAddress): CodePlace | null {
    const hit = this.ksyms.lookup(ip);
    const program = hit && this.#byId.get(hit.ksym.program);
    if (!hit || !program) return null;
    const image = program.images[hit.ksym.func];
    return { program, func: hit.ksym.func, offset: image ? Number(ip - image.address) : hit.offset };
  }
}
