// The x86-64 CPU as the host drives it.
export { cpuRun, cpuStep } from './x86/execute';
export { guardSitesAdd, guardSitesRemove } from './x86/guard';
export { cpuReset, cpuState, fuelLeft } from './x86/state';
export { cpuSetSmap } from './x86/trap';
export { readFlags as cpuFlags } from './x86/flags';
