import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { INSN_SIZE } from '../../assembly/isa.js';
import { writeInsn, readInsn } from '../../host/asm/insn.js';
import { Btf } from '../../host/btf/btf.js';
import { readObjectSpec } from '../../host/program/object-spec.js';
import {
  MAP_FD_BASE,
  type MapSpec,
  type ObjectSpec,
  type ProgramSpec,
} from '../../host/program/program-spec.js';
import { type Golden, type GoldenMap, goldens, vmlinuxBtf } from '../support/goldens.js';

const NOTE = /^objects\/([\d.]+\/\w+\.bpf\.o):(\w+)$/;
const PROFILES = ['base', 'nobmi2', 'mitig', 'mitigamd', 'negval', 'harden2'];

/** The instructions as records have them: map references 0, with the places where they were. */
function withoutMaps(program: ProgramSpec): { insns: string; fixups: [number, number][] } {
  const insns = program.insns.slice();
  const fixups: [number, number][] = [];
  for (let index = 0; index < insns.length / INSN_SIZE; index++) {
    const insn = readInsn(insns, index);
    if (insn.opcode !== 0x18) continue;
    if (insn.src === 1 || insn.src === 2) {
      fixups.push([index, insn.imm - MAP_FD_BASE]);
      writeInsn(insns, index, { ...insn, imm: 0 });
    }
    index++;
  }
  return { insns: Buffer.from(insns).toString('hex'), fixups };
}

/** Records come with a smaller BTF of their own: only the places of func_info are the object's. */
function funcInfoPlaces(hex: string): number[] {
  const words = Buffer.from(hex, 'hex');
  return Array.from({ length: words.length / 8 }, (_, i) => words.readUInt32LE(i * 8));
}

function shape({ type, keySize, valueSize, maxEntries, flags, extra }: MapSpec): object {
  return { type, keySize, valueSize, maxEntries, flags, extra: Number(extra) };
}

function goldenShape({ type, key, value, max, flags = 0, extra = 0 }: GoldenMap): object {
  return { type, keySize: key, valueSize: value, maxEntries: max, flags, extra };
}

for (const kernel of ['6.1', '6.12']) {
  test(`${kernel}: objects become the programs that were recorded`, () => {
    const btf = Btf.parse(vmlinuxBtf(kernel));
    const objects = new Map<string, ObjectSpec>();
    const objectOf = (file: string): ObjectSpec => {
      const known = objects.get(file);
      if (known !== undefined) return known;
      const bytes = new Uint8Array(readFileSync(new URL(`../fixtures/objects/${file}`, import.meta.url)));
      const object = readObjectSpec(bytes, btf, { fileName: file });
      objects.set(file, object);
      return object;
    };
    const records = PROFILES.flatMap((profile) => goldens(kernel, 'probe', profile)).filter(
      (golden): golden is Golden & { note: string } => NOTE.test(golden.note ?? ''),
    );
    for (const golden of records) {
      const [, file, name] = NOTE.exec(golden.note)!;
      const object = objectOf(file);
      const program = object.programs.find((each) => each.name === name);
      assert.ok(program !== undefined, `${golden.note} is a program`);
      const { insns, fixups } = withoutMaps(program);
      const got = {
        insns,
        maps: fixups.map(([insn, map]) => [insn, shape(object.maps[map])]),
        type: program.type,
        attachType: program.expectedAttachType,
        flags: program.flags,
        attach: program.attach && { ...program.attach },
        functions: golden.func_info_hex === undefined ? [] : program.funcInfo.map(({ insn }) => insn),
      };
      const { attach } = golden;
      const want = {
        insns: golden.insns_hex,
        maps: (golden.map_fixups ?? []).map(([insn, map]) => [insn, goldenShape(golden.maps![map])]),
        type: golden.prog_type,
        attachType: golden.expected_attach_type,
        flags: golden.prog_flags,
        // Records name the section of programs that attach to nothing in BTF.
        attach:
          attach === null || attach.btf_id === 0
            ? null
            : { kind: attach.kind, target: attach.target, btfId: attach.btf_id },
        functions: funcInfoPlaces(golden.func_info_hex ?? ''),
      };
      assert.deepEqual(got, want, `${golden.id} (${golden.note})`);
    }

    assert.ok(records.length > 80, `${records.length} records compared`);
  });
}
