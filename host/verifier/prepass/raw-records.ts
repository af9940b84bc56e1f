import type { FuncInfo, LineInfo, ProgramSpec, RawRecords } from '../../program/program-spec.js';
import { Errno } from '../verifier-error.js';
import type { Prepass } from './prepass.js';

const MAX_RECORD = 252;
const FUNC_INFO = 8;
const LINE_INFO = 16;
const CORE_RELO = 16;
const INSN_BYTES = 8;
const COLUMN_BITS = 10;

/** Which record of an array has something behind what is known of it; -1 = none. */
function longRecord({ recordSize, bytes }: RawRecords, known: number): number {
  for (let at = 0; at + recordSize <= bytes.length; at += recordSize) {
    if (bytes.subarray(at + known, at + recordSize).some((byte) => byte !== 0)) return at / recordSize;
  }
  return -1;
}

const isSize = (size: number, known: number): boolean =>
  size >= known && size <= MAX_RECORD && size % 4 === 0;

function each<T>({ recordSize, bytes }: RawRecords, known: number, read: (word: number[]) => T): T[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out: T[] = [];
  if (!isSize(recordSize, known)) return out;
  for (let at = 0; at + recordSize <= bytes.length; at += recordSize) {
    out.push(read(Array.from({ length: known / 4 }, (_, i) => view.getUint32(at + i * 4, true))));
  }
  return out;
}

/** The program with the records that are passed raw. Records of impossible size are left out, and refused later. */
export function withRawRecords(spec: ProgramSpec): ProgramSpec {
  const raw = spec.rawBtfInfo;
  if (raw === undefined) return spec;
  const text = (offset: number): string => spec.btf?.stringOrNull(offset) ?? '';
  const funcInfo =
    raw.funcInfo && each(raw.funcInfo, FUNC_INFO, ([insn, type]): FuncInfo => ({ insn, type }));
  const lineInfo =
    raw.lineInfo &&
    each(raw.lineInfo, LINE_INFO, ([insn, file, source, place]): LineInfo => ({
      insn,
      file: text(file),
      source: text(source),
      line: place >>> COLUMN_BITS,
      column: place & ((1 << COLUMN_BITS) - 1),
    }));
  return { ...spec, funcInfo: funcInfo ?? spec.funcInfo, lineInfo: lineInfo ?? spec.lineInfo };
}

/** Refuses records of func_info that cannot be read. */
export function checkFuncRecordSize(pass: Prepass): void {
  const raw = pass.spec.rawBtfInfo?.funcInfo;
  if (raw === undefined || raw.bytes.length === 0 || isSize(raw.recordSize, FUNC_INFO)) return;
  pass.fail(Errno.EINVAL, `invalid func info rec size ${raw.recordSize}`);
}

/** Refuses a record of func_info that says more than is known. */
export function checkFuncTail(pass: Prepass, index: number): void {
  const raw = pass.spec.rawBtfInfo?.funcInfo;
  if (raw !== undefined && longRecord(raw, FUNC_INFO) === index) {
    pass.fail(Errno.E2BIG, 'nonzero tailing record in func info');
  }
}

/** The same for line_info; records of impossible size are refused without a word. */
export function checkLineRecordSize(pass: Prepass): void {
  const raw = pass.spec.rawBtfInfo?.lineInfo;
  if (raw === undefined || raw.bytes.length === 0 || isSize(raw.recordSize, LINE_INFO)) return;
  pass.fail(Errno.EINVAL, '');
}

/** Refuses a record of line_info that says more than is known. */
export function checkLineTail(pass: Prepass, index: number): void {
  const raw = pass.spec.rawBtfInfo?.lineInfo;
  if (raw !== undefined && longRecord(raw, LINE_INFO) === index) {
    pass.fail(Errno.E2BIG, 'nonzero tailing record in line_info');
  }
}

/** Refuses a record of line_info whose texts are not in the program's BTF. */
export function checkLineTexts(pass: Prepass, index: number): void {
  const { rawBtfInfo, btf } = pass.spec;
  const raw = rawBtfInfo?.lineInfo;
  if (raw === undefined) return;
  const [, file, source] = each(raw, LINE_INFO, (words) => words)[index];
  const isKnown = (offset: number): boolean => (btf?.stringOrNull(offset) ?? null) !== null;
  if (isKnown(source) && isKnown(file)) return;
  pass.fail(Errno.EINVAL, `Invalid line_info[${index}].line_off or .file_name_off`);
}

/** core_relos: records that name instructions of the program. */
export function checkCoreRelos(pass: Prepass): void {
  const raw = pass.spec.rawBtfInfo?.coreRelos;
  if (raw === undefined || raw.bytes.length === 0) return;
  if (!isSize(raw.recordSize, CORE_RELO)) pass.fail(Errno.EINVAL, '');
  each(raw, CORE_RELO, ([offset]) => offset).forEach((offset, index) => {
    if (longRecord(raw, CORE_RELO) === index) {
      pass.fail(Errno.E2BIG, 'nonzero tailing record in core_relo');
    }
    if (offset % INSN_BYTES === 0 && offset / INSN_BYTES < pass.count) return;
    pass.fail(Errno.EINVAL, `Invalid core_relo[${index}].insn_off:${offset} prog->len:${pass.count}`);
  });
}
