import '../../host/platform/node.js';
import { Core } from '../../host/core/core.js';
import { platform } from '../../host/platform/platform.js';
import { GuestMemory } from '../../host/mm/guest-memory.js';
import type { BpfMap, MapEnvironment } from '../../host/maps/bpf-map.js';
import { createMap } from '../../host/maps/create-map.js';
import type { MapLayout } from '../../host/maps/map-layout.js';
import type { MapSpec } from '../../host/program/program-spec.js';

/** Field places of Linux 6.12 (its BTF says the same; tests/unit/maps/layout.test.ts compares). */
export const LAYOUT_6_12: MapLayout = {
  mapSize: 248,
  mapType: 24,
  keySize: 28,
  valueSize: 32,
  maxEntries: 36,
  mapExtra: 40,
  mapFlags: 48,
  id: 52,
  name: 96,
  frozen: 217,
  arrayElemSize: 248,
  arrayIndexMask: 252,
  arrayValue: 264,
  htabSize: 896,
  elemKey: 48,
  elemRef: 35,
};

export const PER_CPU_OFFSET = 0xffff_8880_0200_0000n;

export interface TestMaps {
  readonly memory: GuestMemory;
  make<T extends BpfMap>(spec: Partial<MapSpec>, inner?: BpfMap): T;
}

const MIB = 1 << 20;

/** Guest memory with a factory of maps. */
export async function testMaps(lastType?: number): Promise<TestMaps> {
  const memory = new GuestMemory(await Core.load(await platform().coreWasm()), {
    user: MIB,
    direct: 8 * MIB,
    vmalloc: 16 * MIB,
    text: MIB,
    modules: MIB,
  });
  const maps = new Map<bigint, BpfMap>();
  let id = 0;
  const env: MapEnvironment = {
    memory,
    layout: LAYOUT_6_12,
    perCpuOffset: PER_CPU_OFFSET,
    lastType,
    nextId: () => ++id,
    mapAt: (address) => maps.get(address),
  };
  return {
    memory,
    make<T extends BpfMap>(spec: Partial<MapSpec>, inner?: BpfMap): T {
      const whole: MapSpec = {
        name: 'test',
        type: 2,
        keySize: 4,
        valueSize: 8,
        maxEntries: 4,
        flags: 0,
        extra: 0n,
        ...spec,
      };
      const map = createMap(env, whole, inner);
      maps.set(map.address, map);
      return map as T;
    },
  };
}
