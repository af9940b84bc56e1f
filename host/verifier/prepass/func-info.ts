import { BtfKind } from '../../btf/types.js';
import type { InsnIndex, TypeId } from '../../quantities.js';
import { Errno } from '../verifier-error.js';
import type { Prepass } from './prepass.js';
import type { Traits } from './subprograms.js';

const EXCEPTION_CALLBACK = 'exception_callback:';
const LINKAGE_STATIC = 0;

/** The records of func_info by themselves: rising offsets, FUNC types. */
export function checkFuncInfo(pass: Prepass): void {
  const { funcInfo, btf } = pass.spec;
  funcInfo.forEach((record, index) => {
    if (index === 0 && record.insn !== 0) {
      pass.fail(Errno.EINVAL, `nonzero insn_off ${record.insn} for the first func info record`);
    }
    const before = index === 0 ? -1 : funcInfo[index - 1].insn;
    if (record.insn <= before) {
      const text = `same or smaller insn offset (${record.insn}) than previous func info record (${before})`;
      pass.fail(Errno.EINVAL, text);
    }
    const isFunc =
      btf !== null && record.type > 0 && record.type < btf.count && btf.kind(record.type) === BtfKind.FUNC;
    if (!isFunc) pass.fail(Errno.EINVAL, `invalid type id ${record.type} in func info`);
  });
}

/** First slot of the function that the main function's exception_callback tag names; null = no tag. */
export function findExceptionCallback(pass: Prepass): InsnIndex | null {
  const { funcInfo, btf } = pass.spec;
  if (!pass.isModern || btf === null || funcInfo.length === 0) return null;
  const tags = btf
    .declTags(funcInfo[0].type)
    .filter((tag) => tag.component === -1 && tag.name.startsWith(EXCEPTION_CALLBACK));
  if (tags.length === 0) return null;
  if (tags.length > 1) pass.fail(Errno.EEXIST, 'multiple exception callback tags for main subprog');
  const name = tags[0].name.slice(EXCEPTION_CALLBACK.length);
  const id = btf.find(name, BtfKind.FUNC);
  const func = btf.type(id);
  if (func.kind !== BtfKind.FUNC) {
    return pass.fail(Errno.ENOENT, `exception callback '${name}' could not be found in BTF`);
  }
  if (func.linkage === LINKAGE_STATIC) {
    pass.fail(Errno.EINVAL, `exception callback '${name}' must have global linkage`);
  }
  const record = funcInfo.find((one) => one.type === id);
  if (record === undefined) {
    return pass.fail(Errno.EINVAL, 'exception callback type id not found in func_info');
  }
  if (record.insn === 0) {
    pass.fail(Errno.EINVAL, 'invalid exception callback insn_off in func_info: 0');
  }
  return record.insn;
}

/** func_info against the functions that were found. */
export function matchFuncInfo(pass: Prepass, starts: readonly number[], traits: readonly Traits[]): void {
  const { funcInfo } = pass.spec;
  if (funcInfo.length === 0) {
    for (const { hasLdAbs, hasTailCall } of traits.slice(1)) {
      if (hasLdAbs) pass.fail(Errno.EINVAL, 'LD_ABS is not allowed in subprogs without BTF');
      if (hasTailCall) pass.fail(Errno.EINVAL, 'tail_call is not allowed in subprogs without BTF');
    }
    return;
  }
  if (funcInfo.length !== starts.length) {
    pass.fail(Errno.EINVAL, "number of funcs in func_info doesn't match number of subprogs");
  }
  funcInfo.forEach((record, index) => {
    if (record.insn !== starts[index]) {
      pass.fail(Errno.EINVAL, "func_info BTF section doesn't match subprog layout in BPF program");
    }
    if (index === 0 || returnsInt(pass, record.type)) return;
    const { hasLdAbs, hasTailCall } = traits[index];
    if (hasLdAbs) pass.fail(Errno.EINVAL, "LD_ABS is only allowed in functions that return 'int'.");
    if (hasTailCall) pass.fail(Errno.EINVAL, "tail_call is only allowed in functions that return 'int'.");
  });
}

function returnsInt(pass: Prepass, func: TypeId): boolean {
  const btf = pass.spec.btf!;
  const type = btf.type(func);
  const proto = type.kind === BtfKind.FUNC ? btf.type(type.type) : null;
  if (proto?.kind !== BtfKind.FUNC_PROTO) return false;
  const returned = btf.type(btf.skipModifiers(proto.type));
  return returned.kind === BtfKind.INT || returned.kind === BtfKind.ENUM || returned.kind === BtfKind.ENUM64;
}
