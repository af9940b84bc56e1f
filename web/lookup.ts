import { FaultIndex, type JitImage } from 'faultline';
import type { ReaderAnswer, ReaderWork } from './lookup-reader.js';
import type { LookupAnswer } from './request.js';

const ROUNDS = 1000;
const BATCH = 4096;

/** Looks up the fault addresses of these images on several threads that share one index. */
export async function lookupOnThreads(images: readonly JitImage[], threads: number): Promise<LookupAnswer> {
  const index = await FaultIndex.create({ shared: true });
  for (const image of images) index.add(image);
  const faults = images.flatMap(({ address, entries }) =>
    entries.map(({ ipOffset }) => address + BigInt(ipOffset)),
  );
  // Every other address is one byte past a fault: there is nothing to find.
  const pcs = BigUint64Array.from({ length: BATCH }, (_, at) =>
    faults.length === 0 ? BigInt(at) : faults[(at >> 1) % faults.length] + BigInt(at & 1),
  );
  const want = Uint32Array.from(pcs, (pc) => index.lookup(pc));
  const answers = await Promise.all(
    Array.from({ length: threads }, () => read({ pass: index.reader(BATCH), pcs, want, rounds: ROUNDS })),
  );
  return { images: images.length, entries: faults.length, threads: answers };
}

function read(work: ReaderWork): Promise<ReaderAnswer> {
  const worker = new Worker(new URL('./lookup-reader.ts', import.meta.url), { type: 'module' });
  return new Promise<ReaderAnswer>((resolve, reject) => {
    worker.addEventListener('message', ({ data }: MessageEvent<ReaderAnswer>) => resolve(data));
    worker.addEventListener('error', ({ message }) => reject(new Error(message || 'a reader did not start')));
    worker.postMessage(work);
  }).finally(() => worker.terminate());
}
