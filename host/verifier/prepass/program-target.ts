import { BtfKind } from '../../btf/types.js';
import type { TypeId } from '../../quantities.js';
import type { TargetProgram } from '../kernel-view.js';
import { AttachType, ProgType } from '../prog-type.js';
import { Errno } from '../verifier-error.js';
import type { Prepass } from './prepass.js';

const LINKAGE_STATIC = 0;

/** A function of a loaded program must exist and be one that this program may replace or trace. */
export function checkTargetProgram(pass: Prepass, target: TargetProgram, id: TypeId, name: string): void {
  const { spec, isModern } = pass;
  const isExtension = spec.type === ProgType.EXT;
  const refuse = (text: string): never => pass.fail(Errno.EINVAL, text);
  const subprogram = target.functions.find((one) => one.funcType === id);
  if (subprogram === undefined) return refuse(`Subprog ${name} doesn't exist`);
  if (isModern && subprogram.isExceptionCallback) {
    refuse(`${isExtension ? 'Extension' : 'FENTRY/FEXIT'} programs cannot attach to exception callback`);
  }
  const func = target.spec.btf?.type(id);
  const isStatic = func?.kind === BtfKind.FUNC && func.linkage === LINKAGE_STATIC;
  if (isExtension && isStatic) refuse('Cannot replace static functions');
  if (isExtension && !pass.jit) refuse('Extension programs should be JITed');
  if (isExtension && isModern && changesPacket(pass) && !subprogram.changesPacket) {
    refuse('Extension program changes packet data, while original does not');
  }
  if (!pass.jit) refuse('Can attach to only JITed progs');
  if (isModern && spec.type === ProgType.TRACING) {
    if (target.tracesTracer) refuse('Cannot nest tracing program attach more than once');
  } else if (target.spec.type === spec.type) {
    refuse('Cannot recursively attach');
  }
  const { expectedAttachType: attach } = target.spec;
  const runsAround = attach === AttachType.TRACE_FENTRY || attach === AttachType.TRACE_FEXIT;
  if (isExtension && target.spec.type === ProgType.TRACING && runsAround) {
    refuse('Cannot extend fentry/fexit');
  }
}

const changesPacket = ({ changing }: Prepass): boolean => changing[0] === true;
