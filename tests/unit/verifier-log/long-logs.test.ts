import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { LOG_LEVEL2, logText } from '../../../host/verifier/log.js';
import type { VerifyOptions } from '../../../host/verifier/options.js';
import { VerifierError } from '../../../host/verifier/verifier-error.js';
import { verify } from '../../../host/verifier/verify.js';
import * as hostile from '../../support/hostile-programs.js';
import { loadCore } from '../../support/jit.js';
import { MAP, loadCase } from '../../support/verifier-cases.js';

const TAIL = 100_000;
/** r1 = 0; if it is below 60,000: r1 += 1, again. Then `end`. */
const counting = (end: string): string => `r1 = 0\nl:\nr1 += 1\nif r1 < 60000 goto l\n${end}\nexit`;

const CASES: readonly { readonly name: string; readonly text: string | Uint8Array }[] = [
  { name: 'an accepted one', text: counting('r0 = 0') },
  { name: 'a refused one', text: counting('r0 = *(u64 *)(r1 +0)') },
  { name: 'one that is too large', text: hostile.callTree(7, 6) },
];

function log(core: Core, text: string | Uint8Array, more: Partial<VerifyOptions>): string {
  const given = typeof text === 'string' ? { text } : { bytes: text };
  const { spec, kernel } = loadCase(
    { rule: '', maps: [{ type: MAP.ARRAY, value: 8, max: 1 }], ...given },
    '6.12',
  );
  try {
    return logText(verify(spec, kernel, { core, logLevel: LOG_LEVEL2, ...more }).log, LOG_LEVEL2);
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return logText(error.log, LOG_LEVEL2);
  }
}

for (const { name, text } of CASES)
  it(`the end of the long log of ${name} is that of the whole log`, async () => {
    const core = await loadCore();
    const whole = log(core, text, { logSize: 2 ** 28 });
    const end = log(core, text, {});
    assert.ok(whole.length > 4 << 20, `${whole.length} characters`);
    assert.ok(end.length >= TAIL && end.length < whole.length, `${end.length} characters`);
    assert.equal(end.slice(-TAIL), whole.slice(-TAIL));
  });
