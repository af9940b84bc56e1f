import { parentPort, workerData } from 'node:worker_threads';
import { FAULT_MISS } from '../../host/lookup/fault-index.js';
import { FaultReader, type FaultReaderPass } from '../../host/lookup/fault-reader.js';
import { Random } from './random.js';

/** What may be answered for each address: one of two entries, or nothing. */
export interface ReaderTask {
  readonly pass: FaultReaderPass;
  readonly pcs: BigUint64Array;
  /** Two per address; FAULT_MISS with detail 0 = no such answer. */
  readonly ids: Uint32Array;
  readonly details: Uint8Array;
  readonly mayMiss: Uint8Array;
  readonly lookups: number;
  readonly seed: number;
}

export interface ReaderReport {
  readonly lookups: number;
  /** Groups the tree answered for. */
  readonly treeGroups: number;
  readonly hits: number;
  readonly torn: string[];
}

const { task } = workerData as { task: ReaderTask };
const { pcs, ids, details, mayMiss } = task;
const reader = await FaultReader.open(task.pass);
const random = new Random(task.seed);
const { own } = reader;
const picks = new Uint32Array(own.pcs.length);
const torn: string[] = [];
let hits = 0;

function check(pick: number, id: number, detail: number): void {
  if (id !== FAULT_MISS) hits++;
  for (const way of [2 * pick, 2 * pick + 1])
    if (id === ids[way] && detail === details[way] && (id !== FAULT_MISS || mayMiss[pick] !== 0)) return;
  if (id === FAULT_MISS && detail === 0 && mayMiss[pick] !== 0) return;
  if (torn.length < 5) torn.push(`0x${pcs[pick].toString(16)}: id ${id}, detail ${detail}`);
}

let lookups = 0;
parentPort?.postMessage('ready');
while (lookups < task.lookups) {
  for (let i = 0; i < picks.length; i++) {
    picks[i] = random.below(pcs.length);
    own.pcs[i] = pcs[picks[i]];
  }
  // The same addresses several times: picking them costs more than looking them up.
  for (let again = 0; again < 8; again++) {
    reader.lookupBatch(own.pcs, own);
    for (let i = 0; i < picks.length; i++) check(picks[i], own.ids[i], own.details[i]);
  }
  for (let i = 0; i < picks.length; i++) {
    const id = reader.lookup(pcs[picks[i]]);
    check(picks[i], id, reader.detail);
  }
  lookups += 9 * picks.length;
}
parentPort?.postMessage({ lookups, treeGroups: reader.treeGroups, hits, torn } satisfies ReaderReport);
