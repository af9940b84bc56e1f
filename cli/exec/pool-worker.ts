import { parentPort, workerData } from 'node:worker_threads';
import { Evaluator } from './evaluate.js';
import type { ExecOptions } from './evaluate.js';

const evaluator = Evaluator.create(workerData as ExecOptions);

parentPort?.on('message', (line: string) => {
  void evaluator.then((ready) => ready.answer(line)).then((answer) => parentPort?.postMessage(answer));
});
