import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { REGISTERS, type RegisterName, type Registers, TestCpu, WORD } from '../support/cpu.js';
import { Random } from '../support/random.js';
import { type Sequence, SequenceSource, USED } from '../support/x86-sequences.js';

const COUNT = 10_000;
const WORDS = 17;
const ARITHMETIC = 0x8d5n;
const source = fileURLToPath(new URL('../support/native/run.c', import.meta.url));

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'faultline-native-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Why the real CPU cannot be asked; null when it can. */
function obstacle(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'not x86-64 Linux';
  return spawnSync('cc', ['--version']).status === 0 ? null : 'no C compiler';
}

function record({ code, registers }: Sequence): Buffer {
  const bytes = Buffer.alloc(4 + code.length + 8 * registers.length);
  bytes.writeUInt32LE(code.length);
  bytes.set(code, 4);
  registers.forEach((value, index) => bytes.writeBigUInt64LE(value, 4 + code.length + 8 * index));
  return bytes;
}

/** Registers and flags after each sequence, as the CPU of this computer leaves them; null where it cannot run them. */
function runNatively(sequences: readonly Sequence[]): Buffer | null {
  return inFolder((folder) => {
    const program = join(folder, 'run');
    const built = spawnSync('cc', ['-O1', '-o', program, source], { encoding: 'utf8' });
    assert.equal(built.status, 0, built.stderr);
    const input = Buffer.concat(sequences.map(record));
    const run = spawnSync(program, { input, maxBuffer: 1 << 28 });
    return run.signal === 'SIGILL' ? null : run.stdout;
  });
}

describe('the CPU against the real one', () => {
  it(`${COUNT} random sequences`, { skip: obstacle() ?? false }, async (context) => {
    const random = new SequenceSource(new Random(20191013));
    const sequences = Array.from({ length: COUNT }, () => random.next());
    const want = runNatively(sequences);
    if (want === null) return context.skip('the CPU lacks BMI2');
    assert.equal(want.length, COUNT * WORDS * 8);
    const cpu = await TestCpu.create();
    for (const [index, { code, registers, definesFlags }] of sequences.entries()) {
      const hex = Buffer.from(code).toString('hex');
      const before: Registers = Object.fromEntries(
        USED.map((number) => [REGISTERS[number], registers[number]]),
      );
      const after = cpu.registersAfter(hex, before);
      const at = (word: number): bigint => want.readBigUInt64LE((index * WORDS + word) * 8);
      for (const number of USED) {
        const name = REGISTERS[number] as RegisterName;
        assert.equal(after[WORD[name]], at(number), `${hex}: ${name}`);
      }
      if (definesFlags)
        assert.equal(after[WORD.flags] & ARITHMETIC, at(WORDS - 1) & ARITHMETIC, `${hex}: flags`);
    }
  });
});
