import type { JitImage } from '../../host/jit/jit-image.js';
import { X86_REGISTERS } from '../../host/report/listing.js';

/** Pairs of lower-case hex digits. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** 0x and lower-case hex digits. */
export function hexAddress(address: bigint): string {
  return `0x${BigInt.asUintN(64, address).toString(16)}`;
}

/** One entry of `funcs`: an image with its exception table. */
export function funcOutput(image: JitImage): Record<string, unknown> {
  const hasTable = image.entries.length > 0;
  return {
    ksym_addr: hexAddress(image.entry),
    len: image.code.length,
    jited_hex: toHex(image.code),
    stack_depth: image.stackDepth,
    num_exentries: image.entries.length,
    ...(hasTable ? { extable_off: image.extableOffset } : {}),
    extable_hex: toHex(image.extable),
    entries: image.entries.map((entry) => [
      entry.ipOffset,
      entry.length,
      entry.register === null ? null : X86_REGISTERS[entry.register],
      entry.data,
    ]),
  };
}

/** The `error` of an output line; stack traces stay out of it. */
export function errorOutput(error: unknown): { name: string; code: string; message: string } {
  if (!(error instanceof Error)) return { name: 'Error', code: 'INTERNAL', message: String(error) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'INTERNAL';
  return { name: error.name, code, message: error.message };
}
