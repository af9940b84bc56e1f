import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContextTable } from '../../../host/verifier/context.js';
import { contextTable } from '../../../host/verifier/ctx/table.js';
import { mayAccess, parse, type Structure, structures } from '../../support/context-facts.js';
import { loadCase } from '../../support/verifier-cases.js';

const SIZES = [1, 2, 4, 8];

function tableOf({ type, attachType, attach }: Structure): ContextTable {
  const { spec, kernel } = loadCase(
    {
      ...{ rule: '', type, text: 'exit' },
      ...(attachType === undefined ? {} : { attachType }),
      ...(attach === undefined ? {} : { attach }),
    },
    '6.12',
  );
  return contextTable(spec, kernel);
}

/** Accesses that are allowed and should not be, or the other way round. */
function differences(structure: Structure): string[] {
  const table = tableOf(structure);
  const fields = parse(structure.fields);
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
    it(`${structure.type} ${structure.name ?? ''}`, () => {
      assert.deepEqual(differences(structure), []);
    });
  }
});
