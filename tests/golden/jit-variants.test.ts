import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Decoder, DecoderOptions } from 'iced-x86';
import { BPF_DW, BPF_JMP, BPF_LD, BPF_TAIL_CALL, INSN_SIZE } from '../../assembly/isa.js';
import type { Core } from '../../host/core/core.js';
import { blind } from '../../host/jit/blind.js';
import { compile } from '../../host/jit/compile.js';
import type { JitImage, JitInput } from '../../host/jit/jit-image.js';
import type { RandomSource } from '../../host/jit/random.js';
import type { Profile } from '../../host/profiles/profile.js';
import { profile } from '../../host/profiles/profiles.js';
import { type Golden, goldens } from '../support/goldens.js';
import { FakeImages, fromHex, goldenInput, loadCore, masked, toHex } from '../support/jit.js';

// Profiles without jit_input: the instructions are those of the base profile, except that maps and arenas lie
// elsewhere (their addresses are taken from the recorded image), and that hardening has no direct tail calls.

const LD_IMM64 = BPF_LD | BPF_DW;

let core: Core;

before(async () => {
  core = await loadCore();
});

const TAIL_CALL = BPF_JMP | BPF_TAIL_CALL;
/** movabs r12, imm64: the arena's base, last in the prologue. */
const ARENA_BASE = /49bc([0-9a-f]{16})/;

/** The base profile's input with the arena where the recorded image has it. */
function withArena(input: JitInput, jitedHex: string): JitInput {
  if (input.arenaKernel === 0n) return input;
  const base = jitedHex.match(ARENA_BASE);
  return { ...input, arenaKernel: Buffer.from(base![1], 'hex').readBigUInt64LE() };
}

/** Records of a profile that are one function and have a base record with a jit_input. */
function pairs(kernel: string, variant: string): { record: Golden; input: JitInput }[] {
  const base = new Map<string, Golden>();
  for (const corpus of ['isa', 'probe'])
    for (const record of goldens(kernel, corpus, 'base')) base.set(record.id, record);
  return ['isa', 'probe']
    .flatMap((corpus) => goldens(kernel, corpus, variant))
    .flatMap((record) => {
      const given = base.get(record.id)?.jit_input;
      return given && record.funcs?.length === 1
        ? [{ record, input: withArena(goldenInput(given), record.funcs[0].jited_hex) }]
        : [];
    });
}

function compileAt(
  { jit }: Profile,
  input: JitInput,
  record: Golden,
  blinding: RandomSource | null = null,
): JitImage {
  const images = new FakeImages([BigInt(record.funcs![0].ksym_addr)]);
  return compile(core, jit, [input], images, blinding)[0];
}

function check(image: JitImage, record: Golden): void {
  const [want] = record.funcs!;
  assert.equal(masked(image.code, image), masked(fromHex(want.jited_hex), image), `${record.id}: code`);
  assert.equal(toHex(image.extable), want.extable_hex ?? '', `${record.id}: table`);
}

/** The input with 10-byte ld_imm64 of `image` taking their values from the recorded code. */
function withRecordedAddresses(input: JitInput, image: JitImage, code: Uint8Array): JitInput {
  const insns = input.insns.slice();
  for (let slot = 0; slot < insns.length / INSN_SIZE; slot++) {
    if (insns[slot * INSN_SIZE] !== LD_IMM64) continue;
    const [from, to] = [image.offsets[slot], image.offsets[slot + 1]];
    if (to - from === 10) {
      insns.set(code.subarray(from + 2, from + 6), slot * INSN_SIZE + 4);
      insns.set(code.subarray(from + 6, from + 10), slot * INSN_SIZE + 12);
    }
    slot++;
  }
  return { ...input, insns };
}

/** Runs `compare` on every pair and reports all that differ. */
function compareAll(
  kernel: string,
  variant: string,
  compare: (record: Golden, input: JitInput) => void,
): number {
  const all = pairs(kernel, variant);
  const failures: unknown[] = [];
  for (const { record, input } of all) {
    try {
      compare(record, input);
    } catch (error) {
      failures.push(new Error(record.id, { cause: error }));
    }
  }
  if (failures.length > 0)
    throw new AggregateError(failures, `${failures.length} of ${all.length} images differ`);
  assert.ok(all.length > 0, 'no record was compared');
  return all.length;
}

/** Immediates `mov r10, a; xor r10, b` of an image, in order: [a, b]. */
function hiddenPairs(code: Uint8Array): [number, number][] {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  const found: [number, number][] = [];
  let last: Uint8Array = new Uint8Array(0);
  while (decoder.canDecode) {
    const start = decoder.position;
    const insn = decoder.decode();
    insn.free();
    const bytes = code.subarray(start, decoder.position);
    const move = toHex(last).match(/^(?:49c7c2|41ba)(.{8})$/);
    const xor = toHex(bytes).match(/^4[19](?:81f2(.{8})|83f2(.{2}))$/);
    if (move && xor) found.push([littleEndian(move[1]), littleEndian(xor[1] ?? xor[2])]);
    last = bytes;
  }
  decoder.free();
  return found;
}

function littleEndian(hex: string): number {
  const value = Buffer.from(hex, 'hex');
  return value.readIntLE(0, value.length);
}

/** Values of ld_imm64, which blinding hides too: upper half first, as blinding takes its numbers. */
function withHiddenAddresses(input: JitInput, hidden: readonly [number, number][]): JitInput {
  const insns = input.insns.slice();
  const view = new DataView(insns.buffer);
  let next = 0;
  const counting: RandomSource = { u32: () => hidden[next++]?.[1] ?? 0 };
  for (let slot = 0; slot < insns.length / INSN_SIZE; slot++) {
    if (insns[slot * INSN_SIZE] === TAIL_CALL) view.setInt32(slot * INSN_SIZE + 4, 0, true);
    if (insns[slot * INSN_SIZE] !== LD_IMM64) {
      blind(insns.subarray(slot * INSN_SIZE, (slot + 1) * INSN_SIZE), counting);
      continue;
    }
    for (const half of [slot * INSN_SIZE + 12, slot * INSN_SIZE + 4]) {
      const [a, b] = hidden[next++] ?? [0, 0];
      view.setInt32(half, a ^ b, true);
    }
    slot++;
  }
  return { ...input, insns };
}

describe('images of the other profiles are byte for byte what the kernel made', () => {
  for (const kernel of ['6.12', '6.1']) {
    for (const variant of ['mitig', 'mitigamd']) {
      it(`${kernel} ${variant}`, (context) => {
        const kernelProfile = profile(`linux-${kernel}`, variant);
        const compared = compareAll(kernel, variant, (record, input) => {
          const first = compileAt(kernelProfile, input, record);
          const recorded = withRecordedAddresses(input, first, fromHex(record.funcs![0].jited_hex));
          check(compileAt(kernelProfile, recorded, record), record);
        });
        context.diagnostic(`${compared} images compared`);
      });
    }

    it(`${kernel} harden2: blinded with the recorded random numbers`, (context) => {
      const kernelProfile = profile(`linux-${kernel}`, 'harden2');
      const compared = compareAll(kernel, 'harden2', (record, input) => {
        const hidden = hiddenPairs(fromHex(record.funcs![0].jited_hex));
        const recorded = withHiddenAddresses(input, hidden);
        let next = 0;
        const random: RandomSource = { u32: () => (hidden[next++]?.[1] ?? 0) >>> 0 };
        const image = compileAt(kernelProfile, recorded, record, random);
        assert.equal(next, hidden.length, `${record.id}: random numbers used`);
        check(image, record);
      });
      context.diagnostic(`${compared} images compared`);
    });
  }
});
