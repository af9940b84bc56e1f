import { UsageError } from '../errors.js';
import { compileModule, type CoreSource } from '../core/core.js';

/** What the host needs from where it runs. */
export interface Platform {
  /** The bytes or the response of core.wasm that ships beside the code. */
  coreWasm(): CoreSource | Promise<CoreSource>;
  /** The same of lookup-threads.wasm. */
  lookupThreadsWasm(): CoreSource | Promise<CoreSource>;
}

let current: Platform | undefined;

export function setPlatform(platform: Platform): void {
  current = platform;
}

export function platform(): Platform {
  if (!current) throw new UsageError('USAGE_PLATFORM', 'no platform: import faultline, not a file inside it');
  return current;
}

let core: Promise<WebAssembly.Module> | undefined;

/** core.wasm that ships beside the code, compiled once for all its instances. */
export function shippedCore(): Promise<WebAssembly.Module> {
  return (core ??= Promise.resolve(platform().coreWasm())
    .then(compileModule)
    .catch((error: unknown) => {
      core = undefined;
      throw error;
    }));
}
