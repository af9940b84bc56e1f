import type { Btf } from '../btf/btf.js';
import type { Profile } from '../profiles/profile.js';
import type { MapSpec, ProgramSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import type { VerifiedFunction } from './verified-program.js';

/** A created map, as programs refer to it. */
export interface LoadedMap {
  readonly id: number;
  readonly spec: MapSpec;
  /** Address of the struct bpf_map. */
  readonly address: GuestAddress;
  /** Address of the value storage of an array map; 0 for other types. */
  readonly valueAddress: GuestAddress;
  readonly inner?: LoadedMap;
  /** Arena only: base in the kernel (what r12 holds) and in user space. */
  readonly arena?: { readonly kernel: GuestAddress; readonly user: GuestAddress };
  /** The map is frozen and read-only for programs, and its bytes may be taken as constants. */
  readonly constant?: Uint8Array;
}

/** A loaded program, as programs that replace or trace one of its functions see it. */
export interface TargetProgram {
  readonly spec: ProgramSpec;
  readonly functions: readonly VerifiedFunction[];
  /** It is a tracing program that traces a tracing program. */
  readonly tracesTracer: boolean;
}

/** What the verifier sees of the kernel that a program is loaded into. */
export interface KernelView {
  readonly profile: Profile;
  /** vmlinux BTF. */
  readonly btf: Btf;
  /** Created maps, in the order of ProgramSpec.maps. */
  readonly maps: readonly LoadedMap[];
  /** Program that the one being loaded attaches to; absent = it attaches to the kernel. */
  readonly target?: TargetProgram | undefined;
  /**
   * Address of a kernel function or variable; symbols that no profile names get a stable address of their own,
   * in kernel text within rel32 of images. 0 = the kernel has no such symbol.
   */
  symbolAddress(name: string): GuestAddress;
}
