import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { Core } from '../../host/core/core.js';
import { GuestMemory, PAGE_SIZE, RIGHT_R, RIGHT_W, RIGHT_X } from '../../host/mm/guest-memory.js';
import { X86Engine } from '../../host/runtime/cpu.js';
import { type Golden, type GoldenFunction, goldens, goldenSymbols } from '../support/goldens.js';

const TYPES = new Set(['socket_filter', 'sched_cls']);
const ARRAY_MAP = 2;
const VALUE_OFFSET_IN_DIRECT_MAP = /^ffff8[89a-f]/;
/** Bytes behind the map's only value. */
const SLACK = 256;

let core: Core;
let memory: GuestMemory;
let engine: X86Engine;

before(async () => {
  core = await Core.load(readFileSync(new URL('../../host/core/core.wasm', import.meta.url)));
  memory = new GuestMemory(core);
  engine = new X86Engine(core, memory);
});

/** Thunks that mitigations put between a return or an indirect jump and where it goes. */
const THUNKS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/_return_thunk$/, [0xc3, 0xcc]],
  [/^__x86_indirect_thunk_rcx$/, [0xff, 0xe1, 0xcc]],
];

/** Puts the kernel's thunks where its symbols say. */
function placeThunks(kernel: string): void {
  for (const [address, name] of Object.entries(goldenSymbols(kernel))) {
    const code = THUNKS.find(([pattern]) => pattern.test(name))?.[1];
    if (!code) continue;
    const page = BigInt(address) & ~BigInt(PAGE_SIZE - 1);
    memory.map(page, PAGE_SIZE, RIGHT_R | RIGHT_W);
    memory.write(BigInt(address), Uint8Array.from(code));
    memory.protect(page, PAGE_SIZE, RIGHT_R | RIGHT_X);
  }
}

/** Programs that call no helper and do not read their context: all they answer comes from their own instructions. */
function isSelfContained(golden: Golden): boolean {
  const run = golden.test_run;
  if (!run || run.volatile || run.errno || typeof run.retval !== 'number') return false;
  if (!TYPES.has(golden.prog_type_name) || (golden.maps?.length ?? 0) > 1) return false;
  if (golden.maps?.some((map) => map.type !== ARRAY_MAP || map.max !== 1)) return false;
  const insns = Buffer.from(golden.insns_hex, 'hex');
  let written = false;
  for (let at = 0; at < insns.length; at += 8) {
    const [code, registers] = insns.subarray(at, at + 2);
    const [dst, src] = [registers & 15, registers >> 4];
    const isCall = code === 0x85;
    if (isCall && src !== 1) return false;
    if (code === 0x18 && src !== 0 && src !== 2) return false;
    const klass = code & 7;
    const isMove = (klass === 4 || klass === 7) && (code & 0xf0) === 0xb0;
    const reads = (src === 1 && !isCall && code !== 0x18) || (dst === 1 && !isMove && klass > 1);
    if (reads && !written) return false;
    if (dst === 1 && (klass === 0 || klass === 1 || isMove)) written = true;
    if (code === 0x18) at += 8;
  }
  return true;
}

/** Replaces each address of the recorded kernel's map value in the code; they are 64-bit moves (rex.w b8+r imm64). */
function relocate(code: Buffer, value: bigint): void {
  for (let at = 0; at + 10 <= code.length; at++) {
    const isWideMove = (code[at] === 0x48 || code[at] === 0x49) && (code[at + 1] & 0xf8) === 0xb8;
    if (!isWideMove) continue;
    const operand = code.readBigUInt64LE(at + 2);
    if (VALUE_OFFSET_IN_DIRECT_MAP.test(operand.toString(16))) code.writeBigUInt64LE(value, at + 2);
  }
}

function place(funcs: readonly GoldenFunction[], value: bigint): { start: bigint; size: number } {
  const starts = funcs.map((func) => BigInt(func.ksym_addr));
  const ends = funcs.map((func, index) => Number(starts[index] - starts[0]) + func.len);
  const low = starts.reduce((least, start) => (start < least ? start : least));
  const start = low & ~BigInt(PAGE_SIZE - 1);
  const last = Math.max(...ends) + Number(starts[0] - start);
  const size = Math.ceil(last / PAGE_SIZE) * PAGE_SIZE;
  memory.map(start, size, RIGHT_R | RIGHT_W);
  funcs.forEach((func, index) => {
    const code = Buffer.from(func.jited_hex, 'hex');
    relocate(code, value);
    memory.write(starts[index], code);
  });
  memory.protect(start, size, RIGHT_R | RIGHT_X);
  return { start, size };
}

function runGolden(golden: Golden): { retval: number; dump: string } {
  const funcs = golden.funcs ?? [];
  const preload = Buffer.from(
    (golden.maps?.[0]?.pop as unknown as string | undefined)?.slice(8) ?? '',
    'hex',
  );
  const value = memory.alloc('direct', (golden.maps?.[0]?.value ?? 0) + SLACK);
  const { start, size } = place(funcs, value);
  try {
    memory.write(value, preload);
    const run = engine.run(BigInt(funcs[0].ksym_addr), [0n], {
      gate: (gate) => assert.fail(`call of ${gate.toString(16)}`),
      maxSteps: 100_000_000n,
    });
    assert.equal(run.oops, null);
    const dump = Buffer.from(memory.read(value, golden.maps?.[0]?.value ?? 0)).toString('hex');
    return { retval: Number(BigInt.asUintN(32, run.r0)), dump };
  } finally {
    memory.unmap(start, size);
    memory.free(value);
  }
}

for (const kernel of ['6.12', '6.1'])
  for (const [corpus, profile] of [
    ['isa', 'base'],
    ['isa', 'nobmi2'],
    ['isa', 'harden2'],
    ['isa', 'mitig'],
    ['isa', 'mitigamd'],
    ['large', 'base'],
  ])
    describe(`images of ${kernel} ${corpus} ${profile} on the CPU`, () => {
      // Blinding hides the address of the map's value.
      const hidden = profile === 'harden2';
      const cases = goldens(kernel, corpus, profile).filter(
        (golden) => golden.funcs?.length && isSelfContained(golden) && !(hidden && golden.maps?.length),
      );
      before(() => placeThunks(kernel));
      it('has recorded runs', () => assert.ok(cases.length > 0));
      for (const golden of cases)
        it(golden.id, () => {
          const { retval, dump } = runGolden(golden);
          assert.equal(retval, (golden.test_run?.retval ?? 0) >>> 0);
          const want = golden.test_run?.map_dump_hex?.['0'];
          if (want !== undefined) assert.equal(dump, want);
        });
    });
