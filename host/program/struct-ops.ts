import { INSN_SIZE } from '../../assembly/isa.js';
import type { Btf } from '../btf/btf.js';
import { type BtfComposite, BtfKind } from '../btf/types.js';
import type { ObjectFile } from '../elf/object-file.js';
import { essentialName } from '../btf/essential-name.js';
import { type CodeFunction, type FunctionTable, programError } from './functions.js';
import type { AttachTarget } from './program-spec.js';

const SECTION = /^\??\.struct_ops(\.link)?$/;

/** The member of a kernel's struct of functions that a program implements. */
export interface StructOpsMember {
  readonly attach: AttachTarget;
  /** Index of the member in the kernel's struct: BPF_PROG_LOAD takes it as the attach type. */
  readonly index: number;
}

/**
 * Which members the programs implement whose addresses the variables of `.struct_ops` hold.
 *
 * @throws ProgramError PROGRAM_STRUCT_OPS.
 */
export function readStructOps(
  object: ObjectFile,
  btf: Btf | null,
  kernel: Btf | null,
  functions: FunctionTable,
): ReadonlyMap<CodeFunction, StructOpsMember> {
  const found = new Map<CodeFunction, StructOpsMember>();
  if (btf === null) return found;
  for (const section of object.sections.filter(({ name }) => SECTION.test(name))) {
    const variables = btf.datasec(section.name)?.vars ?? [];
    const data = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength);
    for (const { offset, symbol } of object.relocations(section.index)) {
      const wrong = (expected: string): Error =>
        programError('PROGRAM_STRUCT_OPS', section.name, offset, expected);
      const variable = variables.find((one) => offset >= one.offset && offset < one.offset + one.size);
      const declared = variable && btf.type(variable.type);
      const struct = declared?.kind === BtfKind.VAR ? btf.type(btf.skipModifiers(declared.type)) : undefined;
      if (variable === undefined || struct?.kind !== BtfKind.STRUCT)
        throw wrong('a member of a struct, found none');
      const place = (offset - variable.offset) * 8;
      const member = struct.members.find(({ bitOffset }) => bitOffset === place);
      if (member === undefined) throw wrong(`a member of struct ${struct.name}, found none`);
      // The address of a static function is that of its section and an addend.
      const addend = offset + 8 <= data.byteLength ? Number(data.getBigUint64(offset, true)) : 0;
      const code = functions.at(symbol.section, (symbol.value + addend) / INSN_SIZE);
      if (code === undefined) continue;
      const implemented = memberOf(kernel, essentialName(struct.name), essentialName(member.name), wrong);
      const other = found.get(code);
      if (other !== undefined && !isSame(other, implemented))
        throw wrong(`${code.name} for ${other.attach.target} alone, found ${implemented.attach.target} too`);
      found.set(code, implemented);
    }
  }
  return found;
}

function isSame(one: StructOpsMember, other: StructOpsMember): boolean {
  return one.attach.btfId === other.attach.btfId && one.index === other.index;
}

function memberOf(
  kernel: Btf | null,
  struct: string,
  name: string,
  wrong: (expected: string) => Error,
): StructOpsMember {
  const attach = { kind: 'struct_ops', target: `${struct}.${name}` };
  const btfId = kernel?.find(struct, BtfKind.STRUCT) ?? 0;
  if (kernel === null || btfId === 0) return { attach: { ...attach, btfId }, index: 0 };
  const index = (kernel.type(btfId) as BtfComposite).members.findIndex((member) => member.name === name);
  if (index < 0) throw wrong(`a member of the kernel's struct ${struct}, found ${name}`);
  return { attach: { ...attach, btfId }, index };
}
