import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { Btf } from '../host/btf/btf.js';
import { embeddedBtf } from '../host/profiles/data/embedded-btf.js';

/** BTF of a kernel from a file, plain or gzip, or the trimmed one that ships. */
export async function kernelBtf(path: string | undefined): Promise<Btf> {
  if (path === undefined) return Btf.parse(embeddedBtf());
  const bytes = await readFile(path);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return Btf.parse(new Uint8Array(isGzip ? gunzipSync(bytes) : bytes));
}
