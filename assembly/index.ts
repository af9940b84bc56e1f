// Exports of core.wasm, and nothing else.
export { heapAlloc, heapFree, heapInUse, heapReserve } from './heap';
