// The x86-64 CPU as the host drives it.
export { cpuCodeGeneration } from './x86/code-cache';
export { cold as cpuCold } from './x86/cold';
export { cpuEnter, cpuReturn } from './x86/enter';
export { readFlags as cpuFlags } from './x86/flags';
export { guardSitesAdd, guardSitesRemove } from './x86/guard';
export { cpuHandBack, cpuLookup, cpuSetRegion, cpuSingleOp, cpuTlbRead, cpuTlbWrite } from './x86/regions';
export { cpuRun, cpuStep } from './x86/run';
export { cpuFuelLeft, cpuReset, cpuState } from './x86/state';
export { cpuReportFaults, cpuSetSmap } from './x86/trap';
export { cpuWatch } from './x86/watch';
