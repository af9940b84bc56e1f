import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Load } from './load.js';

const SOURCE = fileURLToPath(new URL('../native/lookup.c', import.meta.url));

export type SetName = keyof Load['sets'];
const SETS: readonly SetName[] = ['uniform', 'zipf'];

/** The C baseline as a process of its own that answers commands. */
export class Native {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];

  private constructor(binary: string, load: string) {
    this.#child = spawn(binary, [load], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#waiting.shift()?.(line));
    this.#child.on('close', () => {
      for (const waiting of this.#waiting.splice(0)) waiting('closed');
    });
  }

  /** Compiles the baseline; null without gcc. */
  static compile(): string | null {
    const binary = join(mkdtempSync(join(tmpdir(), 'faultline-bench-')), 'lookup');
    const { status, error } = spawnSync('gcc', ['-O2', '-o', binary, SOURCE], { stdio: 'inherit' });
    if (error !== undefined) return null;
    if (status !== 0) throw new Error(`gcc: exit ${status} for ${SOURCE}`);
    return binary;
  }

  /** `firstIds`: id of the first entry of each image, in load order. */
  static async start(binary: string, load: Load, firstIds: Uint32Array): Promise<Native> {
    const file = `${binary}.load`;
    writeLoad(file, load, firstIds);
    const native = new Native(binary, file);
    const line = await native.#next();
    rmSync(file);
    if (line !== 'ready') throw new Error(`native baseline: ${line}, expected ready`);
    return native;
  }

  /** Nanoseconds per lookup, and the checksum of the answers. */
  async run(set: SetName, minMs: number): Promise<{ ns: number; sum: number }> {
    const [ns, sum] = (await this.#ask(`run ${SETS.indexOf(set)} ${minMs}`)).split(' ').map(Number);
    return { ns, sum };
  }

  /** Nanoseconds per program to insert and to erase in load order. */
  async build(): Promise<{ insert: number; erase: number }> {
    const [insert, erase] = (await this.#ask('build')).split(' ').map(Number);
    return { insert, erase };
  }

  stop(): void {
    this.#child.stdin?.end();
  }

  async #ask(command: string): Promise<string> {
    const answer = this.#next();
    this.#child.stdin?.write(`${command}\n`);
    const line = await answer;
    if (line === '?' || line === 'closed') throw new Error(`native baseline: ${line} to '${command}'`);
    return line;
  }

  #next(): Promise<string> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function writeLoad(path: string, { images, packBytes, sets }: Load, firstIds: Uint32Array): void {
  const file = openSync(path, 'w');
  const put = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
  };
  const words = new Uint32Array(3 + images.length * 5);
  words.set([images.length, packBytes, SETS.length]);
  images.forEach(({ offset, code, extableOffset, extable }, i) => {
    words.set([offset, code.length, extableOffset, extable.length / 12, firstIds[i]], 3 + i * 5);
  });
  put(new Uint8Array(words.buffer));
  const tables = new Uint8Array(images.reduce((sum, { extable }) => sum + extable.length, 0));
  let at = 0;
  for (const { extable } of images) {
    tables.set(extable, at);
    at += extable.length;
  }
  put(tables);
  for (const name of SETS) {
    const set = sets[name];
    put(new Uint8Array(new Uint32Array([set.length, 0]).buffer));
    put(new Uint8Array(set.buffer));
  }
  closeSync(file);
}

/** The checksum the baseline prints. */
export function checksum(ids: Uint32Array, details: Uint8Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum = (Math.imul(sum, 31) + (ids[i] ^ details[i])) | 0;
  return sum >>> 0;
}
