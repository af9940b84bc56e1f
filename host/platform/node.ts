import { readFile } from 'node:fs/promises';
import { setPlatform } from './platform.js';

setPlatform({
  async coreWasm() {
    return new Uint8Array(await readFile(new URL('../core/core.wasm', import.meta.url)));
  },
  async lookupThreadsWasm() {
    return new Uint8Array(await readFile(new URL('../core/lookup-threads.wasm', import.meta.url)));
  },
});
