// The x86-64 CPU as the host drives it.
export { cpuEnter, cpuReturn } from './x86/enter';
export { readFlags as cpuFlags } from './x86/flags';
export { guardSitesAdd, guardSitesRemove } from './x86/guard';
export { cpuRun, cpuStep } from './x86/run';
export { cpuFuelLeft, cpuReset, cpuState } from './x86/state';
export { cpuReportFaults, cpuSetSmap } from './x86/trap';
export { cpuWatch } from './x86/watch';
