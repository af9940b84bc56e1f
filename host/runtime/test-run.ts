import type { AttachTarget } from '../program/program-spec.js';
import { UsageError } from '../errors.js';
import type { ProgramContext } from './context/program-context.js';
import { argumentCount, sampleIterator, sampleTracing } from './context/sample.js';
import type { Kernel } from './kernel.js';

/** How a program is to be run: a way that the recorded answers of real kernels know (kind), and its input. */
export interface TestRun {
  /** data, ctx, attach+sendmsg(bogus), attach+open(missing), attach+trigger, attach+bpf_fentry_test, iter. */
  readonly kind: string;
  /** Frame or context. */
  readonly data?: Uint8Array;
  /** The pointer handed to sendmsg as its message. */
  readonly bogus?: bigint;
}

const SCHED_CLS = 3;
const SCHED_ACT = 4;
const XDP = 6;
const ENOENT = -2n;
const SOCKET_FD = 3;
const AT_FDCWD = -100;

/** What a run works on, of the program: its type and what it attaches to. */
export interface TestSubject {
  readonly type: number;
  readonly attach: AttachTarget | null;
}

/** The context that a test run of this kind gives a program. @throws UsageError USAGE_RUN for an unknown kind. */
export function testRunContext(kernel: Kernel, subject: TestSubject, run: TestRun): ProgramContext {
  const data = run.data ?? new Uint8Array(0);
  const { context } = kernel;
  switch (run.kind) {
    case 'data':
      if (subject.type === XDP) return context.xdp(data);
      return context.skb(data, { socketFilter: subject.type !== SCHED_CLS && subject.type !== SCHED_ACT });
    case 'ctx':
      return context.raw(data);
    case 'attach+sendmsg(bogus)':
      // __sys_sendmsg(fd, msg, flags, forbid_cmsg_compat)
      return context.tracing([SOCKET_FD, run.bogus ?? 0n, 0, 0], { returns: 0 });
    case 'attach+open(missing)': {
      // do_filp_open(dfd, pathname, op), which answers ERR_PTR(-ENOENT)
      const count = subject.attach ? argumentCount(kernel, subject.attach) : 3;
      const args = [AT_FDCWD, kernel.sample('filename'), kernel.sample('open_flags')];
      while (args.length < count) args.push(0);
      return context.tracing(args.slice(0, count), { returns: ENOENT });
    }
    case 'iter':
      if (subject.attach) return sampleIterator(kernel, subject.attach);
      break;
    case 'attach+trigger':
    case 'attach+bpf_fentry_test':
      if (subject.attach) return sampleTracing(kernel, subject.attach);
      break;
  }
  throw new UsageError(
    'USAGE_RUN',
    `test run "${run.kind}": expected data, ctx, iter or attach+..., with an attach target for the last two`,
  );
}
