import { Core } from '../../host/core/core.js';
import { platform } from '../../host/platform/platform.js';
import '../../host/platform/node.js';
import { fromJit } from './from-jit.js';
import { errorOutput } from './output.js';
import { parseRecord } from './record.js';
import type { ExecRecord } from './record.js';

/** Options of `faultline exec`, plain data so that worker threads can take them. */
export interface ExecOptions {
  readonly engine: 'x86' | 'interp' | 'all' | 'none';
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
  private constructor(
    private readonly options: ExecOptions,
    private readonly core: Core,
  ) {}

  static async create(options: ExecOptions): Promise<Evaluator> {
    return new Evaluator(options, await Core.load(await platform().coreWasm()));
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
      return JSON.stringify({ id, ...(await this.evaluate(record)) });
    } catch (error) {
      return JSON.stringify({ id: id || idOf(line), error: errorOutput(error) });
    }
  }

  private async evaluate(record: ExecRecord): Promise<Record<string, unknown>> {
    return fromJit(this.core, record);
  }
}

/** The id of a line that cannot be read as a record, as far as it can be told. */
function idOf(line: string): string {
  return /"id"\s*:\s*"([^"\\]*)"/.exec(line)?.[1] ?? '';
}
