import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { assemble } from '../../../host/asm/assembler.js';
import { Btf } from '../../../host/btf/btf.js';
import type { Core } from '../../../host/core/core.js';
import { MAP_FD_BASE, type LineInfo, type ProgramSpec } from '../../../host/program/program-spec.js';
import { profile } from '../../../host/profiles/profiles.js';
import { explain, type Explanation, renderExplanation } from '../../../host/verifier/explain.js';
import type { KernelView } from '../../../host/verifier/kernel-view.js';
import { VerifierError } from '../../../host/verifier/verifier-error.js';
import { verify } from '../../../host/verifier/verify.js';
import { CTypes } from '../../support/c-types.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import { loadCore } from '../../support/jit.js';

const SCHED_CLS = 3;
const MAP = { name: 'values', type: 1, keySize: 4, valueSize: 16, maxEntries: 1, flags: 0, extra: 0n };

interface Case {
  readonly name: string;
  readonly text: string;
  readonly what: RegExp;
  readonly at: number;
  /** Instructions that made the value, oldest first. */
  readonly from: readonly number[];
  readonly mend: RegExp;
}

const LOOKUP = `
  *(u32 *)(r10 -4) = 0
  r2 = r10
  r2 += -4
  r1 = map_fd ${MAP_FD_BASE}
  call 1
`;

const CASES: readonly Case[] = [
  {
    name: 'a number used as a pointer, through the stack',
    text: `
      r6 = *(u32 *)(r1 +0)
      r2 = 7
      r6 += r2
      *(u64 *)(r10 -8) = r6
      r3 = 1
      r4 = *(u64 *)(r10 -8)
      r0 = *(u64 *)(r4 +0)
      exit`,
    what: /^r4 is a plain number/,
    at: 6,
    from: [0, 1, 2, 3, 5],
    mend: /bpf_probe_read_kernel/,
  },
  {
    name: 'a lookup result that was not compared with NULL',
    text: `${LOOKUP}
      r6 = r0
      r0 = *(u64 *)(r6 +0)
      exit`,
    what: /^r6 may be NULL/,
    at: 7,
    from: [5, 6],
    mend: /NULL/,
  },
  {
    name: 'the path through a branch, not the other one',
    text: `
      r6 = *(u32 *)(r1 +0)
      if r6 == 1 goto other
      r7 = r10
      r7 += -8
      goto out
    other:
      r7 = r6
    out:
      *(u64 *)(r10 -8) = 0
      r0 = *(u64 *)(r7 +0)
      exit`,
    what: /^r7 is a plain number/,
    at: 7,
    from: [0, 5],
    mend: /bpf_probe_read_kernel/,
  },
  {
    name: 'an argument of a function',
    text: `
      r6 = 3
      r1 = r6
      call down
      exit
    down:
      r0 = *(u64 *)(r1 +0)
      exit`,
    what: /^r1 is a plain number/,
    at: 4,
    from: [0, 1, 2],
    mend: /bpf_probe_read_kernel/,
  },
  {
    name: 'a register that a call made unusable',
    text: `
      r1 = 3
      call 7
      r0 = r1
      exit`,
    what: /^r1 is read and has no value/,
    at: 2,
    from: [],
    mend: /r6 to r9/,
  },
  {
    name: 'an offset without a limit',
    text: `${LOOKUP}
      if r0 == 0 goto out
      r7 = *(u64 *)(r0 +0)
      r0 += r7
      r0 = *(u8 *)(r0 +0)
    out:
      exit`,
    what: /^a map_value pointer and a register with unbounded min value/,
    at: 8,
    from: [7],
    mend: /compare the value/,
  },
];

const LINES: readonly LineInfo[] = [
  { insn: 0, file: 'test.c', line: 10, column: 1, source: '  int first;' },
  { insn: 6, file: 'test.c', line: 12, column: 1, source: '  return *p;' },
];

const TYPES = new CTypes('int main(struct __sk_buff *ctx);');

let core: Core;
let kernel: KernelView;

before(async () => {
  core = await loadCore();
  const chosen = profile('linux-6.12');
  kernel = {
    profile: chosen,
    btf: kernelBtf('6.12'),
    maps: [{ id: 1, spec: MAP, address: 0xffff_8880_0400_0000n, valueAddress: 0n }],
    symbolAddress: (name) => chosen.symbols.address(name) ?? 0n,
  };
});

function specOf(text: string, lineInfo: readonly LineInfo[] = []): ProgramSpec {
  return {
    name: 'test',
    section: 'tc',
    type: SCHED_CLS,
    expectedAttachType: 0,
    flags: 0,
    attach: null,
    license: 'GPL',
    insns: assemble(text),
    maps: [MAP],
    btf: lineInfo.length === 0 ? null : Btf.parse(TYPES.bytes()),
    funcInfo: TYPES.functions.map(({ id }) => ({ insn: 0, type: id })).slice(0, lineInfo.length),
    lineInfo,
  };
}

function refusal(spec: ProgramSpec): Explanation {
  try {
    verify(spec, kernel, { core, logLevel: 2 });
  } catch (error) {
    if (error instanceof VerifierError) return explain(spec, error);
    throw error;
  }
  assert.fail('accepted');
}

describe('explain', () => {
  for (const { name, text, what, at, from, mend } of CASES) {
    it(name, () => {
      const found = refusal(specOf(text));
      assert.match(found.what, what);
      assert.equal(found.at?.insn, at);
      assert.deepEqual(
        found.from.map(({ insn }) => insn),
        from,
      );
      assert.match(found.mend ?? '', mend);
    });
  }

  it('names C lines and what the verifier knew', () => {
    const text = renderExplanation(refusal(specOf(CASES[0].text, LINES)));
    assert.match(text, /^ {2}at: {3}6: .*test\.c:12: return \*p;$/m);
    assert.match(text, /^ {2}from: 0: .*test\.c:10: int first; {3}; R6=scalar/m);
    assert.match(text, /^ {8}1: .*; R2=7$/m);
  });
});
