import { evaluator } from './evaluate.js';
import { failure } from './failure.js';
import type { Evaluator } from './request.js';

interface Question {
  readonly id: number;
  readonly method: keyof Evaluator;
  readonly args: readonly unknown[];
}

addEventListener('message', ({ data }: MessageEvent<Question>) => {
  const { id, method, args } = data;
  const ask = evaluator[method] as (...args: readonly unknown[]) => Promise<unknown>;
  ask(...args).then(
    (value) => postMessage({ id, value }),
    (error: unknown) => postMessage({ id, error: failure(error) }),
  );
});
