import type { Btf } from '../../btf/btf.js';
import { BtfKind } from '../../btf/types.js';
import { BtfError } from '../../errors.js';
import type { KernelVersion } from '../../profiles/profile.js';
import type { KernelView } from '../kernel-view.js';

/** Where a field lies: byte offset in its struct, and of a bit-field the lowest bit within that byte. */
export interface FieldPlace {
  readonly byte: number;
  readonly bit: number;
}

/** Offsets on the recorded Debian builds, for a BTF that lacks the struct (a reduced one); bytes. */
const KNOWN_6_12: Readonly<Record<string, number>> = {
  'sk_buff.len': 112,
  'sk_buff.protocol': 180,
  'sk_buff.priority': 144,
  'sk_buff.mark': 168,
  'sk_buff.hash': 152,
  'sk_buff.skb_iif': 148,
  'sk_buff.dev': 16,
  'sk_buff.cb': 40,
  'sk_buff.data': 208,
  'sk_buff.head': 200,
  'sk_buff.end': 192,
  'sk_buff.sk': 24,
  'sk_buff.tstamp': 32,
  'sk_buff.queue_mapping': 124,
  'sk_buff.vlan_all': 156,
  'sk_buff.vlan_tci': 158,
  'sk_buff.vlan_proto': 156,
  'sk_buff.tc_index': 134,
  'sk_buff.napi_id': 160,
  'sk_buff.pkt_type': 128,
  'sk_buff.cloned': 126,
  'sk_buff.tstamp_type': 129,
  'net_device.ifindex': 224,
  'xdp_buff.data': 0,
  'xdp_buff.data_end': 8,
  'xdp_buff.data_meta': 16,
  'xdp_buff.rxq': 32,
  'xdp_buff.txq': 40,
  'xdp_rxq_info.dev': 0,
  'xdp_rxq_info.queue_index': 8,
  'xdp_txq_info.dev': 0,
  'bpf_skb_data_end.data_meta': 32,
  'bpf_skb_data_end.data_end': 40,
  'qdisc_skb_cb.pkt_len': 0,
  'qdisc_skb_cb.tc_classid': 6,
  'qdisc_skb_cb.data': 8,
  'skb_shared_info.gso_size': 4,
  'skb_shared_info.gso_segs': 6,
  'skb_shared_info.hwtstamps': 16,
  'bpf_array.value': 264,
  'bpf_array.pptrs': 264,
  'htab_elem.key': 48,
  'htab_elem.lru_node.ref': 35,
};

const KNOWN_6_1: Readonly<Record<string, number>> = {
  ...KNOWN_6_12,
  'sk_buff.priority': 140,
  'sk_buff.hash': 148,
  'sk_buff.skb_iif': 144,
  'sk_buff.vlan_tci': 154,
  'sk_buff.vlan_proto': 152,
  'sk_buff.napi_id': 156,
  'sk_buff.vlan_present': 130,
  'net_device.ifindex': 216,
  'bpf_array.value': 272,
  'bpf_array.pptrs': 272,
};

/** Field offsets of a kernel's structures, from its BTF. */
export class KernelOffsets {
  private readonly places = new Map<string, FieldPlace>();
  private readonly perCpuPlaces = new Map<string, number>();

  constructor(
    private readonly btf: Btf,
    private readonly version: KernelVersion,
  ) {}

  /**
   * Offset of a field in bytes.
   *
   * @throws BtfError BTF_NO_MEMBER when neither the BTF nor the known builds have it.
   */
  of(struct: string, path: string): number {
    return this.place(struct, path).byte;
  }

  /** Size of a field in bytes; `otherwise` when the BTF lacks it. */
  sizeAt(struct: string, path: string, otherwise: number): number {
    const id = this.btf.find(struct, BtfKind.STRUCT, BtfKind.UNION);
    if (id === 0) return otherwise;
    return this.btf.sizeOf(this.btf.member(id, path).type);
  }

  /** Place of a field that may be a bit-field. */
  place(struct: string, path: string): FieldPlace {
    const name = `${struct}.${path}`;
    let place = this.places.get(name);
    if (place === undefined) this.places.set(name, (place = this.find(struct, path, name)));
    return place;
  }

  /** Has the struct such a field? */
  has(struct: string, path: string): boolean {
    try {
      this.place(struct, path);
      return true;
    } catch (error) {
      if (error instanceof BtfError) return false;
      throw error;
    }
  }

  /** Size of a struct in bytes; `otherwise` when the BTF lacks it. */
  sizeOf(struct: string, otherwise: number): number {
    const id = this.btf.find(struct, BtfKind.STRUCT, BtfKind.UNION);
    return id === 0 ? otherwise : this.btf.sizeOf(id);
  }

  /** Offset of a per-CPU variable (and of a member of it) in the per-CPU section; `otherwise` when unknown. */
  perCpu(variable: string, path: string, otherwise: number): number {
    const name = `${variable}.${path}`;
    let place = this.perCpuPlaces.get(name);
    if (place === undefined) {
      this.perCpuPlaces.set(name, (place = this.findPerCpu(variable, path) ?? otherwise));
    }
    return place;
  }

  get arrayValue(): number {
    return this.of('bpf_array', 'value');
  }

  get arrayPointers(): number {
    return this.of('bpf_array', 'pptrs');
  }

  get hashElementKey(): number {
    return this.of('htab_elem', 'key');
  }

  get hashElementRef(): number {
    return this.of('htab_elem', 'lru_node.ref');
  }

  private findPerCpu(variable: string, path: string): number | undefined {
    for (const entry of this.btf.datasec('.data..percpu')?.vars ?? []) {
      const type = this.btf.type(entry.type);
      if (type.kind !== BtfKind.VAR || type.name !== variable) continue;
      return entry.offset + (path === '' ? 0 : this.btf.member(type.type, path).bitOffset / 8);
    }
    return undefined;
  }

  private find(struct: string, path: string, name: string): FieldPlace {
    const id = this.btf.find(struct, BtfKind.STRUCT, BtfKind.UNION);
    if (id !== 0) {
      try {
        const { bitOffset } = this.btf.member(id, path);
        return { byte: bitOffset >>> 3, bit: bitOffset & 7 };
      } catch (error) {
        if (!(error instanceof BtfError) || error.code !== 'BTF_NO_MEMBER') throw error;
      }
    }
    const known = (this.version === '6.12' ? KNOWN_6_12 : KNOWN_6_1)[name];
    if (known !== undefined && id === 0) return { byte: known, bit: 0 };
    throw new BtfError(
      'BTF_NO_MEMBER',
      `struct ${struct}: expected a member ${path} in the kernel's BTF, found none`,
    );
  }
}

const cache = new WeakMap<Btf, KernelOffsets>();

/** Offsets of the kernel's structures; found once for each BTF. */
export function kernelOffsets(kernel: KernelView): KernelOffsets {
  let offsets = cache.get(kernel.btf);
  if (offsets === undefined) {
    cache.set(kernel.btf, (offsets = new KernelOffsets(kernel.btf, kernel.profile.version)));
  }
  return offsets;
}
