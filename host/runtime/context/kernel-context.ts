import { BtfKind } from '../../btf/types.js';
import { kernelContext } from '../../verifier/ctx/kernel-context.js';
import type { Kernel } from '../kernel.js';
import type { ProgramContext } from './program-context.js';

const NETFILTER = 32;

/**
 * A context of plausible values for program types whose context is a kernel structure of their own (sockets, sysctls,
 * perf events): pointers lead to samples, pointers to bytes to one page, all numbers are 0. null = the type has none.
 */
export function sampleKernelContext(kernel: Kernel, programType: number): ProgramContext | null {
  const { btf } = kernel;
  const id =
    programType === NETFILTER
      ? btf.find('bpf_nf_ctx', BtfKind.STRUCT)
      : kernelContext(kernel.btf, programType);
  if (id === 0) return null;
  const struct = btf.type(id);
  if (struct.kind !== BtfKind.STRUCT) return null;
  const object = kernel.sample(struct.name);
  for (const { name, type } of struct.members) {
    const pointer = btf.type(btf.skipModifiers(type));
    if (name === '' || pointer.kind !== BtfKind.PTR) continue;
    const pointee = btf.type(btf.skipModifiers(pointer.type));
    const isKnown =
      pointee.kind === BtfKind.STRUCT && pointee.name !== '' && btf.find(pointee.name, BtfKind.STRUCT) !== 0;
    object.set(name, kernel.sample(isKnown ? pointee.name : 'page'));
  }
  return kernel.context.object(object);
}
