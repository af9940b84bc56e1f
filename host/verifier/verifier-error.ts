import { FaultlineError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';
import type { LogRecord } from './log.js';

/** Linux error numbers the verifier answers with. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  E2BIG: 7,
  EBADF: 9,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  EPROTO: 71,
  EOPNOTSUPP: 95,
  ENOTSUPP: 524,
} as const;

/** The program was refused, as Linux would refuse it. Code: VERIFIER_REJECT. The message is the kernel's last line. */
export class VerifierError extends FaultlineError {
  override readonly name = 'VerifierError';

  constructor(
    readonly errno: number,
    message: string,
    readonly insn: InsnIndex | undefined,
    /** Everything printed, the message included. */
    readonly log: readonly LogRecord[],
    code = 'VERIFIER_REJECT',
  ) {
    super(code, message, insn === undefined ? {} : { insn });
  }
}
