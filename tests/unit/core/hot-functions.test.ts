import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const wat = readFileSync(new URL('../../../build/core.wat', import.meta.url), 'utf8');

/** Text of one function of the release build. */
function body(name: string): string {
  const start = wat.indexOf(`\n (func $${name} `);
  assert.ok(start >= 0, `build/core.wat has no function ${name}`);
  return wat.slice(start, wat.indexOf('\n )', start));
}

const calls = (text: string): string[] => [
  ...new Set([...text.matchAll(/\bcall \$(\S+)/g)].map((match) => match[1])),
];

describe('hot functions of the release build', () => {
  it('an address finds its exception entry without a call', () => {
    assert.deepEqual(calls(body('assembly/fault/fixupException')), []);
    assert.deepEqual(calls(body('assembly/kallsyms/kallsymsFind')), []);
  });

  it('the interpreter dispatches by one table and calls only where a fast path missed', () => {
    const text = body('assembly/interp/execute/execute');
    const tables = [...text.matchAll(/br_table ([^\n]*)/g)];
    assert.equal(tables.length, 1);
    assert.ok(tables[0][1].split(' ').length > 250);
    const cold = [
      'interp/access/arenaStoreMiss',
      'interp/access/guardRefused',
      'interp/access/guardRefuses61',
      'interp/access/probeMiss',
      'interp/atomic/atomic32',
      'interp/atomic/atomic64',
      'interp/atomic/atomicMiss',
      'interp/state/popFrame',
      'interp/state/pushFrame',
      'interp/tail-call/tailCall',
      'mm/tlb/readAddress',
      'mm/tlb/readMiss',
      'mm/tlb/translate',
      'mm/tlb/writeMiss',
    ].map((name) => `assembly/${name}`);
    assert.deepEqual(
      calls(text).filter((name) => !cold.includes(name)),
      [],
    );
  });
});
