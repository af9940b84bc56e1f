// Entry of a worker thread written in TypeScript: tsx registers itself on the main thread only.
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData.module);
