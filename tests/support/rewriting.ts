import { assemble } from '../../host/asm/assembler.js';
import { disassembleAll } from '../../host/asm/kernel-dialect.js';
import { profile } from '../../host/profiles/profiles.js';
import type { MapSpec, ProgramSpec } from '../../host/program/program-spec.js';
import { InsnAux } from '../../host/verifier/insn-aux.js';
import type { KernelView } from '../../host/verifier/kernel-view.js';
import { prepare } from '../../host/verifier/prepass/prepare.js';
import { rewrite } from '../../host/verifier/rewrite/rewrite.js';
import type { VerifiedProgram } from '../../host/verifier/verified-program.js';
import { kernelBtf } from './golden-kernel.js';

export interface RewriteCase {
  readonly before: string;
  readonly kernel?: '6.12' | '6.1';
  /** BPF_PROG_TYPE_*; socket filter when absent. */
  readonly type?: number;
  readonly spec?: Partial<ProgramSpec>;
  readonly maps?: readonly MapSpec[];
  readonly stackDepth?: readonly number[];
  readonly privileged?: boolean;
  readonly writesPacket?: boolean;
  readonly asyncCallbacks?: readonly number[];
  /** Changes what a simulation would have found: everything reached, no pointers. */
  readonly facts?: (aux: InsnAux) => void;
}

export const map = (type: number, fields: Partial<MapSpec> = {}): MapSpec => ({
  name: '',
  type,
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  flags: 0,
  extra: 0n,
  ...fields,
});

const SYMBOL_STEP = 0x100;
const symbols: string[] = [];

/** Immediate of a call of this kernel symbol in the made-up kernel of these tests. */
export function symbol(name: string): number {
  if (!symbols.includes(name)) symbols.push(name);
  return (symbols.indexOf(name) + 1) * SYMBOL_STEP;
}

export function kernelOf(version: '6.12' | '6.1', maps: readonly MapSpec[]): KernelView {
  const chosen = profile(`linux-${version}`);
  return {
    profile: chosen,
    btf: kernelBtf(version),
    maps: maps.map((spec, index) => ({
      id: index + 1,
      spec,
      address: 0xffff_8880_0400_0000n + BigInt(index) * 0x1000n,
      valueAddress: 0xffff_8880_0400_0108n + BigInt(index) * 0x1000n,
    })),
    symbolAddress: (name) => chosen.jit.callBase + BigInt(symbol(name)),
  };
}

export function specOf(test: RewriteCase): ProgramSpec {
  return {
    name: 'test',
    section: '',
    type: test.type ?? 1,
    expectedAttachType: 0,
    flags: 0,
    attach: null,
    license: 'GPL',
    insns: assemble(test.before),
    maps: test.maps ?? [],
    btf: null,
    funcInfo: [],
    lineInfo: [],
    ...test.spec,
  };
}

/** The program after all rewrites, with the facts that the test states in place of a simulation. */
export function rewriteCase(test: RewriteCase): VerifiedProgram {
  const spec = specOf(test);
  const kernel = kernelOf(test.kernel ?? '6.12', spec.maps);
  const prepared = prepare(spec, kernel);
  const aux = new InsnAux(prepared.count);
  aux.seen.fill(1);
  test.facts?.(aux);
  const simulated = {
    aux,
    stackDepth: test.stackDepth ?? [],
    verifiedInsns: 0,
    log: [],
    writesPacket: test.writesPacket ?? false,
    asyncCallbacks: new Set(test.asyncCallbacks),
  };
  return rewrite(prepared, simulated, kernel, test.privileged ?? true);
}

export const listing = (insns: Uint8Array): string[] => disassembleAll(insns);
export const listingOf = (text: string): string[] => disassembleAll(assemble(text));
