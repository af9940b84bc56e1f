import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Core } from '../../host/core/core.js';
import { logText } from '../../host/verifier/log.js';
import { prepare } from '../../host/verifier/prepass/prepare.js';
import { simulate, statsText } from '../../host/verifier/simulate.js';
import { VerifierError } from '../../host/verifier/verifier-error.js';
import { goldenKernel } from '../support/golden-kernel.js';
import { programSpec } from '../support/golden-program.js';
import { type Golden, goldens } from '../support/goldens.js';
import { loadCore } from '../support/jit.js';

const LOG_TAIL = 4096;
const STATS = /^processed \d+ insns/;
/** Lines that follow the reason of a refusal. */
const AFTERWORD = /^(cur|old) state:/;
const CORPORA = ['probe', 'isa', 'large'];
const VARIANTS = ['base', 'nobmi2', 'mitig', 'mitigamd', 'negval', 'harden2'];

interface Answer {
  verdict: string;
  errno: number;
  verifiedInsns: number | undefined;
  log: string;
}

let core: Core;

before(async () => {
  core = await loadCore();
});

function verifyRecord(record: Golden): Answer {
  const kernel = goldenKernel(record);
  const logLevel = record.log_tail === undefined ? 0 : 2;
  try {
    const prepared = prepare(programSpec(record), kernel);
    const { log, stats, verifiedInsns } = simulate(prepared, kernel, { core, logLevel });
    return { verdict: 'accept', errno: 0, verifiedInsns, log: logText(log, logLevel) + statsText(stats) };
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    return {
      verdict: 'reject',
      errno: error.errno,
      verifiedInsns: undefined,
      log: logText(error.log, logLevel),
    };
  }
}

/** A log without addresses, which differ from boot to boot, and without names of our test maps. */
function plain(log: string): string[] {
  return log
    .replaceAll(/map=map\d+,/g, '')
    .replaceAll(/= 0xffff88[0-9a-f]{10}\b */g, '= ADDRESS ')
    .trimEnd()
    .split('\n');
}

function isPlainReason(line: string): boolean {
  return line !== '' && !STATS.test(line) && !AFTERWORD.test(line);
}

/** Lines of the recorded log that ours lacks or has otherwise, counted from the end. */
function differingLines(record: Golden, log: string): string[] {
  const truncated = (record.log_len ?? 0) > LOG_TAIL;
  const want = plain(record.log_tail ?? '');
  const got = plain(log);
  // The first line of a truncated log is cut, and what its start looks like depends on addresses' lengths.
  const compared = truncated ? want.slice(1) : want;
  const own = truncated ? got.slice(-compared.length) : got;
  return compared.filter((line, index) => line !== own[index]);
}

for (const kernel of ['6.12', '6.1'] as const) {
  for (const corpus of CORPORA) {
    describe(`${kernel} ${corpus}`, () => {
      for (const variant of VARIANTS) {
        const records = goldens(kernel, corpus, variant);
        if (records.length === 0) continue;
        it(`answers ${records.length} programs (${variant}) as the kernel did`, () => {
          const wrong: string[] = [];
          for (const record of records) {
            const { verdict, errno, verifiedInsns, log } = verifyRecord(record);
            if (verdict !== record.verdict || errno !== record.errno) {
              wrong.push(`${record.id}: ${verdict} ${errno}, kernel ${record.verdict} ${record.errno}`);
            } else if (verdict === 'accept' && record.verified_insns !== undefined) {
              if (verifiedInsns !== record.verified_insns) {
                wrong.push(`${record.id}: ${verifiedInsns} insns, kernel ${record.verified_insns}`);
              }
            } else if (record.log_tail !== undefined) {
              const want = plain(record.log_tail).filter(isPlainReason).at(-1);
              const got = plain(log).filter(isPlainReason).at(-1);
              if (want !== got) wrong.push(`${record.id}: ${got}, kernel ${want}`);
            }
          }
          assert.deepEqual(wrong, []);
        });
      }
    });
  }
}

describe('log at level 2', () => {
  for (const kernel of ['6.12', '6.1'] as const) {
    for (const corpus of ['probe', 'isa']) {
      it(`is the kernel's, line by line: ${kernel} ${corpus}`, () => {
        const apart: string[] = [];
        for (const record of goldens(kernel, corpus, 'base')) {
          if (record.log_tail === undefined) continue;
          const { log } = verifyRecord(record);
          const differing = differingLines(record, log);
          if (differing.length > 0) apart.push(`${record.id}: ${differing[0]}`);
        }
        assert.deepEqual(apart, []);
      });
    }
  }
});
