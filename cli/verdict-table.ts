import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { FaultlineError, UsageError } from '../host/errors.js';
import { profile } from '../host/profiles/profiles.js';
import { bootKernel } from '../host/runtime/boot.js';
import { kernelBtf } from './kernel-btf.js';
import { type Verdict, verdictOf } from '../host/report/verdict.js';

/** Verdicts of one kernel about the programs of an object. */
export interface KernelVerdicts {
  readonly kernel: string;
  /** The object cannot be loaded into this kernel at all; absent = it can. */
  readonly error?: { readonly code: string; readonly message: string };
  readonly programs: readonly Verdict[];
}

/** `FILE` is the BTF of every kernel, `6.12=FILE` that of one. */
export function btfOf(options: readonly string[], kernel: string): string | undefined {
  const own = options.find((option) => option.startsWith(`${kernel}=`));
  if (own !== undefined) return own.slice(kernel.length + 1);
  return options.find((option) => !/^\d+\.\d+=/.test(option));
}

export interface TableOptions {
  readonly kernels: readonly string[];
  readonly btf: readonly string[];
  readonly variant: string;
  /** These programs only; undefined = all. */
  readonly only: readonly string[] | undefined;
  readonly logLevel: number;
}

/** Verifies an object's programs on several kernels. */
export async function verdictsByKernel(path: string, options: TableOptions): Promise<KernelVerdicts[]> {
  const bytes = new Uint8Array(await readFile(path));
  const all: KernelVerdicts[] = [];
  for (const version of options.kernels) {
    const kernel = await bootKernel({
      btf: await kernelBtf(btfOf(options.btf, version)),
      profile: profile(`linux-${version}`, options.variant),
    });
    try {
      const object = kernel.loadObject(bytes, { fileName: basename(path) });
      const missing = options.only?.find((name) => !object.programNames.includes(name));
      if (missing !== undefined) {
        const known = object.programNames.join(', ');
        throw new UsageError(
          'USAGE_PROGRAM',
          `${path}: expected one of the programs ${known}, found '${missing}'`,
        );
      }
      const names = options.only ?? object.programNames;
      const programs = names.map((name) => verdictOf(kernel, object, name, options.logLevel));
      all.push({ kernel: version, programs });
    } catch (error) {
      if (!(error instanceof FaultlineError) || error instanceof UsageError) throw error;
      all.push({ kernel: version, error: { code: error.code, message: error.message }, programs: [] });
    }
  }
  return all;
}

const GAP = '  ';

/** The verdicts as a table, a line per program and a column per kernel, and why programs are refused below it. */
export function renderTable(all: readonly KernelVerdicts[]): string {
  const names = [...new Set(all.flatMap(({ programs }) => programs.map(({ program }) => program)))];
  const cell = ({ programs, error }: KernelVerdicts, name: string): string => {
    const verdict = programs.find(({ program }) => program === name);
    if (verdict === undefined) return error === undefined ? '-' : 'not loaded';
    return verdict.verdict === 'accept' ? 'accepted' : `rejected (errno ${verdict.errno})`;
  };
  const rows = [
    ['program', ...all.map(({ kernel }) => kernel)],
    ...names.map((name) => [name, ...all.map((one) => cell(one, name))]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const table = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]))
      .join(GAP)
      .trimEnd(),
  );
  const reasons = all.flatMap(({ kernel, programs, error }) => [
    ...(error === undefined ? [] : [`${kernel}: the object cannot be loaded: ${error.message}`]),
    ...programs
      .filter(({ verdict }) => verdict === 'reject')
      .map(({ program, message }) => `${kernel}, ${program}: ${message}`),
  ]);
  return `${[...table, ...(reasons.length > 0 ? ['', ...reasons] : [])].join('\n')}\n`;
}
