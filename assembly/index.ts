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
export { jitEmit, jitImage, jitPatch, jitRelease, jitSize } from './jit/compile';
export { mmuFlush, mmuHostAddress, mmuMap, mmuRights, mmuUnmap } from './mmu';
export { scalarAlu } from './verifier/alu';
export { addBounds64, subBounds64 } from './verifier/arithmetic';
export {
  legacyNarrow,
  scalarBroken,
  scalarCheck,
  scalarConst,
  scalarSync,
  scalarUnknown,
  scalarZext,
  unbound32,
  unbound64,
  verifierSetLegacy,
} from './verifier/bounds';
export { branchRefine } from './verifier/branch';
export { liveMarkRead, recordEqual, scalarWithin } from './verifier/compare';
export { coversSetUp, frameCovers, frameRegistersEqual, placeExcludes } from './verifier/covers';
export { scalarSignExtend32, scalarSignExtend64, scalarSignedRange, scalarTruncate } from './verifier/extend';
export { idsBegin, idsSame } from './verifier/id-map';
export {
  frameClean,
  frameConnect,
  frameCopy,
  frameFollow,
  frameForgetPrecision,
  frameLinked,
  frameMarks,
  framePreciseRead,
  framePropagateRead,
} from './verifier/frame';
export { verifierTnumAdd, verifierTnumSub } from './verifier/pointer';
export { branchPredict } from './verifier/predict';
export {
  interpDepth,
  interpEnter,
  interpFaultAddress,
  interpFaultCode,
  interpFaultVector,
  interpFuelLeft,
  interpFunction,
  interpPredecode,
  interpRegisters,
  interpReset,
  interpRun,
  interpSettings,
  interpSlot,
  interpTailEnter,
  interpUnwind,
} from './interp';
export {
  cpuCodeGeneration,
  cpuCold,
  cpuEnter,
  cpuFlags,
  cpuFuelLeft,
  cpuHandBack,
  cpuLookup,
  cpuReportFaults,
  cpuReset,
  cpuReturn,
  cpuRun,
  cpuSetRegion,
  cpuSetSmap,
  cpuSingleOp,
  cpuState,
  cpuStep,
  cpuTlbRead,
  cpuTlbWrite,
  cpuWatch,
  guardSitesAdd,
  guardSitesRemove,
} from './cpu';
export { idsBytes } from './entry-ids';
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
export {
  detailCell,
  faultMapBase,
  faultMapBatch,
  faultMapLeaves,
  faultMapLookup,
  faultMapLookupHalves,
  faultMapSetBase,
} from './fault-map';
export { faultMapLoad, faultMapUnload } from './fault-map-load';
export { faultTreeLookup } from './fault-tree';
export { faultTreeBatch } from './fault-tree-batch';
