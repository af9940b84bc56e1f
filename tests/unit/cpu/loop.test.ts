import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

/** Calls the loop may make, none of them on the path of a plain instruction. */
const OFF_THE_PATH = new Set([
  'assembly/fault-log/faultLogPush',
  'assembly/mm/tlb/translate',
  'assembly/x86/block/codeLookup',
  'assembly/x86/block/unfetchableOp',
  'assembly/x86/code-cache/reserveOps',
  'assembly/x86/cold/cold',
  'assembly/x86/flags/condition',
  'assembly/x86/flags/readFlags',
  'assembly/x86/muldiv/divide',
  'assembly/x86/trap/badFetch',
  'assembly/x86/trap/refuse',
  'assembly/x86/trap/repair',
]);

function loopText(): string {
  const wat = readFileSync(new URL('../../../build/core.wat', import.meta.url), 'utf8');
  const start = wat.indexOf('(func $assembly/x86/execute/execute ');
  assert.notEqual(start, -1, 'the loop is a function of its own');
  const end = wat.indexOf('\n (func ', start);
  return wat.slice(start, end);
}

/** The handler of a plain instruction: from its label's end to the branch back to the loop. */
function handlers(text: string): string[] {
  return text.slice(text.indexOf('br_table')).split(/\n\s+end\n/);
}

describe('the compiled CPU loop', () => {
  it('dispatches by one br_table', () => {
    assert.equal(loopText().match(/br_table/g)?.length, 1);
  });

  it('calls only what is off the path of a plain instruction', () => {
    const calls = [...loopText().matchAll(/call \$(\S+)/g)].map((match) => match[1]);
    assert.deepEqual(
      calls.filter((name) => !OFF_THE_PATH.has(name)),
      [],
    );
    assert.ok(calls.length > 0);
  });

  it('has handlers of a load, an operation and a store for moving between registers', () => {
    const plain = handlers(loopText()).filter(
      (handler) =>
        !handler.includes('call') && /i64\.load offset/.test(handler) && /i64\.store offset/.test(handler),
    );
    assert.ok(plain.length >= 20, `${plain.length} handlers without a call`);
  });
});
