import { ByteWriter } from './byte-writer.js';

/** A WebAssembly module: magic and version, then sections. */
export function newModule(): ByteWriter {
  const out = new ByteWriter();
  out.bytes(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  return out;
}

export function section(out: ByteWriter, id: number, write: (to: ByteWriter) => void): void {
  const to = new ByteWriter();
  write(to);
  out.u8(id);
  out.u32(to.length);
  out.bytes(to.view());
}

/** Parameters, then results. */
export type FunctionType = readonly [readonly number[], readonly number[]];

export function typeSection(out: ByteWriter, types: readonly FunctionType[]): void {
  section(out, 1, (to) => {
    to.u32(types.length);
    for (const type of types) {
      to.u8(0x60);
      for (const list of type) {
        to.u32(list.length);
        for (const each of list) to.u8(each);
      }
    }
  });
}

export function name(to: ByteWriter, text: string): void {
  to.u32(text.length);
  for (let at = 0; at < text.length; at++) to.u8(text.charCodeAt(at));
}

export function imported(to: ByteWriter, text: string): void {
  name(to, 'env');
  name(to, text);
}
