import type { Btf } from '../../btf/btf.js';
import { BtfKind } from '../../btf/types.js';
import type { InsnIndex } from '../../quantities.js';
import { type Kfunc, kfuncKey } from '../prepared.js';
import { Errno } from '../verifier-error.js';
import { isGplCompatible } from './license.js';
import type { Prepass } from './prepass.js';

const MAX_KFUNCS = 256;
const MAX_MODULES = 256;

/** Kernel functions that a program calls, found by their BTF ids. */
export class KernelCalls {
  readonly found = new Map<number, Kfunc>();
  /** Modules whose functions are called, by place in fd_array. */
  private readonly modules = new Map<number, Btf>();

  constructor(private readonly pass: Prepass) {}

  add(at: InsnIndex): void {
    const { pass, found } = this;
    const { stream, kernel } = pass;
    const id = stream.imm[at];
    const offset = stream.off[at];
    if (!pass.jit) pass.fail(Errno.ENOTSUPP, 'JIT is required for calling kernel function', at);
    if (!isGplCompatible(pass.spec.license)) {
      pass.fail(Errno.EINVAL, 'cannot call kernel function from non-GPL compatible program', at);
    }
    if (id === 0 && offset === 0) return;
    const btf = offset === 0 ? kernel.btf : this.moduleBtf(at, offset);
    const key = kfuncKey(id, offset);
    if (found.has(key)) return;
    if (found.size >= MAX_KFUNCS) pass.fail(Errno.E2BIG, 'too many different kernel function calls', at);
    const type = id > 0 && id < btf.count ? btf.type(id) : null;
    if (type?.kind !== BtfKind.FUNC) {
      return pass.fail(Errno.EINVAL, `kernel btf_id ${id >>> 0} is not a function`, at);
    }
    if (btf.kind(type.type) !== BtfKind.FUNC_PROTO) {
      const text = `kernel function btf_id ${id >>> 0} does not have a valid func_proto`;
      pass.fail(Errno.EINVAL, text, at);
    }
    this.checkAddress(at, type.name);
    found.set(key, { id, name: type.name });
  }

  private checkAddress(at: InsnIndex, name: string): void {
    const { kernel } = this.pass;
    const address = kernel.symbolAddress(name);
    if (address === 0n) {
      this.pass.fail(Errno.EINVAL, `cannot find address for kernel function ${name}`, at);
    }
    const distance = address - kernel.profile.jit.callBase;
    if (distance !== BigInt.asIntN(32, distance)) {
      this.pass.fail(Errno.EINVAL, `address of kernel function ${name} is out of range`, at);
    }
  }

  /** BTF of the module that the offset of a call names by its place in fd_array. */
  private moduleBtf(at: InsnIndex, offset: number): Btf {
    const known = this.modules.get(offset);
    if (known !== undefined) return known;
    if (offset < 0) {
      return this.refuse(at, Errno.EINVAL, 'negative offset disallowed for kernel module function call');
    }
    if (this.modules.size >= MAX_MODULES) {
      return this.refuse(at, Errno.E2BIG, 'too many different module BTFs');
    }
    const { fdArray } = this.pass.spec;
    if (fdArray === undefined) {
      return this.refuse(at, Errno.EPROTO, 'kfunc offset > 0 without fd_array is invalid');
    }
    const entry = fdArray[offset];
    if (entry === undefined) return this.refuse(at, Errno.EFAULT, '');
    if (entry?.kind !== 'btf') {
      const errno = entry === null ? Errno.EBADF : Errno.EINVAL;
      return this.refuse(at, errno, 'invalid module BTF fd specified');
    }
    if (entry.of !== 'module') {
      return this.refuse(at, Errno.EINVAL, 'BTF fd for kfunc is not a module BTF');
    }
    this.modules.set(offset, entry.btf);
    return entry.btf;
  }

  private refuse(at: InsnIndex, errno: number, why: string): never {
    if (why !== '') this.pass.say(why, at);
    return this.pass.fail(errno, 'failed to find BTF for kernel function', at);
  }
}
