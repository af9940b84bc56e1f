import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import type { Profile } from '../profiles/profile.js';

/**
 * Where the fields of map objects lie. Offsets in bytes.
 *
 *   bpf_array                                   htab_elem
 *   +---------+-----------+--------------+      +--------+----------+------+-----+-------+
 *   | bpf_map | elem_size | value[], ... |      | links  | lru_node | hash | key | value |
 *   +---------+-----------+--------------+      +--------+----------+------+-----+-------+
 */
export interface MapLayout {
  readonly mapSize: number;
  readonly mapType: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly mapExtra: number;
  readonly mapFlags: number;
  readonly id: number;
  readonly name: number;
  readonly frozen: number;
  readonly arrayElemSize: number;
  readonly arrayIndexMask: number;
  /** bpf_array.value and bpf_array.ptrs: the same place. */
  readonly arrayValue: number;
  readonly htabSize: number;
  readonly elemKey: number;
  /** Referenced mark of an LRU element. */
  readonly elemRef: number;
}

// Debian builds of each kernel; a field absent from the BTF at hand keeps its place from here.
const FIELDS_6_12 = {
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
const FIELDS_6_1 = {
  ...FIELDS_6_12,
  mapSize: 256,
  id: 68,
  name: 104,
  frozen: 233,
  arrayElemSize: 256,
  arrayIndexMask: 260,
  arrayValue: 272,
  htabSize: 832,
};

/** Layout of map objects in the kernel of this profile; `btf` decides where it has the types. */
export function mapLayout(profile: Profile, btf: Btf): MapLayout {
  const known = profile.version === '6.12' ? FIELDS_6_12 : FIELDS_6_1;
  const place = (struct: string, member: string, otherwise: number): number => {
    const id = btf.find(struct, BtfKind.STRUCT);
    if (id === 0) return otherwise;
    const type = btf.type(id);
    if (type.kind !== BtfKind.STRUCT) return otherwise;
    if (member === '') return type.size;
    // A reduced BTF leaves members out.
    const first = member.split('.')[0];
    const has = type.members.some((field) => field.name === first || field.name === '');
    if (!has) return otherwise;
    try {
      return btf.member(id, member).bitOffset / 8;
    } catch {
      return otherwise;
    }
  };
  return {
    mapSize: Math.max(place('bpf_map', '', 0), known.mapSize),
    mapType: place('bpf_map', 'map_type', known.mapType),
    keySize: place('bpf_map', 'key_size', known.keySize),
    valueSize: place('bpf_map', 'value_size', known.valueSize),
    maxEntries: profile.jit.offMapMaxEntries,
    mapExtra: place('bpf_map', 'map_extra', known.mapExtra),
    mapFlags: place('bpf_map', 'map_flags', known.mapFlags),
    id: place('bpf_map', 'id', known.id),
    name: place('bpf_map', 'name', known.name),
    frozen: place('bpf_map', 'frozen', known.frozen),
    arrayElemSize: place('bpf_array', 'elem_size', known.arrayElemSize),
    arrayIndexMask: place('bpf_array', 'index_mask', known.arrayIndexMask),
    arrayValue: profile.jit.offArrayPtrs,
    htabSize: Math.max(place('bpf_htab', '', 0), known.htabSize),
    elemKey: place('htab_elem', 'key', known.elemKey),
    elemRef: place('htab_elem', 'lru_node', 16) + place('bpf_lru_node', 'ref', 19),
  };
}
