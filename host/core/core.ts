import { instantiate } from '@assemblyscript/loader';
import { LimitError } from '../errors.js';
import type { HostAddress } from '../quantities.js';
import type { CoreExports } from './exports.generated.js';

/** What core.wasm can be made from. */
export type CoreSource = BufferSource | WebAssembly.Module | Response | PromiseLike<Response>;

const INITIAL_PAGES = 16;
const MAXIMUM_PAGES = 65536;

function sharedMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES, shared: true });
}

/** Compiles what a module can be made from. */
export async function compileModule(source: CoreSource): Promise<WebAssembly.Module> {
  const given = await source;
  if (given instanceof WebAssembly.Module) return given;
  return WebAssembly.compile(given instanceof Response ? await given.arrayBuffer() : given);
}

/**
 * One instance of core.wasm: its exports and views of its linear memory. Everything stateful of one guest
 * machine lives in one instance.
 */
export class Core {
  readonly exports: CoreExports;
  readonly memory: WebAssembly.Memory;
  #bytes: Uint8Array;
  #words: Uint32Array;
  #view: DataView;

  private constructor(exports: CoreExports, memory: WebAssembly.Memory) {
    this.exports = exports;
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  static async load(source: CoreSource): Promise<Core> {
    const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES });
    const { exports } = await instantiate(source as WebAssembly.Module, { env: { memory } });
    return new Core(exports as unknown as CoreExports, memory);
  }

  /** As {@link load}, on memory that instances on other threads can share. Such a module is made with threads. */
  static async loadShared(source: WebAssembly.Module, memory = sharedMemory()): Promise<Core> {
    const { exports } = await instantiate(source, { env: { memory } });
    return new Core(exports as unknown as CoreExports, memory);
  }

  /** Linear memory as bytes. The view dies when memory grows: take it anew after every call into the core. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.memory.buffer) this.#refresh();
    return this.#bytes;
  }

  /** Linear memory as 32-bit words, index = address / 4. Same lifetime as {@link bytes}. */
  get words(): Uint32Array {
    if (this.#bytes.buffer !== this.memory.buffer) this.#refresh();
    return this.#words;
  }

  /** Linear memory as a DataView. Same lifetime as {@link bytes}. */
  get view(): DataView {
    if (this.#bytes.buffer !== this.memory.buffer) this.#refresh();
    return this.#view;
  }

  /** Allocates `size` bytes, contents undefined; throws LIMIT_MEMORY when linear memory is exhausted. */
  alloc(size: number): HostAddress {
    const address = this.exports.heapAlloc(size) >>> 0;
    if (address === 0)
      throw new LimitError(
        'LIMIT_MEMORY',
        `core memory: ${size} bytes asked for, linear memory is exhausted`,
      );
    return address;
  }

  free(address: HostAddress): void {
    this.exports.heapFree(address);
  }

  /** Allocates room for `bytes` and copies them in. */
  allocBytes(bytes: Uint8Array): HostAddress {
    const address = this.alloc(Math.max(bytes.length, 1));
    this.bytes.set(bytes, address);
    return address;
  }

  /** A copy of `size` bytes at `address`. */
  copyOut(address: HostAddress, size: number): Uint8Array {
    return this.bytes.slice(address, address + size);
  }

  #refresh(): void {
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#words = new Uint32Array(this.memory.buffer);
    this.#view = new DataView(this.memory.buffer);
  }
}
