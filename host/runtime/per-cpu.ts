import type { Btf } from '../btf/btf.js';
import { BtfKind } from '../btf/types.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { Profile } from '../profiles/profile.js';
import type { GuestAddress } from '../quantities.js';

const SLACK = 4096;

/**
 * The per-CPU area of CPU 0. Variables are linked at offsets from 0, so gs base, this_cpu_off and the area's address
 * are the same number.
 */
export class PerCpuArea {
  readonly base: GuestAddress;
  readonly #memory: GuestMemory;
  readonly #current: GuestAddress;

  constructor(memory: GuestMemory, btf: Btf, profile: Profile) {
    const section = btf.datasec('.data..percpu');
    const size = Math.max(section?.size ?? 0, profile.jit.thisCpuOff + 8) + SLACK;
    this.base = memory.alloc('direct', size, 4096);
    this.#memory = memory;
    const offsets = new Map<string, number>();
    for (const { type, offset } of section?.vars ?? []) offsets.set(btf.type(type).name, offset);
    const hot = offsets.get('pcpu_hot');
    const hotStruct = btf.find('pcpu_hot', BtfKind.STRUCT);
    const place = (name: string): GuestAddress => {
      const own = offsets.get(name);
      if (own !== undefined) return this.base + BigInt(own);
      if (hot === undefined || hotStruct === 0) return 0n;
      return this.base + BigInt(hot + btf.member(hotStruct, name).bitOffset / 8);
    };
    memory.writeUint(this.base + BigInt(profile.jit.thisCpuOff), 8, this.base);
    this.#current = place('current_task');
  }

  set currentTask(task: GuestAddress) {
    if (this.#current !== 0n) this.#memory.writeUint(this.#current, 8, task);
  }
}
