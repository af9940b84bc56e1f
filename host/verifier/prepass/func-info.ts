import { BtfKind } from '../../btf/types.js';
import type { RawRecords } from '../../program/program-spec.js';
import type { InsnIndex, TypeId } from '../../quantities.js';
import { Errno } from '../verifier-error.js';
import type { Prepass } from './prepass.js';
import { checkFuncRecordSize, checkFuncTail } from './raw-records.js';
import type { Traits } from './subprograms.js';

const EXCEPTION_CALLBACK = 'exception_callback:';
const LINKAGE_STATIC = 0;

/** Whether BTF info can be looked at: it needs the program's BTF. */
export function checkBtf(pass: Prepass): void {
  const { btf, funcInfo, lineInfo } = pass.spec;
  if (btf === null && (funcInfo.length > 0 || lineInfo.length > 0)) pass.fail(Errno.EBADF, '');
}

/** The records of func_info by themselves: rising offsets, FUNC types. */
export function checkFuncInfo(pass: Prepass): void {
  checkFuncRecordSize(pass);
  pass.spec.funcInfo.forEach((_, index) => {
    checkFuncTail(pass, index);
    checkOffset(pass, index);
    checkType(pass, index);
  });
}

function checkOffset(pass: Prepass, index: number): void {
  const { funcInfo } = pass.spec;
  const { insn } = funcInfo[index];
  if (index === 0) {
    if (insn !== 0) pass.fail(Errno.EINVAL, `nonzero insn_off ${insn} for the first func info record`);
    return;
  }
  const before = funcInfo[index - 1].insn;
  if (insn > before) return;
  const text = `same or smaller insn offset (${insn}) than previous func info record (${before})`;
  pass.fail(Errno.EINVAL, text);
}

function checkType(pass: Prepass, index: number): void {
  const { funcInfo, btf } = pass.spec;
  const { type } = funcInfo[index];
  const isFunc = btf !== null && type > 0 && type < btf.count && btf.kind(type) === BtfKind.FUNC;
  if (!isFunc) pass.fail(Errno.EINVAL, `invalid type id ${type | 0} in func info`);
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

/** func_info against the functions that were found; before Linux 6.6 the records are looked at here, too. */
export function matchFuncInfo(pass: Prepass, starts: readonly number[], traits: readonly Traits[]): void {
  const { funcInfo, rawBtfInfo } = pass.spec;
  const count = recordCount(rawBtfInfo?.funcInfo) ?? funcInfo.length;
  if (count === 0) {
    for (const { hasLdAbs, hasTailCall } of traits.slice(1)) {
      if (hasLdAbs) pass.fail(Errno.EINVAL, 'LD_ABS is not allowed in subprogs without BTF');
      if (hasTailCall) pass.fail(Errno.EINVAL, 'tail_call is not allowed in subprogs without BTF');
    }
    return;
  }
  if (count !== starts.length) {
    pass.fail(Errno.EINVAL, "number of funcs in func_info doesn't match number of subprogs");
  }
  if (!pass.isModern) checkFuncRecordSize(pass);
  funcInfo.forEach((record, index) => {
    if (!pass.isModern) {
      checkFuncTail(pass, index);
      checkOffset(pass, index);
    }
    if (record.insn !== starts[index]) {
      pass.fail(Errno.EINVAL, "func_info BTF section doesn't match subprog layout in BPF program");
    }
    if (!pass.isModern) checkType(pass, index);
    if (index === 0 || returnsInt(pass, record.type)) return;
    const { hasLdAbs, hasTailCall } = traits[index];
    if (hasLdAbs) pass.fail(Errno.EINVAL, "LD_ABS is only allowed in functions that return 'int'.");
    if (hasTailCall) pass.fail(Errno.EINVAL, "tail_call is only allowed in functions that return 'int'.");
  });
}

/** Records that a loader says there are. */
const recordCount = (raw: RawRecords | undefined): number | undefined =>
  raw && Math.floor(raw.bytes.length / Math.max(raw.recordSize, 1));

function returnsInt(pass: Prepass, func: TypeId): boolean {
  const btf = pass.spec.btf!;
  const type = btf.type(func);
  const proto = type.kind === BtfKind.FUNC ? btf.type(type.type) : null;
  if (proto?.kind !== BtfKind.FUNC_PROTO) return false;
  const returned = btf.type(btf.skipModifiers(proto.type));
  const isSmallInt = returned.kind === BtfKind.INT && returned.size <= 8;
  return isSmallInt || returned.kind === BtfKind.ENUM || returned.kind === BtfKind.ENUM64;
}
