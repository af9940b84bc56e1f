import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { compile } from '../../../host/jit/compile.js';
import type { JitImage, JitInput } from '../../../host/jit/jit-image.js';
import type { JitKnobs } from '../../../host/profiles/profile.js';
import { profile } from '../../../host/profiles/profiles.js';
import { FakeImages, fromHex, jitInput, loadCore, toHex } from '../../support/jit.js';

// One instruction (or a short sequence) and the x86 code between prologue and epilogue: tests/fixtures/jit/lowering.tsv.

const EXIT = '9500000000000000';
const IMAGE = 0xffffffffc0100040n;

let core: Core;

before(async () => {
  core = await loadCore();
});

/** The machine the vectors were made for: no IBT, no mitigations, int3 behind indirect jumps. */
function knobs(kernel: string, options: ReadonlySet<string>): JitKnobs {
  return {
    ...profile(`linux-${kernel}`).jit,
    bmi2: !options.has('nobmi2'),
    ibt: false,
    sls: false,
    retpolineConfig: true,
    indirect: options.has('retpoline') ? 'retpoline' : 'plain',
    offArrayPtrs: 0x108,
    thisCpuOff: 0x1234560,
    callBase: 0xffffffff81200000n,
  };
}

function compileOne(kernel: string, optionList: string, bpf: string, more: Partial<JitInput> = {}): JitImage {
  const options = new Set(optionList.split(','));
  const stack = optionList.match(/stack=(\d+)/);
  const input = jitInput(fromHex(bpf), {
    stackDepth: stack ? Number(stack[1]) : 0,
    tailCallReachable: options.has('tailcall'),
    arenaKernel: options.has('arena') ? 0xffffc90000000000n : 0n,
    arenaUser: options.has('arena') ? 0x7f1200000000n : 0n,
    ...more,
  });
  return compile(core, knobs(kernel, options), [input], new FakeImages([IMAGE]))[0];
}

/** Code of all slots but the last, the exit. */
function body(image: JitImage): string {
  return toHex(image.code.subarray(image.offsets[0], image.offsets[image.offsets.length - 2]));
}

const vectors = readFileSync(new URL('../../fixtures/jit/lowering.tsv', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split('\t').map((cell) => (cell === '-' ? '' : cell)));

describe('each instruction becomes the bytes of its kernel', () => {
  for (const [kernel, options, title, bpf, x86, extable] of vectors) {
    it(`${kernel}: ${title} ${options}`, () => {
      const image = compileOne(kernel, options, bpf + EXIT);
      assert.equal(body(image), x86);
      if (extable !== '') assert.equal(toHex(image.extable), extable);
    });
  }
});

/** R6 and R7 used, in two instructions that are none in x86. */
const USES_R6_R7 = 'bf66000000000000bf77000000000000';

const frames: readonly (readonly [string, string, string, Partial<JitInput>, string, string])[] = [
  ['6.12', 'main', '', {}, '0f1f4400000f1f00554889e5534155', '415d5bc9c3'],
  ['6.1', 'main', '', {}, '0f1f4400006690554889e5534155', '415d5bc9c3'],
  [
    '6.12',
    'main with tail calls',
    'tailcall,stack=16',
    {},
    '0f1f4400004831c0554889e54881ec100000004883f8217706504889e0eb015050534155',
    '415d5bc9c3',
  ],
  [
    '6.1',
    'main with tail calls',
    'tailcall,stack=16',
    {},
    '0f1f44000031c0554889e54881ec1000000050534155',
    '415d5bc9c3',
  ],
  [
    '6.12',
    'subprogram with tail calls',
    'tailcall,stack=16',
    { isSubprogram: true },
    '0f1f4400000f1f00554889e54881ec100000005050534155',
    '415d5bc9c3',
  ],
  [
    '6.1',
    'subprogram with tail calls',
    'tailcall,stack=16',
    { isSubprogram: true },
    '0f1f4400006690554889e54881ec1000000050534155',
    '415d5bc9c3',
  ],
  [
    '6.12',
    'exception boundary',
    '',
    { exceptionBoundary: true },
    '0f1f4400000f1f00554889e54154534155415641 57'.replace(' ', ''),
    '415f415e415d5b415cc9c3',
  ],
  [
    '6.12',
    'exception callback',
    '',
    { isSubprogram: true, isExceptionCallback: true },
    '0f1f4400000f1f004889f44889d5415f415e415d5b415c4889ec534155',
    '415d5bc9c3',
  ],
  [
    '6.12',
    'with an arena',
    'arena',
    {},
    '0f1f4400000f1f00554889e541545341554 9bc00000000 00c9ffff'.replaceAll(' ', ''),
    '415d5b415cc9c3',
  ],
  ['6.12', 'from classic BPF', '', { isClassic: true }, '0f1f440000554889e5534155', '415d5bc9c3'],
  [
    '5.5',
    'main, stack 8',
    'stack=8',
    {},
    '554889e54881ec080000005341554156415 76a00'.replace(' ', ''),
    '5b415f415e415d5bc9c3',
  ],
  [
    '5.5',
    'from classic BPF',
    'stack=8',
    { isClassic: true },
    '554889e54881ec0800000053415541564157',
    '415f415e415d5bc9c3',
  ],
];

describe('each kind of function gets its prologue and epilogue', () => {
  for (const [kernel, title, options, more, prologue, epilogue] of frames) {
    it(`${kernel}: ${title}`, () => {
      const image = compileOne(kernel, options, USES_R6_R7 + EXIT, more);
      assert.equal(toHex(image.code.subarray(0, image.offsets[0])), prologue);
      assert.equal(toHex(image.code.subarray(image.offsets[2])), epilogue);
    });
  }
});

const returns: readonly (readonly [string, Partial<JitKnobs>, string])[] = [
  ['plain', {}, 'c9c3'],
  ['with int3 against straight-line speculation', { sls: true }, 'c9c3cc'],
  // The jump ends at 0xffffffffc0100052: prologue 12 bytes, leave 1, jmp 5.
  ['through a return thunk', { returnThunk: 0xffffffff81100000n, sls: true }, 'c9e9aeffffc0'],
];

describe('returns', () => {
  for (const [title, more, epilogue] of returns) {
    it(title, () => {
      const [image] = compile(
        core,
        { ...knobs('6.12', new Set()), ...more },
        [jitInput(fromHex(EXIT))],
        new FakeImages([IMAGE]),
      );
      assert.equal(toHex(image.code.subarray(image.offsets[0])), epilogue);
    });
  }
});
