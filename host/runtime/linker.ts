import type { Core } from '../core/core.js';
import { INSN_SIZE } from '../../assembly/isa.js';
import { JitError } from '../errors.js';
import { compile } from '../jit/compile.js';
import type { ImageSource } from '../jit/image-source.js';
import type { JitImage, JitInput } from '../jit/jit-image.js';
import { seededRandom } from '../jit/random.js';
import type { KsymTable } from '../kallsyms/ksym-table.js';
import { programSymbol } from '../kallsyms/symbol-name.js';
import type { BpfMap } from '../maps/bpf-map.js';
import { PointerArrayMap } from '../maps/pointer-array-map.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { Profile } from '../profiles/profile.js';
import type { VerifiedProgram } from '../verifier/verified-program.js';
import type { X86Engine } from './cpu.js';
import type { InterpEngine } from './interpreter.js';
import type { LinkedProgram } from './linked-program.js';
import type { PokeTable } from './poke.js';

const PROG_SIZE = 256;

/** What linking works on. */
export interface LinkSurroundings {
  readonly core: Core;
  readonly memory: GuestMemory;
  readonly profile: Profile;
  readonly ksyms: KsymTable;
  readonly pokes: PokeTable;
  readonly cpu: X86Engine;
  readonly interp: InterpEngine;
}

/** The JIT's input for each function of a verified program. */
export function jitInputs(verified: VerifiedProgram): JitInput[] {
  return verified.functions.map((func, index) => ({
    name: func.name,
    insns: verified.insns.slice(func.start * INSN_SIZE, func.end * INSN_SIZE),
    stackDepth: func.stackDepth,
    numExentries: func.numExentries,
    tailCallReachable: func.tailCallReachable,
    isSubprogram: index > 0,
    isExceptionCallback: func.isExceptionCallback,
    exceptionBoundary: (index === 0 || func.isExceptionCallback) && verified.exceptionBoundary,
    isClassic: false,
    arenaKernel: verified.arena?.kernel ?? 0n,
    arenaUser: verified.arena?.user ?? 0n,
  }));
}

/**
 * Compiles a verified program, puts its images in place and registers them. A program that the JIT refuses is left to
 * the interpreter.
 */
export function link(
  around: LinkSurroundings,
  id: number,
  verified: VerifiedProgram,
  maps: readonly BpfMap[],
  source: ImageSource,
): LinkedProgram {
  const { core, memory, profile, ksyms, pokes, cpu, interp } = around;
  let images: JitImage[] = [];
  let jitError: Error | null = null;
  try {
    const blinding = profile.harden === 2 ? seededRandom(id) : null;
    images = compile(core, profile.jit, jitInputs(verified), source, blinding);
  } catch (error) {
    if (!(error instanceof JitError)) throw error;
    jitError = error;
  }
  for (const image of images) source.finalize(image);
  const address = memory.alloc('direct', PROG_SIZE, 64);
  if (images[0]) memory.writeUint(address + BigInt(profile.jit.offProgFunc), 8, images[0].entry);
  const registered = images.map((image, func) => {
    const { tag, name } = verified.functions[func]!;
    return ksyms.add(image, { name: programSymbol(tag, name), program: id, func });
  });
  for (const image of images) {
    cpu.addGuards(image.address, guardsOf(image));
    for (const site of image.directSites) {
      const slot = verified.functions[images.indexOf(image)]!.start + site.insn;
      const imm = new DataView(verified.insns.buffer, verified.insns.byteOffset).getInt32(
        slot * INSN_SIZE + 4,
        true,
      );
      const poke = verified.pokes[imm - 1];
      const map = poke && maps[poke.map];
      if (poke && map instanceof PointerArrayMap) pokes.add({ image, site, map, key: poke.key });
    }
  }
  const program = interp.load(verified, images.length > 0 ? images.map(({ entry }) => entry) : undefined);
  return { id, verified, maps, address, images, ksyms: registered, jitError, interp: program };
}

const guardsOf = (image: JitImage): number[] =>
  image.entries.flatMap(({ guard }) => (guard === null ? [] : [guard]));

/** Takes a program out of the guest: nothing of it stays. */
export function unlink(around: LinkSurroundings, program: LinkedProgram, source: ImageSource): void {
  for (const ksym of program.ksyms) around.ksyms.remove(ksym);
  for (const image of program.images) {
    around.pokes.remove(image);
    around.cpu.removeGuards(image.address, guardsOf(image));
    source.free(image);
  }
  around.interp.unload(program.interp);
  around.memory.free(program.address);
}
