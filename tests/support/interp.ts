import { readFileSync } from 'node:fs';
import { Core } from '../../host/core/core.js';
import { GuestMemory } from '../../host/mm/guest-memory.js';
import type { JitKnobs, KernelVersion } from '../../host/profiles/profile.js';
import { InterpEngine } from '../../host/runtime/interpreter.js';

const wasm = readFileSync(new URL('../../host/core/core.wasm', import.meta.url));
const MIB = 1 << 20;

/** Address the helper immediates of these tests are relative to. */
export const CALL_BASE = 0xffffffff81200000n;

export const knobs = (version: KernelVersion): JitKnobs => ({
  version,
  bmi2: true,
  ibt: version === '6.12',
  cfi: 'off',
  indirect: 'plain',
  sls: true,
  retpolineConfig: true,
  callDepth: false,
  la57: false,
  smp: true,
  offMapMaxEntries: 36,
  offArrayPtrs: 264,
  offProgFunc: 48,
  thisCpuOff: 0x19a18,
  callBase: CALL_BASE,
  probeMem: true,
});

/** A core with small regions and an interpreter. */
export async function interpMachine(
  version: KernelVersion = '6.12',
  options: { perCpuOffset?: bigint; stackSize?: number } = {},
): Promise<{ core: Core; memory: GuestMemory; engine: InterpEngine }> {
  const core = await Core.load(wasm);
  const memory = new GuestMemory(core, {
    user: MIB,
    direct: 4 * MIB,
    vmalloc: 4 * MIB,
    text: MIB,
    modules: MIB,
  });
  return { core, memory, engine: new InterpEngine(core, memory, knobs(version), options) };
}

/** One instruction slot. */
export function insn(opcode: number, dst = 0, src = 0, off = 0, imm = 0): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  bytes[0] = opcode;
  bytes[1] = dst | (src << 4);
  view.setInt16(2, off, true);
  view.setInt32(4, imm, true);
  return bytes;
}

/** The two slots of ld_imm64. */
export function ldImm64(dst: number, value: bigint, src = 0): Uint8Array {
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  return code(insn(0x18, dst, src, 0, low), insn(0, 0, 0, 0, high));
}

export function code(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
