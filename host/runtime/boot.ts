import { Btf } from '../btf/btf.js';
import { Core, type CoreSource } from '../core/core.js';
import type { RegionName } from '../mm/guest-memory.js';
import { shippedCore } from '../platform/platform.js';
import type { Profile } from '../profiles/profile.js';
import { profile as profileByName } from '../profiles/profiles.js';
import { refineProfile } from '../profiles/refine.js';
import { Kernel } from './kernel.js';

export interface BootOptions {
  /** Kernel to be: linux-6.12 (default), linux-6.1, linux-5.5, or a profile of one's own. */
  readonly profile?: string | Profile;
  /** CPU and boot options: base (default), nobmi2, mitig, mitigamd, harden2. */
  readonly variant?: string;
  /**
   * The kernel's BTF (/sys/kernel/btf/vmlinux), parsed or not; without it, the types of Linux 6.12 that programs meet
   * most, which ship with the package.
   */
  readonly btf?: Btf | Uint8Array;
  /** core.wasm, where it does not lie beside the package's code. */
  readonly wasm?: CoreSource;
  /** Bytes of each guest region, where 64 MiB are too few or too many. */
  readonly memory?: Partial<Record<RegionName, number>>;
  /** Seed of all randomness: image placement, bpf_get_prandom_u32. Default 1. */
  readonly seed?: number;
}

/**
 * Boots a kernel: guest memory, symbols, a per-CPU area, a current task, the engines.
 *
 * @throws UsageError USAGE_PROFILE; BtfError; LimitError LIMIT_MEMORY.
 * @example
 * const kernel = await bootKernel();
 * const object = kernel.loadObject(await readFile('task_walk.bpf.o'));
 */
export async function bootKernel(options: BootOptions = {}): Promise<Kernel> {
  const { btf: given } = options;
  const btf = given instanceof Btf ? given : given ? Btf.parse(given) : await shippedBtf();
  const named = options.profile ?? 'linux-6.12';
  const profile = typeof named === 'string' ? profileByName(named, options.variant) : named;
  const core = await loadCore(options.wasm);
  return new Kernel({
    core,
    profile: refineProfile(profile, btf),
    btf,
    memory: options.memory,
    seed: options.seed ?? 1,
  });
}

/** An instance of the core for {@link verify}, {@link compile} and {@link FaultIndex} alone, without a kernel. */
export async function loadCore(wasm?: CoreSource): Promise<Core> {
  return Core.load(wasm ?? (await shippedCore()));
}

let shipped: Promise<Btf> | undefined;

/** Loaded only when it is needed: a bundle whose users bring their own BTF keeps it in a chunk of its own. */
function shippedBtf(): Promise<Btf> {
  return (shipped ??= import('../profiles/data/embedded-btf.js')
    .then(({ embeddedBtf }) => Btf.parse(embeddedBtf()))
    .catch((error: unknown) => {
      shipped = undefined;
      throw error;
    }));
}
