import { Worker } from 'node:worker_threads';
import { FaultlineError } from '../../host/errors.js';
import type { ExecOptions } from './evaluate.js';

/** Lines that may be under way in each worker; bounds memory, keeps workers busy. */
const AHEAD = 16;

interface Job {
  readonly line: string;
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

/** Answers in the order of the lines, worked out by `jobs` threads. */
export async function* answers(
  options: ExecOptions,
  jobs: number,
  lines: AsyncIterable<string>,
): AsyncGenerator<string> {
  const workers = Array.from({ length: jobs }, () => new PoolWorker(options));
  const pending: Promise<string>[] = [];
  try {
    let next = 0;
    for await (const line of lines) {
      const answer = workers[next++ % jobs].answer(line);
      // Awaited in order below; an earlier one may fail first.
      answer.catch(() => {});
      pending.push(answer);
      if (pending.length >= jobs * AHEAD) yield await (pending.shift() as Promise<string>);
    }
    for (const answer of pending) yield await answer;
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
}

class PoolWorker {
  readonly #worker: Worker;
  readonly #jobs: Job[] = [];

  constructor(options: ExecOptions) {
    this.#worker = new Worker(new URL('./pool-worker.js', import.meta.url), { workerData: options });
    this.#worker.on('message', (answer: string) => this.#jobs.shift()?.resolve(answer));
    this.#worker.on('error', (error: Error) => this.#fail(error));
    this.#worker.on('exit', (code) =>
      this.#fail(new FaultlineError('EXEC_WORKER', `exec: a worker ended with code ${code}`)),
    );
  }

  answer(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ line, resolve, reject });
      this.#worker.postMessage(line);
    });
  }

  async end(): Promise<void> {
    this.#jobs.length = 0;
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    for (const job of this.#jobs.splice(0)) job.reject(error);
  }
}
