import { WorkerFailure } from './failure.js';
import type { Evaluator, Failure } from './request.js';

export type Place = 'worker' | 'main';

/** An evaluator on the main thread or in a worker of its own; each is made when first asked for. */
export async function evaluatorAt(place: Place): Promise<Evaluator> {
  if (place === 'main') return (await import('./evaluate.js')).evaluator;
  return (remote ??= inWorker());
}

let remote: Evaluator | undefined;

interface Waiting {
  resolve(value: never): void;
  reject(error: Error): void;
}

function inWorker(): Evaluator {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let last = 0;
  worker.addEventListener(
    'message',
    ({ data }: MessageEvent<{ id: number; value: never; error?: Failure }>) => {
      const { id, value, error } = data;
      if (error) waiting.get(id)?.reject(new WorkerFailure(error));
      else waiting.get(id)?.resolve(value);
      waiting.delete(id);
    },
  );
  worker.addEventListener('error', ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(message || 'the worker did not start'));
    waiting.clear();
  });
  const ask =
    (method: keyof Evaluator) =>
    <T>(...args: readonly unknown[]): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        waiting.set(++last, { resolve, reject });
        worker.postMessage({ id: last, method, args });
      });
  return {
    verify: ask('verify'),
    log: ask('log'),
    run: ask('run'),
    list: ask('list'),
    lookup: ask('lookup'),
  };
}
