import { Btf } from '../../host/btf/btf.js';
import { BtfBuilder } from './btf-builder.js';

/** Types that prototypes of made-up kernels are written with. */
export interface Basics {
  readonly b: BtfBuilder;
  readonly int: number;
  readonly u32: number;
  readonly u64: number;
  readonly pointer: (type: number) => number;
}

/** BTF of a kernel that has nothing but what `build` puts into it. */
export function madeUpKernel(build: (basics: Basics) => void): Btf {
  const b = new BtfBuilder();
  const basics = {
    b,
    int: b.int('int', 4, { signed: true }),
    u32: b.int('unsigned int', 4),
    u64: b.int('long long unsigned int', 8),
    pointer: (type: number) => b.pointer(type),
  };
  build(basics);
  return Btf.parse(b.bytes());
}

/**
 * A kernel whose function `name` has the result and parameters that `prototype` gives: what a function of the real
 * kernel with such a prototype would be asked.
 */
export function kernelWith(
  name: string,
  prototype: (basics: Basics) => { returns: number; params: readonly [string, number][] },
): { btf: Btf } {
  const btf = madeUpKernel((basics) => {
    const { returns, params } = prototype(basics);
    basics.b.func(name, basics.b.proto(returns, params));
  });
  return { btf };
}
