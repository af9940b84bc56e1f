import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { Errno, VerifierError } from '../../../host/verifier/verifier-error.js';
import { verify } from '../../../host/verifier/verify.js';
import { loadCore } from '../../support/jit.js';
import { kernelOf, specOf } from '../../support/rewriting.js';

let core: Core;

before(async () => {
  core = await loadCore();
});

test('a branch that rewrites push out of reach', () => {
  // Over n divisions that have grown to four slots and 9000 - n of one, the branch has 9000 + 3n to go: with the
  // 7923rd, at slot 3 + 7922, that is more than 16 bits reach.
  const spec = specOf({
    before: `
      call bpf_get_prandom_u32
      r1 = r0
      if r0 == 0x0 goto out
      ${'r0 /= r1\n'.repeat(9000)}
      out: exit`,
  });
  assert.throws(
    () => verify(spec, kernelOf('6.12', []), { core }),
    (error: unknown) => {
      assert(error instanceof VerifierError);
      assert.equal(error.errno, Errno.ENOMEM);
      assert.equal(error.message, 'insn 7925 cannot be patched due to 16-bit range');
      assert.equal(error.log.at(-2)?.text, error.message);
      assert.match(error.log.at(-1)!.text, /^processed \d+ insns /);
      return true;
    },
  );
});
