// Exports of core.wasm, and nothing else.
export { heapAlloc, heapFree, heapInUse, heapReserve } from './heap';
export { faultLog, faultLogPush, faultLogReset } from './fault-log';
export { faultProgram, fixupBatch, fixupException } from './fault';
export {
  kallsymsCount,
  kallsymsFind,
  kallsymsInsert,
  kallsymsLatch,
  kallsymsReadLock,
  kallsymsReadUnlock,
  kallsymsRemove,
} from './kallsyms';
export { mmuFlush, mmuHostAddress, mmuMap, mmuRights, mmuUnmap } from './mmu';
