import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, it } from 'node:test';

interface Written {
  readonly path: string;
  readonly text: string;
}

const writer = new URL('../../../scripts/cpu-loop/write.js', import.meta.url);

describe('the written CPU loop', async () => {
  const { generated } = (await import(writer.href)) as { generated(): Promise<Written[]> };
  for (const { path, text } of await generated())
    it(`${basename(path)} is what scripts/cpu-loop/write.js writes`, () =>
      assert.equal(readFileSync(path, 'utf8'), text));
});
