import { readFile } from 'node:fs/promises';
import type { Btf } from '../../host/btf/btf.js';
import type { Core } from '../../host/core/core.js';
import { UsageError } from '../../host/errors.js';
import '../../host/platform/node.js';
import { KernelSymbols } from '../../host/profiles/symbol-table.js';
import { profile } from '../../host/profiles/profiles.js';
import { bootKernel, loadCore } from '../../host/runtime/boot.js';
import type { Kernel } from '../../host/runtime/kernel.js';
import { RawMachine } from '../../host/runtime/raw-machine.js';
import { kernelBtf } from '../kernel-btf.js';
import { fromJit } from './from-jit.js';
import { fromProgram } from './from-program.js';
import { fromRaw } from './from-raw.js';
import { errorOutput } from './output.js';
import { parseRecord } from './record.js';
import type { ExecRecord } from './record.js';

/** Options of `faultline exec`, plain data so that worker threads can take them. */
export interface ExecOptions {
  readonly engine: 'x86' | 'wasm' | 'interp' | 'all' | 'none';
  readonly btf: string | undefined;
  readonly symbols: string | undefined;
  readonly from: 'program' | 'jit';
  readonly raw: boolean;
  readonly repeat: number;
  readonly maxSteps: bigint;
  readonly log: 'tail' | 'full' | 'none';
}

/** Turns input lines into output lines, one record at a time. */
export class Evaluator {
  readonly #kernels = new Map<string, Promise<Kernel>>();
  #raw: Promise<RawMachine> | undefined;

  private constructor(
    private readonly options: ExecOptions,
    private readonly core: Core,
    private readonly btf: Btf | undefined,
    private readonly symbols: Record<string, Record<string, string>> | null,
  ) {}

  static async create(options: ExecOptions): Promise<Evaluator> {
    const symbols = options.symbols === undefined ? null : await readSymbols(options.symbols);
    return new Evaluator(options, await loadCore(), await kernelBtf(options.btf), symbols);
  }

  async *answers(lines: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const line of lines) yield await this.answer(line);
  }

  /** The output line of an input line; whatever goes wrong is in its `error`. */
  async answer(line: string): Promise<string> {
    let id: unknown = '';
    try {
      const record = parseRecord(line, this.options.raw);
      id = record.id;
      return JSON.stringify({ id, ...(await this.#evaluate(record)) });
    } catch (error) {
      return JSON.stringify({ id: id || idOf(line), error: errorOutput(error) });
    }
  }

  async #evaluate(record: ExecRecord): Promise<Record<string, unknown>> {
    if (this.options.raw) return fromRaw(await (this.#raw ??= RawMachine.boot()), record, this.options);
    if (this.options.from === 'jit') return fromJit(this.core, record);
    return fromProgram(await this.#kernel(record), record, this.options);
  }

  /** One kernel per version and profile: records leave nothing behind in it. */
  #kernel(record: ExecRecord): Promise<Kernel> {
    const key = `${record.kernel} ${record.profile}`;
    let kernel = this.#kernels.get(key);
    if (!kernel) {
      const base = profile(`linux-${record.kernel}`, record.profile);
      const own = this.symbols?.[record.kernel];
      kernel = bootKernel({
        btf: this.btf,
        profile: own
          ? {
              ...base,
              symbols: new KernelSymbols(
                Object.entries(own).map(([address, name]) => [BigInt(address), name]),
              ),
            }
          : base,
      });
      this.#kernels.set(key, kernel);
    }
    return kernel;
  }
}

async function readSymbols(path: string): Promise<Record<string, Record<string, string>>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, Record<string, string>>;
  } catch (error) {
    throw new UsageError(
      'USAGE_SYMBOLS',
      `--symbols ${path}: ${(error as Error).message}`,
      {},
      { cause: error },
    );
  }
}

/** The id of a line that cannot be read as a record, as far as it can be told. */
function idOf(line: string): string {
  return /"id"\s*:\s*"([^"\\]*)"/.exec(line)?.[1] ?? '';
}
