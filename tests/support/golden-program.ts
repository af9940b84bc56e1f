import { Btf } from '../../host/btf/btf.js';
import type { BpfMap } from '../../host/maps/bpf-map.js';
import {
  type FuncInfo,
  MAP_FD_BASE,
  type MapSpec,
  type ProgramSpec,
} from '../../host/program/program-spec.js';
import type { Kernel } from '../../host/runtime/kernel.js';
import type { LoadedProgram } from '../../host/runtime/loaded-program.js';
import type { Golden, GoldenMap } from './goldens.js';

const PROG_ARRAY_FILLED = 2;
const MAP_IN_MAP = [12, 13];

export const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export function mapSpec(map: GoldenMap, index: number, maps: readonly GoldenMap[]): MapSpec {
  const inner = map.inner ?? null;
  return {
    name: `map${index}`,
    type: map.type,
    keySize: map.key,
    valueSize: map.value,
    maxEntries: map.max,
    flags: map.flags ?? 0,
    extra: BigInt(map.extra ?? 0),
    ...(inner === null ? {} : { inner: mapSpec(maps[inner]!, inner, maps) }),
  };
}

/** The program of a record as its loader passed it. */
export function programSpec(record: Golden): ProgramSpec {
  const insns = fromHex(record.insns_hex);
  const view = new DataView(insns.buffer);
  for (const [insn, map] of record.map_fixups ?? []) view.setUint32(insn * 8 + 4, MAP_FD_BASE + map, true);
  const info = new DataView(fromHex(record.func_info_hex ?? '').buffer);
  const funcInfo: FuncInfo[] = [];
  for (let at = 0; at < info.byteLength; at += 8)
    funcInfo.push({ insn: info.getUint32(at, true), type: info.getUint32(at + 4, true) });
  const { attach } = record;
  return {
    name: 'test',
    section: '',
    type: record.prog_type,
    expectedAttachType: record.expected_attach_type,
    flags: record.prog_flags,
    attach: attach ? { kind: attach.kind, target: attach.target, btfId: attach.btf_id } : null,
    license: 'GPL',
    insns,
    maps: (record.maps ?? []).map(mapSpec),
    btf: record.btf_hex ? Btf.parse(fromHex(record.btf_hex)) : null,
    funcInfo,
    lineInfo: [],
  };
}

const returning = (value: number): Uint8Array =>
  new Uint8Array([0xb7, 0, 0, 0, value, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

export interface GoldenLoad {
  readonly program: LoadedProgram;
  readonly maps: readonly BpfMap[];
  close(): void;
}

/** Loads a record as it was loaded then: its maps filled, images where they were. */
export function loadGolden(kernel: Kernel, record: Golden): GoldenLoad {
  const spec = programSpec(record);
  const records = record.maps ?? [];
  const maps: BpfMap[] = [];
  const helpers: LoadedProgram[] = [];
  const closeAll = (): void => {
    for (const program of helpers) program.close();
    for (const map of maps) kernel.closeMap(map);
  };
  try {
    for (const [at, map] of records.entries()) {
      const inner = map.inner ?? null;
      const made = kernel.createMap(spec.maps[at]!, inner === null ? undefined : maps[inner]);
      maps.push(made);
      if (inner !== null && MAP_IN_MAP.includes(map.type)) made.update(0, maps[inner]!);
      if (map.pop) {
        const bytes = fromHex(map.pop);
        made.update(bytes.subarray(0, map.key), bytes.subarray(map.key));
      }
      if (((map.mflags ?? 0) & PROG_ARRAY_FILLED) === 0) continue;
      for (const slot of [0, 1]) {
        const helper = kernel.load({
          ...spec,
          insns: returning(42 + slot),
          maps: [],
          btf: null,
          funcInfo: [],
        });
        helpers.push(helper);
        made.update(slot, helper);
      }
    }
    const imageAddresses = record.funcs?.map(({ ksym_addr }) => BigInt(ksym_addr));
    const program = kernel.load(spec, maps, { imageAddresses });
    return {
      program,
      maps,
      close: () => {
        program.close();
        closeAll();
      },
    };
  } catch (error) {
    closeAll();
    throw error;
  }
}
