import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContextTable } from '../../../host/verifier/context.js';
import { contextTable } from '../../../host/verifier/ctx/table.js';
import { mayAccess, parse, type Structure, structures } from '../../support/context-facts.js';
import { type KernelName, loadCase } from '../../support/verifier-cases.js';

const SIZES = [1, 2, 4, 8];

function tableOf({ type, attachType, attach }: Structure, version: KernelName): ContextTable {
  const { spec, kernel } = loadCase(
    {
      ...{ rule: '', type, text: 'exit' },
      ...(attachType === undefined ? {} : { attachType }),
      ...(attach === undefined ? {} : { attach }),
    },
    version,
  );
  return contextTable(spec, kernel);
}

/** Accesses that are allowed and should not be, or the other way round. */
function differences(structure: Structure, version: KernelName, text: string): string[] {
  const table = tableOf(structure, version);
  const fields = parse(text);
  const found: string[] = [];
  for (let offset = -8; offset <= structure.size + 8; offset++) {
    for (const size of SIZES) {
      for (const isWrite of [false, true]) {
        const want = mayAccess(structure, fields, offset, size, isWrite);
        const isAllowed = table({ insn: 0, offset, size, isWrite }, () => undefined) !== null;
        if (isAllowed !== want)
          found.push(`${isWrite ? 'store' : 'load'} ${offset}:${size}, expected ${want}`);
      }
    }
  }
  return found;
}

describe('every access to a context', () => {
  for (const structure of structures.filter((one) => one.size < 1000)) {
    const { type, name = '', fields, fields61 = fields } = structure;
    it(`6.12 ${type} ${name}`, () => assert.deepEqual(differences(structure, '6.12', fields), []));
    if (fields61 === null) continue;
    it(`6.1 ${type} ${name}`, () => assert.deepEqual(differences(structure, '6.1', fields61), []));
  }
});
