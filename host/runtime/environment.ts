import type { HelperEnvironment, RunScope } from '../helpers/helper.js';
import type { BpfMap } from '../maps/bpf-map.js';
import type { GuestMemory } from '../mm/guest-memory.js';
import type { KernelObject } from '../mm/kernel-object.js';
import type { Btf } from '../btf/btf.js';
import { type RandomSource, seededRandom } from '../jit/random.js';
import type { GuestAddress } from '../quantities.js';
import type { ProgramContext } from './context/program-context.js';
import type { KernelText } from './kernel-text.js';
import type { ObjectFactory } from './objects.js';

/** What of the kernel a run works on. */
export interface RunSurroundings {
  readonly memory: GuestMemory;
  readonly btf: Btf;
  readonly text: KernelText;
  readonly objects: ObjectFactory;
  readonly perCpuOffset: bigint;
  readonly currentTask: GuestAddress;
  readonly trace: string[];
  mapAt(address: GuestAddress): BpfMap | undefined;
}

const NS_PER_CALL = 100n;
/** A kernel that has been up for a while: one minute. */
const BOOT_TIME = 60_000_000_000n;

export function runScope(context: ProgramContext, cookie: bigint, returnValue: bigint): RunScope {
  return {
    context: context.address,
    cookie,
    argumentCount: context.argumentCount,
    functionAddress: context.functionAddress,
    returnValue,
    redirect: null,
    seq: [],
  };
}

/** The helpers' view of one run. Time moves with every question for it, randomness follows the seed: runs repeat. */
export class RunEnvironment implements HelperEnvironment {
  readonly cpu = 0;
  readonly #random: RandomSource;
  #time = BOOT_TIME;

  constructor(
    private readonly around: RunSurroundings,
    readonly scope: RunScope,
    private readonly callback: (entry: GuestAddress, args: readonly bigint[]) => bigint,
    seed: number,
  ) {
    this.#random = seededRandom(seed);
  }

  get memory(): GuestMemory {
    return this.around.memory;
  }

  get btf(): Btf {
    return this.around.btf;
  }

  get perCpuOffset(): bigint {
    return this.around.perCpuOffset;
  }

  get currentTask(): GuestAddress {
    return this.around.currentTask;
  }

  get trace(): string[] {
    return this.around.trace;
  }

  mapAt(address: GuestAddress): BpfMap | undefined {
    return this.around.mapAt(address);
  }

  call(entry: GuestAddress, ...args: readonly bigint[]): bigint {
    return this.callback(entry, args);
  }

  object(type: string, address: GuestAddress): KernelObject {
    return this.around.objects.at(type, address);
  }

  now(): bigint {
    this.#time += NS_PER_CALL;
    return this.#time;
  }

  random(): number {
    return this.#random.u32();
  }

  symbolName(address: GuestAddress): string | undefined {
    return this.around.text.name(address);
  }

  symbolAddress(name: string): GuestAddress {
    return this.around.text.address(name);
  }
}
