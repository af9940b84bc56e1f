import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';
import type { Core } from '../../host/core/core.js';
import { compile } from '../../host/jit/compile.js';
import type { JitImage } from '../../host/jit/jit-image.js';
import { PackImages } from '../../host/jit/pack-images.js';
import type { GuestMemory } from '../../host/mm/guest-memory.js';
import type { Profile } from '../../host/profiles/profile.js';
import { type BenchProgram, jitInputsOf } from './program.js';

/** u64 program(memory, length) on the CPU of this computer. */
export type NativeFunction = (memory: Uint8Array, length: number) => number | bigint;

const PROTECTION = 7;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const PROTOTYPE = 'uint64_t program(void *memory, uint64_t length)';

/** The kernel's images of a program's functions, in guest memory. */
export function imagesOf(
  core: Core,
  memory: GuestMemory,
  { jit }: Profile,
  program: BenchProgram,
): JitImage[] {
  const source = new PackImages(memory, {});
  const images = compile(core, jit, jitInputsOf(program), source);
  for (const image of images) source.finalize(image);
  return images;
}

/** The same images in executable memory of this process, as far apart as they are. */
export function execute(images: readonly JitImage[]): NativeFunction {
  const first = images.reduce((least, { address }) => (address < least ? address : least), images[0].address);
  const last = images.reduce((most, { address, code }) => {
    const end = address + BigInt(code.length);
    return end > most ? end : most;
  }, 0n);
  const mmap = libc().func('void *mmap(void *, size_t, int, int, int, int64_t)');
  const size = (Number(last - first) + 4095) & ~4095;
  const area = mmap(null, size, PROTECTION, MAP_PRIVATE_ANONYMOUS, -1, 0) as unknown;
  const bytes = new Uint8Array(size);
  for (const { address, code } of images) bytes.set(code, Number(address - first));
  koffi.encode(area, koffi.array('uint8_t', size), bytes);
  const entry = koffi.address(area) + images[0].entry - first;
  return koffi.decode(entry, koffi.proto(PROTOTYPE.replace('program', unique()))) as NativeFunction;
}

/** The program as the compiler of this computer makes it; null without one. */
export function compileNative(program: BenchProgram): NativeFunction | null {
  const library = join(mkdtempSync(join(tmpdir(), 'faultline-bench-')), `${program.name}.so`);
  const made = spawnSync('gcc', ['-O2', '-fno-builtin', '-shared', '-fPIC', '-o', library, program.source]);
  if (made.status !== 0) return null;
  return koffi.load(library).func(PROTOTYPE) as unknown as NativeFunction;
}

let names = 0;
const unique = (): string => `program${names++}`;
type Library = ReturnType<typeof koffi.load>;
let loaded: Library | null = null;
const libc = (): Library => (loaded ??= koffi.load('libc.so.6'));
