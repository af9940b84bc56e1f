import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BtfKind } from '../../../host/btf/types.js';
import { helperSymbol } from '../../../host/verifier/call/program-helpers.js';
import { mapFunction, type MapOperation, MapType } from '../../../host/verifier/rewrite/map-type.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import { HELPERS, HOMES } from '../../support/helper-facts.js';
import { type KernelName, loadCase } from '../../support/verifier-cases.js';

/** Not functions of these kernels: no call, or of parts that Debian leaves out. */
const ABSENT = new Set([
  'bpf_tail_call',
  'bpf_override_return',
  'bpf_rc_repeat',
  'bpf_rc_keydown',
  'bpf_rc_pointer_rel',
]);
/** Programs get another function, by the kind of call. */
const STANDS_FOR_OTHERS = new Set(['bpf_probe_read', 'bpf_probe_read_str']);
/** Set by users only. */
const NOT_FOR_PROGRAMS = new Set(['reuseport_array_update_elem']);
const OPERATIONS: readonly MapOperation[] = [
  'lookup',
  'update',
  'delete',
  'push',
  'pop',
  'peek',
  'redirect',
  'each',
  'percpu',
];

function helperTargets(version: KernelName): Set<string> {
  const found = new Set<string>();
  for (const home of HOMES) {
    const { spec } = loadCase({ rule: '', text: 'exit', ...home }, version);
    for (const { name } of HELPERS) {
      const symbol = helperSymbol(spec, name, version === '6.1');
      if (symbol !== null && !ABSENT.has(symbol) && !STANDS_FOR_OTHERS.has(symbol)) found.add(symbol);
    }
  }
  return found;
}

function mapTargets(): Set<string> {
  const names = Object.values(MapType).flatMap((type) => OPERATIONS.map((one) => mapFunction(type, one)));
  return new Set(names.filter((name) => name !== undefined && !NOT_FOR_PROGRAMS.has(name)) as string[]);
}

describe('what calls go to is a function of the kernel', () => {
  for (const version of ['6.12', '6.1'] as const) {
    const btf = kernelBtf(version);
    const missing = (names: ReadonlySet<string>): string[] =>
      [...names].filter((name) => btf.find(name, BtfKind.FUNC) === 0);
    it(`${version}: helpers`, () => {
      const targets = helperTargets(version);
      assert.ok(targets.size > 200);
      assert.deepEqual(missing(targets), []);
    });
    it(`${version}: operations of maps`, () => assert.deepEqual(missing(mapTargets()), []));
  }
});
