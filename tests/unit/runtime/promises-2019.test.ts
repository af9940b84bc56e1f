import assert from 'node:assert/strict';
import test from 'node:test';
import { BtfKind } from '../../../host/btf/types.js';
import { MAP_FD_BASE, type MapSpec, type ProgramSpec } from '../../../host/program/program-spec.js';
import { profile } from '../../../host/profiles/profiles.js';
import type { BootOptions } from '../../../host/runtime/boot.js';
import type { Kernel } from '../../../host/runtime/kernel.js';
import type { LoadedProgram } from '../../../host/runtime/loaded-program.js';
import { addImm, call, exit, load, load64, mov, movImm, program, store } from '../../support/insns.js';
import { testKernel } from '../../support/kernel.js';

const FENTRY = 24;
const TRACING = 26;
const PROBE_READ = 4;

const results: MapSpec = {
  name: 'results',
  type: 2,
  keySize: 4,
  valueSize: 16,
  maxEntries: 1,
  flags: 0,
  extra: 0n,
};

/**
 * fentry of __sys_sendmsg: loads a u32 member of its struct user_msghdr * argument directly and through
 * bpf_probe_read, and puts both in the map.
 */
function loadTwice(kernel: Kernel, offset: number): LoadedProgram {
  const btfId = kernel.btf.find('__sys_sendmsg', BtfKind.FUNC);
  const spec: ProgramSpec = {
    name: 'twice',
    section: '',
    type: TRACING,
    expectedAttachType: FENTRY,
    flags: 0,
    attach: { kind: 'fentry', target: '__sys_sendmsg', btfId },
    license: 'GPL',
    insns: program(
      load(8, 6, 1, 8),
      load(4, 7, 6, offset),
      mov(1, 10),
      addImm(1, -8),
      movImm(2, 4),
      mov(3, 6),
      addImm(3, offset),
      call(PROBE_READ),
      load64(1, 2, MAP_FD_BASE),
      store(8, 1, 0, 7),
      load(4, 2, 10, -8),
      store(8, 1, 8, 2),
      movImm(0, 0),
      exit(),
    ),
    maps: [results],
    btf: null,
    funcInfo: [],
    lineInfo: [],
  };
  return kernel.load(spec);
}

const NAMELEN = 8;
const FLAGS = 48;

async function kernels(): Promise<[string, Kernel][]> {
  const options: [string, Partial<BootOptions>][] = [
    ['linux-6.12', {}],
    ['linux-6.1', {}],
    ['linux-5.5', { profile: 'linux-5.5' }],
  ];
  return Promise.all(
    options.map(
      async ([name, more]) => [name, await testKernel(name === 'linux-6.12' ? '6.12' : '6.1', more)] as const,
    ),
  ) as Promise<[string, Kernel][]>;
}

const POINTERS: readonly [string, (kernel: Kernel) => bigint, number | null][] = [
  ['an object', (kernel) => kernel.create('user_msghdr', { msg_namelen: 77, msg_flags: 99 }).address, 77],
  [
    'a freed object',
    (kernel) => {
      const object = kernel.create('user_msghdr', { msg_namelen: 77 });
      kernel.unmap(object);
      return object.address;
    },
    0,
  ],
  ['a dangling pointer', (kernel) => kernel.dangling(), 0],
  ['NULL', () => 0n, 0],
  ['an error pointer', () => 0xffff_ffff_ffff_fffen, 0],
  ['a user address', () => 0x7fff_1234_5000n, 0],
  ['a non-canonical address', () => 0xdead_0000_0000_0100n, 0],
];

for (const [name, kernel] of await kernels()) {
  test(`${name}: a load through a BTF pointer is bpf_probe_read, zero-and-skip included`, () => {
    for (const [what, pointer, namelen] of POINTERS) {
      for (const offset of [NAMELEN, FLAGS]) {
        const loaded = loadTwice(kernel, offset);
        const context = kernel.context.tracing([3, pointer(kernel), 0, 0]);
        const { faults, oops } = loaded.run(context, { engine: 'all' });
        assert.equal(oops, null, `${what}: no oops`);
        const [map] = loaded.maps;
        const value = new DataView(map!.lookup(0)!.buffer);
        assert.equal(value.getBigUint64(0, true), value.getBigUint64(8, true), `${what} + ${offset}`);
        if (offset === NAMELEN) assert.equal(Number(value.getBigUint64(0, true)), namelen, what);
        assert.equal(faults.length, namelen === 0 ? 1 : 0, `${what}: faults`);
        loaded.close();
        context.close();
        kernel.closeMap(map!);
      }
    }
  });
}

test('a JIT without PROBE_MEM leaves the program to the interpreter, with the same result', async () => {
  const whole = profile('linux-6.12');
  const withJit = await testKernel();
  const without = await testKernel('6.12', { profile: { ...whole, jit: { ...whole.jit, probeMem: false } } });
  for (const [what, pointer] of POINTERS) {
    const values = [withJit, without].map((kernel) => {
      const loaded = loadTwice(kernel, NAMELEN);
      assert.equal(loaded.images.length === 0, kernel === without);
      if (kernel === without) assert.match(loaded.jitError!.message, /unknown opcode 21/);
      loaded.run(kernel.context.tracing([3, pointer(kernel), 0, 0]));

      return loaded.maps[0]!.lookup(0);
    });
    assert.deepEqual(values[0], values[1], what);
  }
});
