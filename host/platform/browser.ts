import { setPlatform } from './platform.js';

setPlatform({
  coreWasm() {
    return fetch(new URL('../core/core.wasm', import.meta.url));
  },
  lookupThreadsWasm() {
    return fetch(new URL('../core/lookup-threads.wasm', import.meta.url));
  },
});
