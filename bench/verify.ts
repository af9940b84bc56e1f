import '../host/platform/node.js';
import { Btf } from '../host/btf/btf.js';
import { Core } from '../host/core/core.js';
import { bootKernel } from '../host/runtime/boot.js';
import type { Kernel } from '../host/runtime/kernel.js';
import { testRunContext } from '../host/runtime/test-run.js';
import type { KernelView } from '../host/verifier/kernel-view.js';
import { prepare } from '../host/verifier/prepass/prepare.js';
import { simulate } from '../host/verifier/simulate.js';
import { verify } from '../host/verifier/verify.js';
import type { ProgramSpec } from '../host/program/program-spec.js';
import { goldenKernel } from '../tests/support/golden-kernel.js';
import { fromHex, loadGolden, programSpec } from '../tests/support/golden-program.js';
import { type Golden, goldens, vmlinuxBtf } from '../tests/support/goldens.js';
import { readFileSync } from 'node:fs';
import type { Suite } from './main.js';
import { type BenchRow, compare, type Work } from './ratio.js';
import { limitRows } from './verify-limits.js';

const SMALL = 200;
const SLOT_HEX = 16;
/** Bytes of packet for programs that were not run when recorded. */
const PACKET = 64;

interface Subject {
  readonly spec: ProgramSpec;
  readonly kernel: KernelView;
}

const subject = (record: Golden): Subject => ({ spec: programSpec(record), kernel: goldenKernel(record) });
const accepted = (version: string, corpus: string): Golden[] =>
  goldens(version, corpus, 'base').filter(({ verdict }) => verdict === 'accept');

/** Instructions that the verifier processes for these programs, branches taken both ways. */
function processed(subjects: readonly Subject[], core: Core): number {
  return subjects.reduce(
    (sum, { spec, kernel }) => sum + simulate(prepare(spec, kernel), kernel, { core }).verifiedInsns,
    0,
  );
}

/** The same programs run by the interpreter, a step being one instruction. */
function interpretation(kernel: Kernel, records: readonly Golden[]): Work {
  const runs = records.map((record) => {
    const { program } = loadGolden(kernel, record);
    const { kind, data_in_hex } = record.test_run ?? { kind: 'data', data_in_hex: '00'.repeat(PACKET) };
    const about = { type: record.prog_type, attach: program.verified.spec.attach };
    const context = testRunContext(kernel, about, { kind, data: fromHex(data_in_hex ?? ''), bogus: 0n });
    return () => program.run(context, { engine: 'interp' });
  });
  const count = runs.reduce((sum, run) => sum + Number(run().steps), 0);
  return { name: 'interpreter', count, run: () => runs.map((run) => run()) };
}

/** Milliseconds that each program takes, its best of some: the median of them. */
function medianOf(subjects: readonly Subject[], core: Core, times: number): number {
  const best = subjects.map(({ spec, kernel }) => {
    let least = Infinity;
    for (let i = 0; i < times; i++) {
      const start = performance.now();
      verify(spec, kernel, { core });
      least = Math.min(least, performance.now() - start);
    }
    return least;
  });
  return best.sort((a, b) => a - b)[best.length >> 1];
}

export const rows: Suite['rows'] = async function* ({ quick, progress }) {
  const wasm = readFileSync(new URL('../host/core/core.wasm', import.meta.url));
  const core = await Core.load(wasm);
  const kernel = await bootKernel({ profile: 'linux-6.12', btf: Btf.parse(vmlinuxBtf('6.12')) });
  const rounds = quick ? 3 : 9;
  const minMs = quick ? 50 : 500;
  const options = (name: string) => ({
    rounds,
    minMs,
    onRound: (done: number) => progress(`verify ${name}: round ${done} of ${rounds}`),
  });

  const large = accepted('6.12', 'large');
  const largeSubjects = large.map(subject);
  const simulateAll: Work = {
    name: 'large',
    count: processed(largeSubjects, core),
    run: () => {
      for (const { spec, kernel: view } of largeSubjects) simulate(prepare(spec, view), view, { core });
    },
  };
  yield compare('verify', simulateAll, interpretation(kernel, large), 'M insn/s', options('large'));

  const small = accepted('6.12', 'probe').filter(({ insns_hex }) => insns_hex.length / SLOT_HEX < SMALL);
  const runnable = small.filter(({ test_run }) => test_run && !test_run.errno && !test_run.volatile);
  const smallSubjects = small.map(subject);
  const verifyAll: Work = {
    name: 'small-median',
    count: processed(smallSubjects, core),
    run: () => {
      for (const { spec, kernel: view } of smallSubjects) verify(spec, view, { core });
    },
  };
  const row = compare('verify', verifyAll, interpretation(kernel, runnable), 'ms', options('small-median'));
  yield { ...row, value: medianOf(smallSubjects, core, quick ? 3 : 9) } satisfies BenchRow;
  yield* limitRows(wasm, quick ? 1 : 3);
};
