import { Btf } from '../../host/btf/btf.js';
import { profile } from '../../host/profiles/profiles.js';
import type { MapSpec } from '../../host/program/program-spec.js';
import type { KernelView, LoadedMap } from '../../host/verifier/kernel-view.js';
import { mapSpec } from './golden-program.js';
import { type Golden, vmlinuxBtf } from './goldens.js';

const ARRAY = 2;
const ARENA = 33;
const kernels = new Map<string, Btf>();

/** vmlinux BTF of a recorded kernel, parsed once. */
export function kernelBtf(kernel: string): Btf {
  let btf = kernels.get(kernel);
  if (btf === undefined) kernels.set(kernel, (btf = Btf.parse(vmlinuxBtf(kernel))));
  return btf;
}

/** The kernel that answered, as the verifier sees it: maps at made-up addresses, with their recorded ids. */
export function goldenKernel(record: Golden): KernelView {
  const chosen = profile(`linux-${record.kernel}`, record.profile);
  const load = (spec: MapSpec, id: number, address: bigint): LoadedMap => ({
    id,
    spec,
    address,
    valueAddress: spec.type === ARRAY ? address + BigInt(chosen.jit.offArrayPtrs) : 0n,
    ...(spec.inner === undefined ? {} : { inner: load(spec.inner, 0, address + 0x800n) }),
    ...(spec.type === ARENA ? { arena: arenaOf(record, spec) } : {}),
  });
  return {
    profile: chosen,
    btf: kernelBtf(record.kernel),
    maps: (record.maps ?? []).map((map, index, all) =>
      load(
        mapSpec(map, index, all),
        record.map_ids?.[index] ?? 0,
        0xffff_8880_0400_0000n + BigInt(index) * 0x1000n,
      ),
    ),
    symbolAddress: (name) => chosen.symbols.address(name) ?? 0xffff_ffff_8300_0000n,
  };
}

function arenaOf(record: Golden, spec: MapSpec): { kernel: bigint; user: bigint } {
  return {
    kernel: BigInt(record.jit_input?.arena_kern ?? '0xffffc90000000000'),
    user: BigInt(record.jit_input?.arena_user ?? spec.extra),
  };
}
