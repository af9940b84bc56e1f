import type { ProgramSpec } from '../../program/program-spec.js';
import type { KernelOffsets } from '../ctx/offsets.js';
import { kernelOffsets } from '../ctx/offsets.js';
import type { InsnAux } from '../insn-aux.js';
import type { KernelView, LoadedMap } from '../kernel-view.js';
import type { Prepared } from '../prepared.js';

/** What every rewrite may look at. */
export interface RewriteEnvironment {
  readonly spec: ProgramSpec;
  readonly prepared: Prepared;
  readonly kernel: KernelView;
  readonly aux: InsnAux;
  /** By the indexes that aux.map holds. */
  readonly maps: readonly LoadedMap[];
  readonly offsets: KernelOffsets;
  readonly privileged: boolean;
  /** Mispredicted paths are nobody's concern. */
  readonly perfmon: boolean;
  /** Linux 6.12 and later: signed division, arenas, per-CPU moves, may_goto, exceptions. */
  readonly isModern: boolean;
  /** Symbols of the helpers met so far (helper-target.ts). */
  readonly helperTargets: Map<number, string>;
  /** Immediate of a call of this kernel symbol: its address relative to the call base. */
  immediateOf(symbol: string): number;
}

export function rewriteEnvironment(
  prepared: Prepared,
  kernel: KernelView,
  aux: InsnAux,
  maps: readonly LoadedMap[],
  privileged: boolean,
  perfmon: boolean,
): RewriteEnvironment {
  const immediates = new Map<string, number>();
  return {
    spec: prepared.spec,
    prepared,
    kernel,
    aux,
    maps,
    offsets: kernelOffsets(kernel),
    privileged,
    perfmon,
    helperTargets: new Map(),
    isModern: kernel.profile.version === '6.12',
    immediateOf(symbol) {
      let immediate = immediates.get(symbol);
      if (immediate === undefined) {
        const distance = kernel.symbolAddress(symbol) - kernel.profile.jit.callBase;
        immediates.set(symbol, (immediate = Number(BigInt.asIntN(32, distance))));
      }
      return immediate;
    },
  };
}
