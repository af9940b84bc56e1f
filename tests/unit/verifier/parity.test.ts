import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parityText } from '../../support/parity.js';

test('docs/parity.md is what scripts/parity.ts writes now', async () => {
  const committed = readFileSync(new URL('../../../docs/parity.md', import.meta.url), 'utf8');
  assert.ok(committed === (await parityText()), 'docs/parity.md is stale: run npx tsx scripts/parity.ts');
});
