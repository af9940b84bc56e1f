import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Core } from '../../host/core/core.js';
import { compile } from '../../host/jit/compile.js';
import { countExentries } from '../../host/jit/exentries.js';
import type { JitImage } from '../../host/jit/jit-image.js';
import { PackImages } from '../../host/jit/pack-images.js';
import { PageImages } from '../../host/jit/page-images.js';
import { seededRandom } from '../../host/jit/random.js';
import { KsymTable } from '../../host/kallsyms/ksym-table.js';
import { GuestMemory } from '../../host/mm/guest-memory.js';
import type { KernelVersion } from '../../host/profiles/profile.js';
import { profile } from '../../host/profiles/profiles.js';
import { X86Engine } from '../../host/runtime/cpu.js';
import type { EngineRun } from '../../host/runtime/engine.js';
import { type FaultPlace, faultRecord, faultRecordAt, slotAt } from '../../host/runtime/faults.js';
import { InterpEngine } from '../../host/runtime/interpreter.js';
import { WasmEngine } from '../../host/runtime/wasm-engine.js';
import type { FaultRecord } from '../../host/runtime/run-result.js';
import type { VerifiedProgram } from '../../host/verifier/verified-program.js';
import { code, insn, ldImm64 } from '../support/interp.js';
import { BLOCK, CONSTANTS, type ProgramShape, randomProgram } from '../support/random-program.js';
import { Random, testSeed } from '../support/random.js';

const PROGRAMS = Number(process.env.PROGRAMS ?? 500);
const PAGE = 4096;
const MIB = 1 << 20;
const USER = 0x7f1200000000n;
const wasm = readFileSync(new URL('../../host/core/core.wasm', import.meta.url));
const gate = (): never => assert.fail('no helper is called');

/** Registers that hold pointers to probe: never written. */
const POINTERS = [6, 7];
const ARENA_OFFSET = 5;

const PROBES = [0x31, 0x29, 0x21, 0x39];
const SIGNED_PROBES = [0x51, 0x49, 0x41];

/** Instructions with exception entries, as the verifier of a version makes them. */
const probing =
  (version: KernelVersion) =>
  (random: Random): Uint8Array => {
    const dst = random.below(6);
    if (version !== '6.12' || random.below(3) > 0) {
      const opcode = random.pick(version === '6.12' ? [...PROBES, ...SIGNED_PROBES] : PROBES);
      const off = random.pick([0, 0, 8, 344, 4000, -1, -16, -4000]);
      return insn(opcode, dst, random.pick(POINTERS), off);
    }
    const offset = insn(0xb4, ARENA_OFFSET, 0, 0, random.below(4 * PAGE));
    const off = random.pick([0, 8, 120, 4000]);
    const log = random.below(4);
    const size = [0x10, 0x08, 0x00, 0x18][log];
    switch (random.below(4)) {
      case 0:
        return code(offset, insn(0xa1 | size, dst, ARENA_OFFSET, off));
      case 1:
        return code(offset, insn(0xa3 | size, ARENA_OFFSET, random.below(5), off));
      case 2:
        return code(offset, insn(0xa2 | size, ARENA_OFFSET, 0, off, random.u32() | 0));
      default: {
        const imm = random.pick([0x00, 0x40, 0x50, 0xa0, 0x01, 0xe1]);
        const wide = random.below(2) ? 0xfb : 0xe3;
        return code(offset, insn(wide, ARENA_OFFSET, random.below(5), off, imm), insn(0xbf, 4, 4, 1, 65536));
      }
    }
  };

/** Addresses of every kind a program may follow. */
function pointer(random: Random, mapped: bigint): bigint {
  const kinds = [
    (): bigint => mapped + BigInt(random.below(6 * PAGE)),
    (): bigint => mapped + BigInt(PAGE * random.below(7) + random.below(16) - 8),
    (): bigint => random.pick([0n, 8n, 0x7fffffffe000n, 0x7ffffffff000n, 0x800000000000n, 0x800000000001n]),
    (): bigint =>
      random.pick([0xffffffffff600000n, 0xffffffffff5ff000n, 0xffffffffff600ff8n, 0xffffffffffffff00n]),
    (): bigint => random.pick([0xdead000000000100n, 0xffff7fffffffffffn, 0xffff888f00000000n]),
    (): bigint => random.u64(),
  ];
  return random.pick(kinds)();
}

for (const version of ['6.12', '6.1', '5.5'] as const)
  describe(`engines on linux-${version}`, () => {
    it(`${PROGRAMS} random programs: image, interpreter and WebAssembly agree on registers, memory and every fault`, async () => {
      const seed = testSeed();
      const random = new Random(seed);
      const { jit } = profile(`linux-${version}`);
      const core = await Core.load(wasm);
      const memory = new GuestMemory(core, {
        user: MIB,
        direct: 4 * MIB,
        vmalloc: 4 * MIB,
        text: MIB,
        modules: 8 * MIB,
      });
      const smap = version !== '5.5';
      const x86 = new X86Engine(core, memory, { smap });
      const interp = new InterpEngine(core, memory, jit);
      const webAssembly = new WasmEngine(core, memory, jit);
      const ksyms = new KsymTable(core, memory, version);
      const images =
        version === '5.5'
          ? new PageImages(memory, { random: seededRandom(seed) })
          : new PackImages(memory, { random: seededRandom(seed) });
      const block = memory.alloc('direct', BLOCK);
      const probed = memory.alloc('vmalloc', 6 * PAGE);
      memory.write(
        probed,
        Uint8Array.from({ length: 6 * PAGE }, () => random.below(256)),
      );
      for (const page of [1, 3]) memory.unmap(probed + BigInt(page * PAGE), PAGE);
      const arena = memory.alloc('vmalloc', 4 * PAGE);
      memory.unmap(arena + BigInt(2 * PAGE), 2 * PAGE);
      const shape: ProgramShape = {
        longest: 40,
        writable: [0, 1, 2, 3, 4, 5, 8],
        v4: version === '6.12',
        fetch: version !== '5.5',
        unverified: false,
        extra: probing(version),
      };
      const seen = { faults: 0, oopses: 0 };

      for (let n = 0; n < PROGRAMS; n++) {
        const preset = [0, 2, 3, 4, 5, 8].map((register) =>
          ldImm64(register, random.pick([random.u64(), ...CONSTANTS])),
        );
        const pointers = POINTERS.map((register) => ldImm64(register, pointer(random, probed)));
        const insns = randomProgram(random, shape, code(...preset, ...pointers));
        const note = `program ${n} of seed ${seed}: ${Buffer.from(insns).toString('hex')}`;
        const [image] = compile(
          core,
          jit,
          [
            {
              name: 'random',
              insns,
              stackDepth: 64,
              numExentries: countExentries(insns),
              tailCallReachable: false,
              isSubprogram: false,
              isExceptionCallback: false,
              exceptionBoundary: false,
              isClassic: false,
              arenaKernel: version === '6.12' ? arena : 0n,
              arenaUser: version === '6.12' ? USER : 0n,
            },
          ],
          images,
        );
        images.finalize(image);
        const ksym = ksyms.add(image, { name: 'random', program: n, func: 0 });
        const guards = image.entries.flatMap(({ guard }) => (guard === null ? [] : [guard]));
        x86.addGuards(image.address, guards);
        const source = {
          insns,
          functions: [{ start: 0, stackDepth: 64 }],
          arena: { kernel: arena, user: USER },
        };
        const program = interp.load(source, [image.entry]);
        // Plain accesses of these programs are as good as proved: the block and the frame.
        const module = webAssembly.load(source, program.handle, [image.entry], { verified: n % 2 === 0 });
        const place = placeOf(image, insns.length / 8);
        const data = Uint8Array.from({ length: BLOCK }, () => random.below(256));
        const pages = Uint8Array.from({ length: 2 * PAGE }, () => random.below(256));
        const outcome = (run: () => EngineRun): [EngineRun, Uint8Array, Uint8Array] => {
          memory.write(block, data);
          memory.write(arena, pages);
          const result = run();
          return [result, memory.read(block, BLOCK), memory.read(arena, 2 * PAGE)];
        };
        const [byImage, imageBlock, imageArena] = outcome(() => x86.run(image.entry, [block], { gate }));
        const [byInterp, interpBlock, interpArena] = outcome(() => interp.run(program, [block], { gate }));

        const [byWasm, wasmBlock, wasmArena] = outcome(() => webAssembly.run(module, [block], { gate }));

        assert.deepEqual(byWasm, byInterp, note);
        assert.deepEqual([wasmBlock, wasmArena], [interpBlock, interpArena], note);
        assert.equal(byInterp.r0, byImage.r0, note);
        assert.deepEqual(
          byInterp.faults.map((raw) => faultRecord(place, 0, Number(raw.ip), raw)),
          byImage.faults.map((raw): FaultRecord =>
            faultRecordAt(place, 0, Number(raw.ip - image.address), raw),
          ),
          note,
        );
        const [a, b] = [byImage.oops, byInterp.oops];
        if (a && b) {
          assert.deepEqual(
            [b.kind, b.access, b.address, b.errorCode],
            [a.kind, a.access, a.address, a.errorCode],
            note,
          );
          assert.equal(Number(b.ip), slotAt(place, 0, Number(a.ip - image.address)), note);
        } else assert.equal(b, a, note);
        assert.deepEqual(interpBlock, imageBlock, note);
        assert.deepEqual(interpArena, imageArena, note);
        seen.faults += byImage.faults.length;
        seen.oopses += a ? 1 : 0;

        ksyms.remove(ksym);
        x86.removeGuards(image.address, guards);
        images.free(image);
        interp.unload(program);
        webAssembly.unload(module);
      }
      assert.ok(seen.faults > PROGRAMS / 2, `${seen.faults} faults met`);
    });
  });

function placeOf(image: JitImage, slots: number): FaultPlace {
  const verified = { functions: [{ start: 0, end: slots }] } as unknown as VerifiedProgram;
  return { verified, images: [image] };
}
