import type { Core } from '../../../host/core/core.js';
import { JitError } from '../../../host/errors.js';
import { compile } from '../../../host/jit/compile.js';
import { countExentries } from '../../../host/jit/exentries.js';
import type { JitImage, JitInput } from '../../../host/jit/jit-image.js';
import type { JitKnobs } from '../../../host/profiles/profile.js';
import { code, insn, ldImm64 } from '../../support/interp.js';
import { FakeImages, jitInput } from '../../support/jit.js';
import { ARENA, CODE } from './layout.js';

const DST = [0, 1, 2, 3, 5, 6, 7, 9];
const SRC = [...DST, 10];
const OFFSETS = [0, 8, 1000];
const IMMEDIATES = [0, 1, 5, 1000, -1];
const ATOMICS = [0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1];

type Insn = readonly [opcode: number, dst: number, src: number, off: number, imm: number];

/** Every opcode with operands of every shape; what a version does not know comes to nothing. */
function* candidates(): Generator<readonly Insn[]> {
  for (let opcode = 0; opcode < 256; opcode++) {
    const klass = opcode & 7;
    if (klass === 4 || klass === 7) yield* arithmetic(opcode);
    else if (klass === 1) for (const off of OFFSETS) yield pairs(opcode, off, 0);
    else if (klass === 2) for (const off of OFFSETS) yield pairs(opcode, off, 7);
    else if (klass === 3) {
      const isAtomic = (opcode & 0xc0) === 0xc0;
      for (const off of OFFSETS) for (const imm of isAtomic ? ATOMICS : [0]) yield pairs(opcode, off, imm);
    } else if (opcode === 0xf5) {
      yield [[opcode, 0, 0, 0, 0]];
      yield [[opcode, 0, 0, 0, 1]];
    } else if (opcode === 0x85) yield [[opcode, 0, 0, 0, 64]];
    else if (klass === 5 || klass === 6) for (const imm of IMMEDIATES) yield pairs(opcode, 0, imm);
  }
}

function* arithmetic(opcode: number): Generator<readonly Insn[]> {
  const operation = opcode & 0xf0;
  const offsets =
    operation === 0xb0 ? [0, 8, 16, 32, -1] : operation === 0x30 || operation === 0x90 ? [0, 1] : [0];
  for (const off of offsets)
    for (const imm of operation === 0xd0 ? [16, 32, 64] : (opcode & 8) !== 0 ? [0] : IMMEDIATES)
      yield pairs(opcode, off, imm);
  if (opcode === 0xbf) yield pairs(opcode, 1, 0x10000);
}

function pairs(opcode: number, off: number, imm: number): Insn[] {
  return DST.flatMap((dst) => SRC.map((src): Insn => [opcode, dst, src, off, imm]));
}

/** Branches over enough to need their long form. */
function longJumps(): Uint8Array {
  const parts: Uint8Array[] = [];
  const over = 14;
  for (const klass of [5, 6])
    for (const operation of [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0]) {
      if (operation === 0 && klass === 6) continue;
      parts.push(insn(klass | operation, 0, 0, 2 * over));
      for (let i = 0; i < over; i++) parts.push(ldImm64(0, 0x1234567812345678n));
    }
  return code(...parts);
}

/** Images that together hold every x86 instruction a version can emit for the BPF this computer can run. */
export function universe(core: Core, knobs: JitKnobs): JitImage[] {
  const images: JitImage[] = [];
  const known: Uint8Array[] = [];
  const tryCompile = (insns: Uint8Array, more: Partial<JitInput> = {}): JitImage | null => {
    const arenaKernel = knobs.version === '6.12' ? ARENA : 0n;
    const input = jitInput(code(insns, insn(0x95)), { arenaKernel, arenaUser: 1n << 44n, ...more });
    try {
      return compile(
        core,
        knobs,
        [{ ...input, numExentries: countExentries(input.insns) }],
        new FakeImages([CODE]),
      )[0];
    } catch (error) {
      if (error instanceof JitError) return null;
      throw error;
    }
  };
  for (const insns of candidates()) {
    // 5.5 reaches the frame pointer only by loads, stores and moves that a byte store is not.
    const usable = insns.filter((each) => knobs.version !== '5.5' || each[2] !== 10 || each[0] !== 0x73);
    const [first] = usable;
    if (!tryCompile(code(insn(...first)))) continue;
    known.push(code(...usable.map((each) => insn(...each))));
  }
  const registers = SRC.slice(0, -1);
  for (const value of [0n, 1n, 0xffffffffn, 0x123456789abcdefn, (1n << 64n) - 1n])
    known.push(code(...registers.map((dst) => ldImm64(dst, value))));
  const all = code(...known);
  for (const stackDepth of [0, 8, 512])
    for (const exceptionBoundary of [false, true]) {
      const short = tryCompile(code(insn(0xbf, 0, 1)), { stackDepth, exceptionBoundary });
      if (short) images.push(short);
    }
  for (const [insns, tailCallReachable] of [
    [all, false],
    [all, true],
    [longJumps(), false],
    [code(insn(0xbf, 6, 1), insn(0x05, 0, 0, 1), insn(0x95)), false],
  ] as const) {
    const image = tryCompile(insns, { tailCallReachable, stackDepth: 512 });
    if (image === null) throw new Error(`${knobs.version}: the sweep over all instructions does not compile`);
    images.push(image);
  }
  const sub = tryCompile(code(insn(0xbf, 6, 1)), { isSubprogram: true });
  if (sub) images.push(sub);
  return images;
}
