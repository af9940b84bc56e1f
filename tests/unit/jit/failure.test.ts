import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { JitError } from '../../../host/errors.js';
import { compile } from '../../../host/jit/compile.js';
import type { JitInput } from '../../../host/jit/jit-image.js';
import type { JitKnobs } from '../../../host/profiles/profile.js';
import * as L from '../../../assembly/layout/jit.js';
import { jitError } from '../../../host/jit/failure.js';
import { ImageCharge } from '../../../host/jit/image-charge.js';
import { PackImages } from '../../../host/jit/pack-images.js';
import { PageImages } from '../../../host/jit/page-images.js';
import { GuestMemory } from '../../../host/mm/guest-memory.js';
import { profile } from '../../../host/profiles/profiles.js';
import { FakeImages, fromHex, jitInput, loadCore } from '../../support/jit.js';

interface Case {
  readonly title: string;
  readonly insns: string;
  readonly code: string;
  readonly message: RegExp | string;
  /** Slot; absent = the error has none. */
  readonly insn?: number;
  readonly kernel?: string;
  readonly knobs?: Partial<JitKnobs>;
  readonly input?: Partial<JitInput>;
}

const MOV = 'b700000001000000';
const EXIT = '9500000000000000';
const PROBE = '3911580100000000';
const ARENA_LOAD = 'b121000000000000';
const unknown = (op: string): string => `bpf_jit: unknown opcode ${op}`;

const cases: readonly Case[] = [
  {
    title: 'opcode 00',
    insns: MOV + '0000000000000000' + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('00'),
    insn: 1,
  },
  {
    title: 'call by register',
    insns: '8d01000000000000' + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('8d'),
    insn: 0,
  },
  {
    title: 'may_goto',
    insns: 'e500000000000000' + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('e5'),
    insn: 0,
  },
  {
    title: 'neg with a source register',
    insns: '8f10000000000000' + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('8f'),
    insn: 0,
  },
  {
    title: 'exit of class JMP32',
    insns: '9600000000000000' + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('96'),
    insn: 0,
  },
  {
    title: 'packet load',
    insns: '2000000000000000' + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('20'),
    insn: 0,
  },
  {
    title: '6.1: unconditional byte swap',
    kernel: '6.1',
    insns: 'd701000040000000' + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('d7'),
    insn: 0,
  },
  {
    title: '6.1: sign-extending load',
    kernel: '6.1',
    insns: '9110040000000000' + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('91'),
    insn: 0,
  },
  {
    title: '6.1: arena load',
    kernel: '6.1',
    insns: ARENA_LOAD + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('b1'),
    insn: 0,
  },
  {
    title: '5.5: long jump',
    kernel: '5.5',
    insns: '0600000000000000' + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('06'),
    insn: 0,
  },
  {
    title: 'no support for probing loads',
    knobs: { probeMem: false },
    insns: PROBE + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('39'),
    insn: 0,
  },
  {
    title: 'no support for arena loads',
    knobs: { probeMem: false },
    insns: ARENA_LOAD + EXIT,
    code: 'JIT_UNKNOWN_OPCODE',
    message: unknown('b1'),
    insn: 0,
  },
  {
    title: 'atomic nand',
    insns: 'db21000020000000' + EXIT,
    code: 'JIT_UNKNOWN_ATOMIC',
    message: 'bpf_jit: unknown atomic opcode 20',
    insn: 0,
  },
  {
    title: 'fetching and on an arena',
    insns: 'fb21000051000000' + EXIT,
    code: 'JIT_UNKNOWN_ATOMIC',
    message: 'bpf_jit: unknown atomic opcode 51',
    insn: 0,
  },
  {
    title: 'byte atomic on an arena',
    insns: 'f321000000000000' + EXIT,
    code: 'JIT_SMALL_ATOMIC',
    message: 'bpf_jit: 1 and 2 byte atomics are not supported',
    insn: 0,
  },
  {
    title: 'more probe loads than entries',
    insns: PROBE + PROBE + EXIT,
    input: { numExentries: 1 },
    code: 'JIT_EX_GEN_BUG',
    message: 'ex gen bug',
    insn: 1,
  },
  {
    title: 'more arena accesses than entries',
    insns: ARENA_LOAD + EXIT,
    input: { numExentries: 0 },
    code: 'JIT_MEM32_EX_BUG',
    message: 'mem32 extable bug',
    insn: 0,
  },
  {
    title: 'fewer accesses than entries',
    insns: PROBE + EXIT,
    input: { numExentries: 2 },
    code: 'JIT_EXTABLE_NOT_POPULATED',
    message: 'extable is not populated',
  },
  {
    title: 'probe load into AX',
    insns: '391b580100000000' + EXIT,
    code: 'JIT_PROBE_REGISTER',
    message: 'verifier error',
    insn: 0,
  },
  {
    title: 'call without a target',
    insns: MOV + '8500000000000000' + EXIT,
    code: 'JIT_CALL_NULL',
    message: /imm 0/,
    insn: 1,
  },
  {
    title: 'call too far away',
    insns: '8500000001000000' + EXIT,
    knobs: { callBase: 0x1000_0000_0000n },
    code: 'JIT_CALL_RANGE',
    message: 'Target call 100000000001 is out of range',
    insn: 0,
  },
  {
    title: '5.5: handler too far away',
    kernel: '5.5',
    insns: PROBE + EXIT,
    knobs: { extableHandler: 0x1000_0000_0000n },
    code: 'JIT_EXTABLE_RANGE',
    message: "extable->handler doesn't fit into 32-bit",
    insn: 0,
  },
  {
    title: 'branch behind the end',
    insns: '0500050000000000' + EXIT,
    code: 'JIT_BAD_TARGET',
    message: /slot 6/,
    insn: 0,
  },
  {
    title: 'branch before the start',
    insns: '1500f0ff00000000' + EXIT,
    code: 'JIT_BAD_TARGET',
    message: /slot -15/,
    insn: 0,
  },
  {
    title: 'branch forward into ld_imm64',
    insns: '0500010000000000' + '1801000001000000' + '0000000001000000' + EXIT,
    code: 'JIT_BAD_TARGET',
    message: /slot 2/,
    insn: 0,
  },
  {
    title: 'branch back into ld_imm64',
    insns: '1801000001000000' + '0000000001000000' + '0500feff00000000' + EXIT,
    code: 'JIT_BAD_TARGET',
    message: /slot 1/,
    insn: 2,
  },
  {
    title: 'register 12',
    insns: 'b70c000001000000' + EXIT,
    code: 'JIT_BAD_REGISTER',
    message: /above 11/,
    insn: 0,
  },
  {
    title: 'half an ld_imm64',
    insns: MOV + '1801000001000000',
    code: 'JIT_BAD_PROGRAM',
    message: /second slot/,
    insn: 1,
  },
  {
    title: '5.5: jumps that shrink one after the other',
    kernel: '5.5',
    insns: endless(),
    code: 'JIT_NO_CONVERGENCE',
    message: /20 passes/,
  },
  { title: 'no instructions', insns: '', code: 'JIT_BAD_PROGRAM', message: /without instructions/, insn: 0 },
  { title: 'half an instruction', insns: 'b700', code: 'JIT_BAD_PROGRAM', message: /2 bytes/ },
  {
    title: 'call of a function that does not exist',
    insns: '8510050001000000' + EXIT,
    code: 'JIT_BAD_PROGRAM',
    message: /function 5/,
    insn: 0,
  },
];

/** Branches over just too much, of which each becomes short when one that it leads over has: more than 20 passes. */
function endless(): string {
  const link = '45200f0000000000' + 'b702000078563412';
  return link.repeat(300) + MOV.repeat(15) + EXIT;
}

let core: Core;

before(async () => {
  core = await loadCore();
});

function attempt(each: Case, others: readonly JitInput[] = []): FakeImages {
  const knobs = { ...profile(`linux-${each.kernel ?? '6.12'}`).jit, ...each.knobs };
  const inputs = [...others, jitInput(fromHex(each.insns), each.input)];
  const images = new FakeImages(inputs.map((_, i) => 0xffffffffc0001000n + BigInt(i * 0x1000)));
  assert.throws(
    () => compile(core, knobs, inputs, images),
    (error) => {
      assert.ok(error instanceof JitError);
      assert.equal(error.code, each.code);
      if (typeof each.message === 'string') assert.equal(error.message, each.message);
      else assert.match(error.message, each.message);
      if (each.insn !== undefined) assert.equal(error.place.insn, each.insn);
      return true;
    },
  );
  return images;
}

describe('what the JIT refuses', () => {
  for (const each of cases) it(each.title, () => void attempt(each));
});

describe('messages of what no program here comes to', () => {
  const MINUS_2 = 0xfffffffffffffffen;
  const statuses: readonly (readonly [number, bigint, string, string])[] = [
    [L.JIT_COND_JUMP_PADDING, 3n, 'JIT_PADDING', 'unexpected jmp_cond padding: 3 bytes'],
    [L.JIT_NOP_JUMP_PADDING, 4n, 'JIT_PADDING', 'unexpected nop jump padding: 4 bytes'],
    [L.JIT_JUMP_PADDING, MINUS_2, 'JIT_PADDING', 'unexpected jump padding: -2 bytes'],
    [L.JIT_FATAL, 0n, 'JIT_FATAL', 'bpf_jit: fatal error'],
    [L.JIT_LENGTH_CHANGED, 98n, 'JIT_LENGTH_CHANGED', 'bpf_jit: proglen=98 != oldproglen=100'],
    [L.JIT_NO_MEMORY, 0n, 'JIT_NO_MEMORY', 'linear memory of the core is exhausted'],
  ];
  for (const [status, value, code, message] of statuses)
    it(message, () => {
      const error = jitError({ status, insn: 7, value }, 100);
      assert.ok(error instanceof JitError);
      assert.deepEqual([error.code, error.message], [code, message]);
    });
});

function smallMemory(): GuestMemory {
  const page = 4096;
  return new GuestMemory(core, { direct: page, vmalloc: page, user: page, text: page, modules: 8 << 20 });
}

function assertEmpty(images: PackImages | PageImages, memory: GuestMemory, title: string): void {
  assert.equal(images.charge.used, 0, title);
  assert.deepEqual([...memory.usedPages('modules')], [], title);
}

describe('a refused program', () => {
  it('leaves no memory of the core behind', () => {
    const before = core.exports.heapInUse();
    for (const each of cases) attempt(each);
    assert.equal(core.exports.heapInUse(), before);
  });

  it('leaves no image and no charge behind, whichever function was refused', () => {
    const memory = smallMemory();
    const good = jitInput(fromHex(MOV + EXIT));
    for (const each of cases) {
      const { jit, version } = profile(`linux-${each.kernel ?? '6.12'}`);
      const Images = version === '5.5' ? PageImages : PackImages;
      const images = new Images(memory);
      const bad = jitInput(fromHex(each.insns), each.input);
      for (const functions of [[bad], [good, bad], [bad, good]]) {
        assert.throws(
          () => compile(core, { ...jit, ...each.knobs }, functions, images),
          JitError,
          each.title,
        );
        assertEmpty(images, memory, each.title);
      }
    }
  });

  for (const [Images, room] of [
    [PackImages, 64],
    [PageImages, 4096],
  ] as const)
    it(`is refused at the limit of ${Images.name}; the functions before it are given back`, () => {
      const memory = smallMemory();
      const { jit } = profile('linux-6.12');
      const input = jitInput(fromHex(MOV + EXIT), { name: 'main' });
      const images = new Images(memory, { charge: new ImageCharge(room, false) });
      const both = [input, { ...input, name: 'second' }];
      const refused = { code: 'JIT_NO_IMAGE', message: 'function second: no room for its image' };
      assert.throws(() => compile(core, jit, both, images), refused);
      // From the second time on the page table has all its nodes.
      const before = core.exports.heapInUse();
      assert.throws(() => compile(core, jit, both, images), refused);
      assert.equal(core.exports.heapInUse(), before);
      assertEmpty(images, memory, Images.name);
      assert.equal(compile(core, jit, [input], images).length, 1);
    });

  it('gives back the images of all its functions', () => {
    const first = jitInput(fromHex(MOV + EXIT));
    const notPopulated = cases.find(({ code }) => code === 'JIT_EXTABLE_NOT_POPULATED');
    assert.deepEqual(attempt(notPopulated!, [first]).released, [0xffffffffc0001000n, 0xffffffffc0002000n]);
    const badOpcode = cases.find(({ code }) => code === 'JIT_UNKNOWN_OPCODE');
    assert.deepEqual(attempt(badOpcode!, [first]).released, [0xffffffffc0001000n]);
  });

  it('of several errors the first in program order is reported', () => {
    const tooFar = '8500000000100000';
    attempt({
      title: '',
      insns: tooFar + PROBE + EXIT,
      input: { numExentries: 0 },
      knobs: { callBase: 0x1000_0000_0000n },
      code: 'JIT_CALL_RANGE',
      message: /out of range/,
      insn: 0,
    });
    attempt({
      title: '',
      insns: PROBE + '0500010000000000' + MOV + EXIT,
      input: { numExentries: 0 },
      code: 'JIT_EX_GEN_BUG',
      message: 'ex gen bug',
      insn: 0,
    });
  });
});
