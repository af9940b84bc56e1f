// Exports of lookup-threads.wasm: the fault index on shared memory. One thread writes, others read.
export { heapAlloc, heapFree, heapInUse } from './heap';
export { idsBytes } from './entry-ids';
export { kallsymsCount, kallsymsLatch } from './kallsyms';
export {
  faultIndexAdd,
  faultIndexBadEntry,
  faultIndexEntry,
  faultIndexFind,
  faultIndexInsn,
  faultIndexNode,
  faultIndexRemove,
  faultIndexSetMapped,
} from './fault-index';
export { detailCell, faultMapBatch, faultMapLeaves, faultMapLookup, faultMapSetBase } from './fault-map';
export { faultTreeLookup } from './fault-tree';
export { faultTreeBatch } from './fault-tree-batch';
export { sharedBatch, sharedLookup } from './shared-lookup';
