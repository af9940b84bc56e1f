import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { KsymTree } from '../../../host/core/kallsyms.js';
import { GuestMemory, PAGE_SIZE, RIGHT_R, RIGHT_W, RIGHT_X } from '../../../host/mm/guest-memory.js';
import { X86Engine } from '../../../host/runtime/cpu.js';
import { fromHex, loadCore } from '../../support/jit.js';

const HOLE = 0xffffc90003fff000n;
const NON_CANONICAL = 0x9000000000000000n;
const PT_REGS_AX = 0x50;
const PT_REGS_DI = 0x70;
const NO_REGISTER = 1;
const TABLE_OFFSET = 512;

interface Entry {
  readonly at: number;
  readonly length: number;
  readonly register: number;
}

class Machine {
  readonly memory: GuestMemory;
  readonly engine: X86Engine;
  readonly #tree: KsymTree;
  #next = 0xffffffffc0000000n;

  constructor(core: Awaited<ReturnType<typeof loadCore>>, smap = false) {
    this.memory = new GuestMemory(core);
    this.engine = new X86Engine(core, this.memory, { smap });
    this.#tree = new KsymTree(core);
  }

  /** Places code with an exception table 512 bytes in and registers it as a program. */
  load(code: string, entries: readonly Entry[]): bigint {
    const address = this.#next;
    this.#next += BigInt(PAGE_SIZE);
    const bytes = fromHex(code);
    this.memory.map(address, PAGE_SIZE, RIGHT_R | RIGHT_W);
    this.memory.write(address, bytes);
    const table = address + BigInt(TABLE_OFFSET);
    const view = new DataView(new ArrayBuffer(12 * entries.length));
    entries.forEach(({ at, length, register }, index) => {
      view.setInt32(index * 12, at - (TABLE_OFFSET + index * 12), true);
      view.setUint32(index * 12 + 4, (register << 8) | length, true);
      view.setInt32(index * 12 + 8, 7, true);
    });
    this.memory.write(table, new Uint8Array(view.buffer));
    this.memory.protect(address, PAGE_SIZE, RIGHT_R | RIGHT_X);
    this.#tree.insert({
      start: address,
      last: address + BigInt(bytes.length),
      table,
      tableLinear: this.memory.linear(table, 12 * entries.length),
      entries: entries.length,
      program: 1,
      func: 0,
      isProgram: true,
    });
    return address;
  }

  run(entry: bigint, args: readonly bigint[]): ReturnType<X86Engine['run']> {
    return this.engine.run(entry, args, { gate: () => 0n });
  }
}

let machine: Machine;
before(async () => {
  machine = new Machine(await loadCore());
});

describe('repaired faults', () => {
  const LOAD = '488b4708';
  const cases = [
    { name: 'page fault', address: HOLE, kind: 'pf' },
    { name: 'general protection', address: NON_CANONICAL, kind: 'gp' },
    { name: 'user address without SMAP', address: 0x1000n, kind: 'pf' },
  ] as const;
  for (const { name, address, kind } of cases)
    it(`${name}: the destination is zeroed, the next instruction runs`, () => {
      // mov eax,-1; mov rax,[rdi+8]; add rax,5; ret
      const entry = machine.load(`b8ffffffff${LOAD}4883c005c3`, [{ at: 5, length: 4, register: PT_REGS_AX }]);
      const { r0, steps, faults, oops } = machine.run(entry, [address]);
      assert.equal(oops, null);
      assert.equal(r0, 5n);
      assert.equal(steps, 4n);
      assert.deepEqual(faults, [
        { kind, ip: entry + 5n, address: address + 8n, register: PT_REGS_AX, entry: 0, length: 4 },
      ]);
    });

  it('a store is skipped and zeroes nothing', () => {
    // mov eax,7; mov [rdi],rax; ret
    const entry = machine.load('b807000000488907c3', [{ at: 5, length: 3, register: NO_REGISTER }]);
    const { r0, faults } = machine.run(entry, [HOLE]);
    assert.equal(r0, 7n);
    assert.equal(faults[0]?.register, null);
  });

  it('a locked operation is skipped and keeps its registers', () => {
    // mov eax,7; lock xadd [rdi],rax; ret
    const entry = machine.load('b807000000f0480fc107c3', [{ at: 5, length: 5, register: NO_REGISTER }]);
    assert.equal(machine.run(entry, [HOLE]).r0, 7n);
  });

  it('the length in the entry decides where to go on', () => {
    // mov eax,[rdi]; jmp +5 (skipped, counted in the entry); mov eax,9; ret
    const entry = machine.load('8b07eb05b809000000c3', [{ at: 0, length: 4, register: PT_REGS_AX }]);
    assert.equal(machine.run(entry, [HOLE]).r0, 9n);
  });

  it('finds its entry among many, and numbers it', () => {
    // 20 times mov rax,[rdi+i]; ret
    const loads = Array.from({ length: 20 }, (_, i) => `488b47${(i + 1).toString(16).padStart(2, '0')}`).join(
      '',
    );
    const entries = Array.from({ length: 20 }, (_, i) => ({ at: 4 * i, length: 4, register: PT_REGS_AX }));
    const { faults } = machine.run(machine.load(`${loads}c3`, entries), [HOLE]);
    assert.deepEqual(
      faults.map(({ entry, address }) => [entry, address]),
      entries.map((_, i) => [i, HOLE + BigInt(i + 1)]),
    );
  });

  it('an instruction without an entry still ends the run', () => {
    // mov rax,[rdi] has an entry, mov rcx,[rdi] has none
    const entry = machine.load('488b07488b0fc3', [{ at: 0, length: 3, register: PT_REGS_AX }]);
    const { oops, faults } = machine.run(entry, [HOLE]);
    assert.equal(oops?.ip, entry + 3n);
    assert.equal(faults.length, 1);
  });

  it('flags survive a repaired fault', () => {
    // cmp rdi,rdi; mov rdi,[rdi]; sete al; movzx eax,al; ret
    const entry = machine.load('4839ff488b3f0f94c00fb6c0c3', [{ at: 3, length: 3, register: PT_REGS_DI }]);
    assert.equal(machine.run(entry, [HOLE]).r0, 1n);
  });

  it('counts more faults than the log keeps', () => {
    // mov ecx,20000; mov rax,[rdi]; sub rcx,1; cmp rcx,0; jne -13; ret
    const entry = machine.load('b9204e0000488b074883e9014883f90075f3c3', [
      { at: 5, length: 3, register: PT_REGS_AX },
    ]);
    const { steps, faults } = machine.run(entry, [HOLE]);
    assert.equal(steps, 80_002n);
    assert.ok(faults.length > 0 && faults.length <= 20_000);
  });
});

describe('SMAP', () => {
  it('refuses to repair a fault on a user address, and repairs one on a kernel address', async () => {
    const strict = new Machine(await loadCore(), true);
    const entry = strict.load('488b07c3', [{ at: 0, length: 3, register: PT_REGS_AX }]);
    assert.equal(strict.run(entry, [0x1000n]).oops?.address, 0x1000n);
    assert.equal(strict.run(entry, [0xffffffffff600000n]).oops?.address, 0xffffffffff600000n);
    assert.equal(strict.run(entry, [HOLE]).oops, null);
  });
});

describe('guard of a probe load', () => {
  /** The 6.12 form for rdi = *(rdi + 0x158), then mov rax,rdi; ret. */
  const CODE =
    '49c7c2000060ff4989fb4981c3580100004d29d349ba0000a000008000004d39d3770431ffeb07488bbf580100004889f8c3';
  const XOR = 35;
  const LOAD = 39;
  const entries = [{ at: LOAD, length: 7, register: PT_REGS_DI }];

  it('logs the refused load at a registered site', () => {
    const entry = machine.load(CODE, entries);
    machine.engine.addGuards(entry, [XOR]);
    const { r0, faults } = machine.run(entry, [0x1000n]);
    assert.equal(r0, 0n);
    assert.deepEqual(faults, [
      {
        kind: 'guard',
        ip: entry + BigInt(LOAD),
        address: 0x1158n,
        register: PT_REGS_DI,
        entry: -1,
        length: 0,
      },
    ]);
  });

  it('lets kernel addresses through to the load', () => {
    const entry = machine.load(CODE, entries);
    machine.engine.addGuards(entry, [XOR]);
    const object = machine.memory.alloc('direct', 0x200);
    machine.memory.writeUint(object + 0x158n, 8, 0x1234n);
    const run = machine.run(entry, [object]);
    assert.equal(run.r0, 0x1234n);
    assert.deepEqual(run.faults, []);
    assert.equal(machine.run(entry, [HOLE]).faults[0]?.kind, 'pf');
  });

  it('logs nothing at a site that was taken back', () => {
    const entry = machine.load(CODE, entries);
    machine.engine.addGuards(entry, [XOR]);
    machine.engine.removeGuards(entry, [XOR]);
    const { r0, faults } = machine.run(entry, [0x1000n]);
    assert.equal(r0, 0n);
    assert.deepEqual(faults, []);
  });

  it('logs at a site registered after the code ran', () => {
    const entry = machine.load(CODE, entries);
    assert.deepEqual(machine.run(entry, [0n]).faults, []);
    machine.engine.addGuards(entry, [XOR]);
    assert.equal(machine.run(entry, [0n]).faults.length, 1);
  });

  it('keeps thousands of sites apart', () => {
    const entry = machine.load(CODE, entries);
    const many = Array.from({ length: 5000 }, (_, i) => 4096 * 1024 + i * 3);
    machine.engine.addGuards(entry, [...many, XOR]);
    assert.equal(machine.run(entry, [0n]).faults.length, 1);
    machine.engine.removeGuards(entry, many);
    assert.equal(machine.run(entry, [0n]).faults.length, 1);
  });
});
