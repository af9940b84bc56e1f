import { Errno } from '../verifier-error.js';
import type { Prepass } from './prepass.js';
import { checkLineRecordSize, checkLineTail, checkLineTexts } from './raw-records.js';

/** line_info, when there is any: rising offsets at instructions' first slots, and a record for each function. */
export function checkLineInfo(pass: Prepass, starts: readonly number[]): void {
  const { lineInfo } = pass.spec;
  checkLineRecordSize(pass);
  if (lineInfo.length === 0) return;
  let before = 0;
  let next = 0;
  lineInfo.forEach(({ insn }, index) => {
    checkLineTail(pass, index);
    if ((index > 0 && insn <= before) || insn >= pass.count) {
      const text = `insn_off:${insn} (prev_offset:${before} prog->len:${pass.count})`;
      pass.fail(Errno.EINVAL, `Invalid line_info[${index}].${text}`);
    }
    if (pass.stream.code[insn] === 0) {
      pass.fail(Errno.EINVAL, `Invalid insn code at line_info[${index}].insn_off`);
    }
    checkLineTexts(pass, index);
    if (next < starts.length) {
      if (insn === starts[next]) next++;
      else if (starts[next] < insn) pass.fail(Errno.EINVAL, `missing bpf_line_info for func#${next}`);
    }
    before = insn;
  });
  if (next === starts.length) return;
  const missing = `${starts.length - next} funcs starting from func#${next}`;
  pass.fail(Errno.EINVAL, `missing bpf_line_info for ${missing}`);
}
