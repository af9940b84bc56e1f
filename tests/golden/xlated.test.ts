import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Core } from '../../host/core/core.js';
import { blind } from '../../host/jit/blind.js';
import { verify } from '../../host/verifier/verify.js';
import type { VerifiedProgram } from '../../host/verifier/verified-program.js';
import { goldenKernel } from '../support/golden-kernel.js';
import { fromHex, programSpec, toHex } from '../support/golden-program.js';
import { type Golden, goldens } from '../support/goldens.js';
import { loadCore } from '../support/jit.js';

const INSN = 8;
const LD_IMM64 = 0x18;
const TAIL_CALL = 0xf5;
const AX = 11;
/** Upper half of addresses in the direct map, where maps lie: they differ from boot to boot. */
const DIRECT_MAP = 0xffff8880;

let core: Core;

before(async () => {
  core = await loadCore();
});

const int32 = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getInt32(at, true);

/** JIT input without what differs from boot to boot: addresses of maps, numbers of tail-call pokes. */
function masked(insns: Uint8Array): string {
  const bytes = insns.slice();
  for (let at = 0; at < bytes.length; at += INSN) {
    if (bytes[at] === TAIL_CALL && int32(bytes, at + 4) !== 0) bytes.fill(1, at + 4, at + INSN);
    if (bytes[at] !== LD_IMM64) continue;
    if (int32(bytes, at + INSN + 4) >>> 0 === DIRECT_MAP) bytes.fill(0, at + 4, at + INSN);
    at += INSN;
  }
  return toHex(bytes);
}

/** Blinded instructions with the random numbers taken out: `mov AX, a; xor AX, b` becomes `mov AX, a^b; xor AX, 0`. */
function unblinded(insns: Uint8Array): string {
  const bytes = insns.slice();
  const view = new DataView(bytes.buffer);
  let high = 0;
  for (let at = 0; at + INSN < bytes.length; at += INSN) {
    const isPair =
      (bytes[at] & ~3) === 0xb4 &&
      bytes[at + 1] === AX &&
      (bytes[at + INSN] & ~3) === 0xa4 &&
      bytes[at + INSN + 1] === AX;
    if (!isPair) continue;
    const value = int32(bytes, at + 4) ^ int32(bytes, at + INSN + 4);
    view.setInt32(at + 4, high === DIRECT_MAP ? 0 : value, true);
    view.setInt32(at + INSN + 4, 0, true);
    high = value >>> 0;
  }
  return toHex(bytes);
}

/** The dump of a program whose constants are blinded: that of the blinded instructions. */
function blindedDump(verified: VerifiedProgram): Uint8Array {
  const { insns } = blind(verified.insns, { u32: () => 0 });
  for (let at = 0; at < insns.length; at += INSN) {
    const mode = insns[at] & 0xe0;
    const cls = insns[at] & 7;
    if (insns[at] === TAIL_CALL) {
      insns.fill(0, at, at + INSN);
      insns[at] = 0x85;
      insns[at + 4] = 12;
    } else if ((cls === 1 && mode === 0x20) || ((cls === 1 || cls === 2 || cls === 3) && mode === 0xa0)) {
      insns[at] = (insns[at] & ~0xe0) | 0x60;
    }
  }
  return insns;
}

/** What differs between the answer of the kernel and ours; null = nothing. */
function difference(record: Golden, verified: VerifiedProgram): string | null {
  const functions = record.funcs ?? [];
  if (verified.tag !== record.tag) return `tag ${verified.tag}, expected ${record.tag}`;
  const isBlinded = record.profile === 'harden2' && functions.length === 1;
  if (isBlinded) {
    const found = unblinded(blindedDump(verified));
    if (found !== unblinded(fromHex(record.xlated_hex!))) return 'blinded instructions';
  } else if (toHex(verified.xlated) !== record.xlated_hex) {
    return 'instructions';
  }
  for (const [index, func] of functions.entries()) {
    const ours = verified.functions[index];
    if (ours === undefined) return `functions: ${verified.functions.length}, expected ${functions.length}`;
    if (ours.numExentries !== func.num_exentries) {
      return `function ${index}: ${ours.numExentries} probes, expected ${func.num_exentries}`;
    }
  }
  const input = record.jit_input;
  if (input === undefined || isBlinded) return null;
  if (masked(verified.insns) !== masked(fromHex(input.insns_hex))) return 'JIT input';
  const [main] = verified.functions;
  const stack = (main.stackDepth + 7) & ~7;
  if (stack !== (input.stack_depth ?? 0)) return `stack ${stack}, expected ${input.stack_depth}`;
  const reachable = Boolean(input.tail_call_reachable);
  if (main.tailCallReachable !== reachable) return `tail-call reachable, expected ${reachable}`;
  return null;
}

function answer(record: Golden): string | null {
  try {
    return difference(record, verify(programSpec(record), goldenKernel(record), { core }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('accepted programs are rewritten as the kernel rewrote them', () => {
  for (const kernel of ['6.12', '6.1']) {
    for (const corpus of ['probe', 'isa', 'large']) {
      for (const profile of ['base', 'nobmi2', 'mitig', 'mitigamd', 'negval', 'harden2']) {
        const name = `${kernel} ${corpus} ${profile}`;
        const records = goldens(kernel, corpus, profile).filter((record) => record.verdict === 'accept');
        if (records.length === 0) continue;
        it(name, (context) => {
          const differing: string[] = [];
          for (const record of records) {
            const found = answer(record);
            if (found !== null) differing.push(`${record.id}: ${found}`);
          }
          context.diagnostic(`${records.length - differing.length} of ${records.length} are identical`);
          assert.deepEqual(differing, []);
        });
      }
    }
  }
});
