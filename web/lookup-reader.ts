import { FAULT_MISS, FaultReader, type FaultReaderPass } from 'faultline';

/** One thread's share: look up `pcs` again and again, compare every answer. */
export interface ReaderWork {
  readonly pass: FaultReaderPass;
  readonly pcs: BigUint64Array;
  readonly want: Uint32Array;
  readonly rounds: number;
}

export interface ReaderAnswer {
  readonly lookups: number;
  readonly found: number;
  readonly wrong: number;
  readonly milliseconds: number;
}

addEventListener('message', ({ data }: MessageEvent<ReaderWork>) => {
  void read(data).then((answer) => postMessage(answer));
});

async function read({ pass, pcs, want, rounds }: ReaderWork): Promise<ReaderAnswer> {
  const reader = await FaultReader.open(pass);
  const { own } = reader;
  own.pcs.set(pcs);
  let milliseconds = 0;
  let found = 0;
  let wrong = 0;
  for (let round = 0; round < rounds; round++) {
    own.ids.fill(FAULT_MISS);
    const start = performance.now();
    reader.lookupBatch(own.pcs, own);
    milliseconds += performance.now() - start;
    for (let at = 0; at < want.length; at++) {
      if (own.ids[at] !== FAULT_MISS) found++;
      if (own.ids[at] !== want[at]) wrong++;
    }
  }
  return { lookups: rounds * pcs.length, found, wrong, milliseconds };
}
