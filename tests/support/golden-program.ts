import { Btf } from '../../host/btf/btf.js';
import { profile } from '../../host/profiles/profiles.js';
import { type FuncInfo, MAP_FD_BASE, type MapSpec, type ProgramSpec } from '../../host/program/program-spec.js';
import type { KernelView, LoadedMap } from '../../host/verifier/kernel-view.js';
import { type Golden, type GoldenMap, vmlinuxBtf } from './goldens.js';

const kernels = new Map<string, Btf>();

/** vmlinux BTF of a recorded kernel, parsed once. */
export function kernelBtf(kernel: string): Btf {
  let btf = kernels.get(kernel);
  if (btf === undefined) kernels.set(kernel, (btf = Btf.parse(vmlinuxBtf(kernel))));
  return btf;
}

export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The program a recorded answer is about, as its loader submitted it. */
export function goldenSpec(record: Golden): ProgramSpec {
  const insns = fromHex(record.insns_hex);
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (const [slot, map] of record.map_fixups ?? []) view.setInt32(slot * 8 + 4, MAP_FD_BASE + map, true);
  const { attach } = record;
  return {
    name: '',
    section: '',
    type: record.prog_type,
    expectedAttachType: record.expected_attach_type,
    flags: record.prog_flags,
    attach: attach && { kind: attach.kind, target: attach.target, btfId: attach.btf_id },
    license: 'GPL',
    insns,
    maps: (record.maps ?? []).map((map) => mapSpec(map, record.maps!)),
    btf: record.btf_hex === undefined ? null : Btf.parse(fromHex(record.btf_hex)),
    funcInfo: funcInfo(record.func_info_hex ?? ''),
    lineInfo: [],
  };
}

function funcInfo(hex: string): FuncInfo[] {
  const bytes = Buffer.from(hex, 'hex');
  return Array.from({ length: bytes.length / 8 }, (_, index) => ({
    insn: bytes.readUInt32LE(index * 8),
    type: bytes.readUInt32LE(index * 8 + 4),
  }));
}

function mapSpec(map: GoldenMap, all: readonly GoldenMap[]): MapSpec {
  return {
    name: '',
    type: map.type,
    keySize: map.key,
    valueSize: map.value,
    maxEntries: map.max,
    flags: map.flags ?? 0,
    extra: BigInt(map.extra ?? 0),
    ...(map.inner === undefined || map.inner === null ? {} : { inner: mapSpec(all[map.inner], all) }),
  };
}

/** The kernel that answered, with maps at made-up addresses but with their recorded ids. */
export function goldenKernel(record: Golden): KernelView {
  const spec = goldenSpec(record);
  const chosen = profile(`linux-${record.kernel}`, record.profile);
  const address = (index: number): bigint => 0xffff_8880_0400_0000n + BigInt(index) * 0x1000n;
  const load = (map: MapSpec, id: number, at: bigint): LoadedMap => ({
    id,
    spec: map,
    address: at,
    valueAddress: map.type === 2 ? at + BigInt(chosen.jit.offArrayPtrs) : 0n,
    ...(map.inner === undefined ? {} : { inner: load(map.inner, 0, at + 0x800n) }),
    ...(map.type === 33
      ? {
          arena: {
            kernel: BigInt(record.jit_input?.arena_kern ?? '0xffffc90000000000'),
            user: BigInt(record.jit_input?.arena_user ?? map.extra),
          },
        }
      : {}),
  });
  return {
    profile: chosen,
    btf: kernelBtf(record.kernel),
    maps: spec.maps.map((map, index) => load(map, record.map_ids?.[index] ?? 0, address(index))),
    symbolAddress: (name) => chosen.symbols.address(name) ?? 0xffff_ffff_8300_0000n,
  };
}
