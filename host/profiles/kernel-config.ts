import type { KernelVersion } from './profile.js';

/** Release of each kernel: version, patch level, sublevel. */
const RELEASES: Record<KernelVersion, readonly [number, number, number]> = {
  '6.12': [6, 12, 117],
  '6.1': [6, 1, 192],
  '5.5': [5, 5, 0],
};

/** Options that all kernels here were built with, as .config writes them. */
const OPTIONS: Readonly<Record<string, string>> = {
  CONFIG_BPF: 'y',
  CONFIG_BPF_EVENTS: 'y',
  CONFIG_BPF_JIT: 'y',
  CONFIG_BPF_LSM: 'y',
  CONFIG_BPF_SYSCALL: 'y',
  CONFIG_CGROUP_BPF: 'y',
  CONFIG_DEBUG_INFO_BTF: 'y',
  CONFIG_FTRACE: 'y',
  CONFIG_FUNCTION_TRACER: 'y',
  CONFIG_KALLSYMS: 'y',
  CONFIG_KALLSYMS_ALL: 'y',
  CONFIG_PREEMPTION: 'y',
  CONFIG_PREEMPT_RCU: 'y',
};

/** LINUX_KERNEL_VERSION: sublevels beyond 255 count as 255. */
const versionCode = ([version, patch, sub]: readonly [number, number, number]): number =>
  (version << 16) | (patch << 8) | Math.min(sub, 255);

/** Values of the kconfig externs that a kernel answers for: its options and what the loader finds out about it. */
export function kernelConfig(version: KernelVersion): Readonly<Record<string, string>> {
  return {
    ...OPTIONS,
    LINUX_KERNEL_VERSION: `${versionCode(RELEASES[version])}`,
    // Since 5.15; x86-64 wraps its system calls since 4.17.
    LINUX_HAS_BPF_COOKIE: version === '5.5' ? '0' : '1',
    LINUX_HAS_SYSCALL_WRAPPER: '1',
  };
}
