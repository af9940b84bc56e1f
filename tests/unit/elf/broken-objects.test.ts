import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Btf } from '../../../host/btf/btf.js';
import { FaultlineError } from '../../../host/errors.js';
import { readObjectSpec } from '../../../host/program/object-spec.js';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url)));

/** Small objects, so that every length and thousands of damages take seconds: types stand in for the kernel's. */
const OBJECTS = ['objects/6.12/arena.bpf.o', 'objects/6.12/fault.bpf.o', 'programs/features.bpf.o'];
const SEED = 0x5eed1e55;
const FLIPS = 1500;
/** What the objects ask of the kernel beside types. */
const OPTIONS = {
  kconfig: { LINUX_KERNEL_VERSION: '0x060c75', CONFIG_BPF_SYSCALL: 'y' },
  symbols: (): bigint => 0xffffffff81000000n,
};
const BUDGET_MS = 2000;

/** xorshift32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Whether it was read; anything but a typed error fails the test. */
function reads(bytes: Uint8Array, kernel: Btf, what: string): boolean {
  const start = performance.now();
  try {
    readObjectSpec(bytes, kernel, OPTIONS);
    return true;
  } catch (error) {
    assert.ok(error instanceof FaultlineError, `${what}: ${String((error as Error).stack)}`);
    assert.match(error.message, /expected .*found/s, what);
    return false;
  } finally {
    assert.ok(performance.now() - start < BUDGET_MS, `${what} took ${performance.now() - start} ms`);
  }
}

/** The object's own types: every CO-RE relocation and extern that can be resolved is. */
function ownTypes(bytes: Uint8Array): Btf {
  const header = Buffer.from(bytes).indexOf(Buffer.from([0x9f, 0xeb, 1, 0]));
  return Btf.parse(bytes.subarray(header));
}

for (const name of OBJECTS) {
  const bytes = fixture(name);
  const kernel = ownTypes(bytes);

  test(`${name} reads whole`, () => {
    assert.equal(reads(bytes, kernel, name), true);
  });

  test(`${name} cut at every length ends in a typed error`, () => {
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length);
      assert.equal(reads(cut, kernel, `length ${length}`), false, `length ${length} must not read`);
    }
  });

  test(`${name} with damaged bytes reads or ends in a typed error`, () => {
    const next = random(SEED);
    let refused = 0;
    for (let round = 0; round < FLIPS; round++) {
      const damaged = bytes.slice();
      const places: string[] = [];
      for (let i = (next() % 4) + 1; i > 0; i--) {
        const at = next() % bytes.length;
        damaged[at] = next() % 3 === 0 ? 0xff : next();
        places.push(`${at}=${damaged[at]}`);
      }
      if (!reads(damaged, kernel, `round ${round} of seed ${SEED}: ${places.join(' ')}`)) refused++;
    }
    assert.ok(refused > FLIPS / 100, `only ${refused} of ${FLIPS} were refused`);
  });
}
