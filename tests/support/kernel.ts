import '../../host/platform/node.js';
import { Btf } from '../../host/btf/btf.js';
import { type BootOptions, bootKernel } from '../../host/runtime/boot.js';
import type { Kernel } from '../../host/runtime/kernel.js';
import { vmlinuxBtf } from './goldens.js';

const parsed = new Map<string, Btf>();

/** The vmlinux BTF of a kernel the goldens were recorded on, parsed once. */
export function kernelBtf(version: '6.12' | '6.1'): Btf {
  const btf = parsed.get(version) ?? Btf.parse(vmlinuxBtf(version));
  parsed.set(version, btf);
  return btf;
}

/** A kernel with that BTF. */
export function testKernel(
  version: '6.12' | '6.1' = '6.12',
  options: Partial<BootOptions> = {},
): Promise<Kernel> {
  return bootKernel({ profile: `linux-${version}`, btf: kernelBtf(version), ...options });
}
