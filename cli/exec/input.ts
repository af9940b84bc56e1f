import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createGunzip, gunzipSync } from 'node:zlib';

const isGzip = (bytes: Uint8Array) => bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;

/** A whole file, gunzipped when it is gzip. */
export async function readMaybeGzip(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path);
  return new Uint8Array(isGzip(bytes) ? gunzipSync(bytes) : bytes);
}

async function* plain(source: Readable): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  if (first.done) return;
  const rest = async function* () {
    yield first.value;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  };
  if (!isGzip(first.value)) {
    yield* rest();
    return;
  }
  const gunzip = createGunzip();
  const pump = (async () => {
    for await (const chunk of rest())
      if (!gunzip.write(chunk)) await new Promise((done) => gunzip.once('drain', done));
    gunzip.end();
  })();
  pump.catch((error: Error) => gunzip.destroy(error));
  yield* gunzip as AsyncIterable<Buffer>;
}

/** Lines of a file or of stdin ('-'), plain or gzip, read as they are needed. */
export async function* lines(path: string): AsyncGenerator<string> {
  const source = path === '-' ? process.stdin : createReadStream(path);
  const reader = createInterface({ input: Readable.from(plain(source)), crlfDelay: Infinity });
  for await (const line of reader) if (line.trim() !== '') yield line;
}
