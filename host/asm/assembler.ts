import * as isa from '../../assembly/isa.js';
import { UsageError } from '../errors.js';
import type { InsnIndex } from '../quantities.js';
import { type Insn, writeInsn } from './insn.js';
import { parseStatement, type Statement } from './statement.js';

/**
 * Assembles text in the kernel's dialect, one instruction a line, into instruction slots.
 *
 * Beside what the verifier log prints, lines may have a label (`loop:`), an index (`3:`), an opcode (`(79)`, which
 * then decides between forms that print alike) and a comment (`;` or `//`); branches and calls may name a label.
 * `r1 = 5 ll` is the 64-bit load; its pseudo forms are `r1 = map_fd 5`, `r1 = map_value 5 +8`, `r1 = btf_id 7` and
 * `r1 = func label`. `call kfunc 7` calls a kernel function by BTF id.
 *
 * @throws UsageError USAGE_ASM naming the line.
 * @example
 * assemble(`
 *   r0 = 1
 *   if r1 == 0x0 goto out
 *   r0 = *(u64 *)(r1 +8)
 * out:
 *   exit
 * `);
 */
export function assemble(text: string): Uint8Array {
  const statements: { readonly statement: Statement; readonly at: InsnIndex; readonly line: number }[] = [];
  const labels = new Map<string, InsnIndex>();
  let slots = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const fail = (expected: string, found: string): UsageError => asmError(line, expected, found);
    let rest = raw.replace(/(;|\/\/).*$/, '').trim();
    for (let label = LABEL.exec(rest); label !== null; label = LABEL.exec(rest)) {
      const name = label[1]!;
      if (!/^\d+$/.test(name)) {
        if (labels.has(name)) throw fail('a label that is new', `"${name}" again`);
        labels.set(name, slots);
      }
      rest = rest.slice(label[0].length).trim();
    }
    if (rest === '') continue;
    const opcode = OPCODE.exec(rest);
    const statement = parseStatement(
      opcode === null ? rest : rest.slice(opcode[0].length).trim(),
      opcode?.[1],
    );
    if (typeof statement === 'string') throw fail(statement, `"${rest}"`);
    statements.push({ statement, at: slots, line });
    slots += statement.high === null ? 1 : 2;
  }
  const insns = new Uint8Array(slots * isa.INSN_SIZE);
  for (const { statement, at, line } of statements) {
    writeInsn(insns, at, resolved(statement, at, labels, line));
    if (statement.high !== null)
      writeInsn(insns, at + 1, { opcode: 0, dst: 0, src: 0, off: 0, imm: statement.high });
  }
  return insns;
}

const LABEL = /^([A-Za-z_.$][\w.$]*|\d+):(?!:)/;
const OPCODE = /^\(([0-9a-f]{2})\)/;
const OFF_MAX = 0x7fff;

function resolved(
  statement: Statement,
  at: InsnIndex,
  labels: ReadonlyMap<string, InsnIndex>,
  line: number,
): Insn {
  const { insn, target } = statement;
  if (target === null) return insn;
  const place = labels.get(target.label);
  if (place === undefined) throw asmError(line, 'a label of this text', `"${target.label}"`);
  const distance = place - at - 1;
  if (target.field === 'imm') return { ...insn, imm: distance };
  if (distance > OFF_MAX || distance < -OFF_MAX - 1) {
    throw asmError(line, 'a target within 16 bits', `a distance of ${distance}`);
  }
  return { ...insn, off: distance };
}

function asmError(line: number, expected: string, found: string): UsageError {
  return new UsageError('USAGE_ASM', `line ${line}: expected ${expected}, found ${found}`, { line });
}
