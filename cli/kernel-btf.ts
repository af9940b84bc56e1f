import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { Btf } from '../host/btf/btf.js';

/** BTF of a kernel from a file, plain or gzip; undefined without a file: the trimmed one that ships. */
export async function kernelBtf(path: string | undefined): Promise<Btf | undefined> {
  if (path === undefined) return undefined;
  const bytes = await readFile(path);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return Btf.parse(new Uint8Array(isGzip ? gunzipSync(bytes) : bytes));
}
