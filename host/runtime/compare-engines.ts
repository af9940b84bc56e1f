import type { Btf } from '../btf/btf.js';
import { RunError } from '../errors.js';
import type { BpfMap } from '../maps/bpf-map.js';
import type { VerifiedProgram } from '../verifier/verified-program.js';
import type { Engine, RunResult } from './run-result.js';
import { userEntries } from './user-view.js';

/** Runs the same on each engine, from the same state, and answers what the first gave. @throws RunError RUN_ENGINES_DIFFER. */
export function compareEngines(
  program: { readonly name: string; readonly maps: readonly BpfMap[]; readonly verified: VerifiedProgram },
  engines: readonly Engine[],
  start: { restore(): void },
  run: (engine: Engine) => RunResult,
): RunResult {
  let first: { result: RunResult; digest: string } | null = null;
  for (const engine of engines) {
    if (first) start.restore();
    const result = run(engine);
    const digest = digestOf(program.maps, program.verified.spec.btf, result);
    if (first && first.digest !== digest)
      throw new RunError(
        'RUN_ENGINES_DIFFER',
        `program ${program.name}: expected ${engine} to do as ${first.result.engine}: ${difference(first.digest, digest)}`,
      );
    first ??= { result, digest };
  }
  return first!.result;
}

/** What engines must agree about, as text. */
function digestOf(maps: readonly BpfMap[], btf: Btf | null, result: RunResult): string {
  const contents = maps.map((map) => [
    map.spec.name,
    [...userEntries(map, btf)].map(([key, value]) => `${hex(key)}=${hex(value)}`),
  ]);
  const faults = result.faults.map(({ kind, address, func, insn, register }) =>
    [kind, address.toString(16), func, insn, register].join(' '),
  );
  return [
    `r0 ${result.r0.toString(16)}`,
    `faults ${JSON.stringify(faults)}`,
    `oops ${result.oops ? `${result.oops.kind} ${result.oops.access} ${result.oops.insn}` : 'none'}`,
    `output ${result.output ? hex(result.output) : 'none'}`,
    `redirect ${result.redirect ? `${result.redirect.ifindex} ${result.redirect.flags}` : 'none'}`,
    `seq ${hex(result.seq)}`,
    `trace ${JSON.stringify(result.trace)}`,
    `maps ${JSON.stringify(contents)}`,
  ].join('\n');
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** The first line that differs. */
function difference(expected: string, found: string): string {
  const lines = expected.split('\n');
  const other = found.split('\n');
  const at = lines.findIndex((line, index) => line !== other[index]);
  const cut = (text: string | undefined): string => (text ?? '').slice(0, 300);
  return `expected ${cut(lines[at])}, found ${cut(other[at])}`;
}
