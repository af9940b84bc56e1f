import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  BPF_CALL,
  BPF_DW,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_MEM,
  BPF_PROBE_MEM,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_REG_FP,
  INSN_SIZE,
} from '../../assembly/isa.js';
import type { Core } from '../../host/core/core.js';
import { compile } from '../../host/jit/compile.js';
import type { JitInput } from '../../host/jit/jit-image.js';
import { profile } from '../../host/profiles/profiles.js';
import { type Golden, goldens } from '../support/goldens.js';
import { FakeImages, fromHex, jitInput, loadCore, toHex } from '../support/jit.js';

// Programs of several functions have no jit_input. It is rebuilt from the dump: functions start where calls and
// callbacks lead; where a function has exception entries, all its loads not through the frame pointer are probes;
// addresses of maps come from the recorded image. Records that this does not describe are left out.

const CALL = BPF_JMP | BPF_CALL;
const LD_IMM64 = BPF_LD | BPF_DW;
/** A call of helper 12, as dumped. */
const TAIL_CALL = '850000000c000000';

let core: Core;

before(async () => {
  core = await loadCore();
});

/** Start slots of the functions, rising. */
function functionStarts(insns: Uint8Array): number[] {
  const view = new DataView(insns.buffer);
  const starts = new Set([0]);
  for (let slot = 0; slot < insns.length / INSN_SIZE; slot++) {
    const at = slot * INSN_SIZE;
    const source = insns[at + 1] >> 4;
    if (insns[at] === CALL && source === BPF_PSEUDO_CALL) starts.add(slot + 1 + view.getInt16(at + 2, true));
    if (insns[at] === LD_IMM64 && source === BPF_PSEUDO_FUNC)
      starts.add(slot + 1 + view.getInt32(at + 4, true));
  }
  return [...starts].sort((a, b) => a - b);
}

function functionInput(whole: Uint8Array, starts: number[], index: number, record: Golden): JitInput {
  const insns = whole.slice(starts[index] * INSN_SIZE, (starts[index + 1] ?? whole.length) * INSN_SIZE);
  const view = new DataView(insns.buffer);
  const { num_exentries, stack_depth } = record.funcs![index];
  for (let at = 0; at < insns.length; at += INSN_SIZE) {
    const source = insns[at + 1] >> 4;
    const slot = starts[index] + at / INSN_SIZE;
    if (insns[at] === CALL && source === BPF_PSEUDO_CALL) {
      const callee = starts.indexOf(slot + 1 + view.getInt16(at + 2, true));
      view.setInt16(at + 2, callee, true);
      view.setInt32(at + 4, 1, true);
    } else if (insns[at] === LD_IMM64) {
      if (source === BPF_PSEUDO_FUNC)
        view.setInt32(at + 4, starts.indexOf(slot + 1 + view.getInt32(at + 4, true)), true);
      else view.setBigUint64(at + 4, 0n, true);
      at += INSN_SIZE;
    } else if ((insns[at] & 0xe7) === (BPF_LDX | BPF_MEM) && num_exentries > 0 && source !== BPF_REG_FP)
      insns[at] = (insns[at] & 0x1f) | BPF_PROBE_MEM;
  }
  return jitInput(insns, { stackDepth: stack_depth, isSubprogram: index > 0 });
}

/** Values of map loads, which the dump has as ids, from the recorded code: all are 10-byte movabs. */
function takeAddresses(input: JitInput, offsets: Uint32Array, code: Uint8Array): JitInput {
  const insns = input.insns.slice();
  const grown = { by: 0 };
  for (let slot = 0; slot < insns.length / INSN_SIZE; slot++) {
    if (insns[slot * INSN_SIZE] !== LD_IMM64) continue;
    if (insns[slot * INSN_SIZE + 1] >> 4 !== BPF_PSEUDO_FUNC) {
      const at = offsets[slot] + grown.by;
      insns.set(code.subarray(at + 2, at + 6), slot * INSN_SIZE + 4);
      insns.set(code.subarray(at + 6, at + 10), slot * INSN_SIZE + 12);
      grown.by += 10 - (offsets[slot + 2] - offsets[slot]);
    }
    slot++;
  }
  return { ...input, insns };
}

function compare(record: Golden): boolean {
  const whole = fromHex(record.xlated_hex!);
  const starts = functionStarts(whole);
  const wanted = record.funcs!;
  if (starts.length !== wanted.length || record.xlated_hex!.match(/.{16}/g)!.includes(TAIL_CALL))
    return false;
  const inputs = starts.map((_, index) => functionInput(whole, starts, index, record));
  if (inputs.some(({ numExentries }, index) => numExentries !== wanted[index].num_exentries)) return false;
  const { jit } = profile(`linux-${record.kernel}`);
  const images = new FakeImages(wanted.map(({ ksym_addr }) => BigInt(ksym_addr)));
  const first = compile(core, jit, inputs, images);
  const placed = inputs.map((input, index) =>
    takeAddresses(input, first[index].offsets, fromHex(wanted[index].jited_hex)),
  );
  for (const [index, image] of compile(core, jit, placed, images).entries()) {
    assert.equal(toHex(image.code), wanted[index].jited_hex, `${record.id}: function ${index}`);
    assert.equal(toHex(image.extable), wanted[index].extable_hex ?? '', `${record.id}: table ${index}`);
  }
  return true;
}

describe('programs of several functions are byte for byte what the kernel made', () => {
  for (const kernel of ['6.12', '6.1']) {
    it(kernel, (context) => {
      const records = ['isa', 'probe']
        .flatMap((corpus) => goldens(kernel, corpus, 'base'))
        .filter(({ funcs }) => funcs !== undefined && funcs.length > 1);
      const compared = records.filter(compare);
      assert.ok(compared.length > 20, `only ${compared.length} compared`);
      context.diagnostic(`${compared.length} of ${records.length} programs compared`);
    });
  }
});
