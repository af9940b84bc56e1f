import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { PAGE_SIZE, RIGHT_GATE, RIGHT_R } from '../../../host/mm/guest-memory.js';
import { type Registers, TestCpu, WORD } from '../../support/cpu.js';

const HOLE = 0xffffc90003fff000n;
const NON_CANONICAL = 0x0000800000000000n;
const LOADED = 10n;

let cpu: TestCpu;
let readOnly: bigint;
/** The last 4 bytes of a mapped page in front of an unmapped one. */
let edge: bigint;

before(async () => {
  cpu = await TestCpu.create();
  readOnly = cpu.memory.alloc('vmalloc', PAGE_SIZE);
  cpu.memory.protect(readOnly, PAGE_SIZE, RIGHT_R);
  edge = cpu.memory.alloc('vmalloc', PAGE_SIZE) + BigInt(PAGE_SIZE - 4);
});

interface Case {
  readonly name: string;
  readonly code: string;
  readonly registers: () => Registers;
  readonly want: () => {
    readonly kind: string;
    readonly access: string;
    readonly address: bigint;
    readonly errorCode: number;
  };
}

const pf = (access: string, address: bigint, errorCode: number): ReturnType<Case['want']> => ({
  kind: 'pf',
  access,
  address,
  errorCode,
});

const CASES: readonly Case[] = [
  {
    name: 'load of an unmapped page',
    code: '488b4708',
    registers: () => ({ rdi: HOLE }),
    want: () => pf('read', HOLE + 8n, 0),
  },
  {
    name: 'store to an unmapped page',
    code: '48894708',
    registers: () => ({ rdi: HOLE }),
    want: () => pf('write', HOLE + 8n, 2),
  },
  {
    name: 'store to a read-only page',
    code: '884700',
    registers: () => ({ rdi: readOnly }),
    want: () => pf('write', readOnly, 3),
  },
  {
    name: 'locked add to a read-only page',
    code: 'f048017700',
    registers: () => ({ rdi: readOnly }),
    want: () => pf('write', readOnly, 3),
  },
  {
    name: 'cmpxchg that would not store still needs the right to',
    code: 'f0480fb17700',
    registers: () => ({ rdi: readOnly, rax: 1n }),
    want: () => pf('write', readOnly, 3),
  },
  {
    name: 'load across the end of the mapping: address of the second page',
    code: '488b07',
    registers: () => ({ rdi: edge }),
    want: () => pf('read', edge + 4n, 0),
  },
  {
    name: 'store across the end of the mapping',
    code: '488907',
    registers: () => ({ rdi: edge }),
    want: () => pf('write', edge + 4n, 2),
  },
  {
    name: 'jump to an unmapped page',
    code: 'ffe7',
    registers: () => ({ rdi: HOLE }),
    want: () => pf('fetch', HOLE, 16),
  },
  {
    name: 'jump to data',
    code: 'ffe7',
    registers: () => ({ rdi: readOnly }),
    want: () => pf('fetch', readOnly, 17),
  },
  {
    name: 'return to data',
    code: '57c3',
    registers: () => ({ rdi: readOnly }),
    want: () => pf('fetch', readOnly, 17),
  },
  { name: 'null pointer', code: '8b00', registers: () => ({ rax: 0n }), want: () => pf('read', 0n, 0) },
  {
    name: 'load of a non-canonical address',
    code: '488b07',
    registers: () => ({ rdi: NON_CANONICAL }),
    want: () => ({ kind: 'gp', access: 'read', address: NON_CANONICAL, errorCode: 0 }),
  },
  {
    name: 'load that ends in the non-canonical hole',
    code: '488b07',
    registers: () => ({ rdi: NON_CANONICAL - 4n }),
    want: () => ({ kind: 'gp', access: 'read', address: NON_CANONICAL - 4n, errorCode: 0 }),
  },
  {
    name: 'load through rbp of a non-canonical address',
    code: '488b4500',
    registers: () => ({ rbp: NON_CANONICAL }),
    want: () => ({ kind: 'gp', access: 'read', address: NON_CANONICAL, errorCode: 0 }),
  },
  {
    name: 'division by zero',
    code: '48f7f7',
    registers: () => ({ rdi: 0n, rdx: 0n }),
    want: () => ({ kind: 'de', access: 'read', address: 0n, errorCode: 0 }),
  },
  {
    name: '32-bit division by zero',
    code: 'f7f7',
    registers: () => ({ rdi: 1n << 32n, rdx: 0n }),
    want: () => ({ kind: 'de', access: 'read', address: 0n, errorCode: 0 }),
  },
  {
    name: 'quotient that does not fit',
    code: '48f7f7',
    registers: () => ({ rdi: 1n, rdx: 1n }),
    want: () => ({ kind: 'de', access: 'read', address: 0n, errorCode: 0 }),
  },
  {
    name: 'least number by -1',
    code: '489948f7ff',
    registers: () => ({ rax: 1n << 63n, rdi: (1n << 64n) - 1n }),
    want: () => ({ kind: 'de', access: 'read', address: 0n, errorCode: 0 }),
  },
  {
    name: 'ud2',
    code: '0f0b',
    registers: () => ({}),
    want: () => ({ kind: 'ud', access: 'fetch', address: 0n, errorCode: 0 }),
  },
  {
    name: 'unknown opcode',
    code: '06',
    registers: () => ({}),
    want: () => ({ kind: 'ud', access: 'fetch', address: 0n, errorCode: 0 }),
  },
  {
    name: 'lock on a register',
    code: 'f04801f7',
    registers: () => ({}),
    want: () => ({ kind: 'ud', access: 'fetch', address: 0n, errorCode: 0 }),
  },
  {
    name: 'lock on a load',
    code: 'f0488b07',
    registers: () => ({ rdi: readOnly }),
    want: () => ({ kind: 'ud', access: 'fetch', address: 0n, errorCode: 0 }),
  },
];

describe('faults that nothing repairs', () => {
  for (const { name, code, registers, want } of CASES)
    it(name, () => {
      const given = { ...registers(), r15: LOADED };
      const oops = cpu.oopsOf(code, given);
      const { kind, access, address, errorCode } = oops;
      assert.deepEqual({ kind, access, address, errorCode }, want());
      assert.equal(oops.registers?.[WORD.rip], oops.ip);
      assert.equal(oops.registers?.[WORD.r15], LOADED, 'registers before the fault are kept');
      const isFetch = access === 'fetch' && kind === 'pf';
      if (isFetch) assert.equal(oops.ip, address);
      else {
        const setup = 10n * BigInt(Object.keys(given).length);
        const prefix = code.startsWith('4899') ? 2n : 0n;
        assert.equal(oops.ip, 0xffffffffc0000000n + setup + prefix, 'ip is the start of the instruction');
      }
    });

  it('leaves the destination alone', () => {
    const { registers } = cpu.oopsOf('488b07', { rdi: HOLE, rax: 77n });
    assert.equal(registers?.[WORD.rax], 77n);
  });

  it('does not move rsp when a push faults', () => {
    const { registers } = cpu.oopsOf('488d27' + '50', { rdi: HOLE + 0x1000n });
    assert.equal(registers?.[WORD.rsp], HOLE + 0x1000n);
  });

  it('reports an instruction whose second half cannot be fetched', () => {
    const last = 4 * PAGE_SIZE - 2;
    const entry = cpu.place('488b', last);
    const { oops } = cpu.run(entry);
    assert.deepEqual(
      { kind: oops?.kind, access: oops?.access, ip: oops?.ip, address: oops?.address },
      { kind: 'pf', access: 'fetch', ip: entry, address: entry + 2n },
    );
  });

  it('meets the guard page below the stack', () => {
    assert.throws(() => cpu.run(cpu.place('50ebfd')), { code: 'LIMIT_STACK' });
  });
});

describe('code and rights', () => {
  it('runs what the page holds now, not what it held', () => {
    const entry = cpu.place('b801000000c3');
    assert.equal(cpu.run(entry).r0, 1n);
    cpu.place('b802000000c3');
    assert.equal(cpu.run(entry).r0, 2n);
  });

  it('sees the host patch a page that stays executable', () => {
    const entry = cpu.place('b801000000c3');
    assert.equal(cpu.run(entry).r0, 1n);
    cpu.memory.writeUint(entry + 1n, 1, 9n);
    assert.equal(cpu.run(entry).r0, 9n);
  });

  it('stops at code that was unmapped', () => {
    const page = 0xffffffffc0100000n;
    cpu.memory.map(page, PAGE_SIZE, 3);
    cpu.memory.write(page, Uint8Array.of(0xc3));
    cpu.memory.protect(page, PAGE_SIZE, 5);
    assert.equal(cpu.run(page).oops, null);
    cpu.memory.unmap(page, PAGE_SIZE);
    assert.equal(cpu.run(page).oops?.access, 'fetch');
  });

  it('faults at once on a page taken away while its translation was cached', () => {
    const at = cpu.memory.alloc('vmalloc', PAGE_SIZE);
    assert.equal(cpu.registersAfter('488b07', { rdi: at })[WORD.rax], 0n);
    cpu.memory.free(at);
    assert.equal(cpu.oopsOf('488b07', { rdi: at }).address, at);
  });

  it('sees rights fall while the translation was cached', () => {
    const at = cpu.memory.alloc('vmalloc', PAGE_SIZE);
    cpu.registersAfter('488907', { rdi: at });
    cpu.memory.protect(at, PAGE_SIZE, RIGHT_R);
    assert.equal(cpu.oopsOf('488907', { rdi: at }).errorCode, 3);
  });
});

describe('gates', () => {
  const GATE = 0xffffffff81234560n;

  before(() => cpu.memory.map(GATE & ~4095n, PAGE_SIZE, RIGHT_GATE));

  /** mov rdi..r8 = 1..5; call GATE; add rax,rbx; ret */
  const program = (): bigint => {
    const setup = 'bf01000000be02000000ba03000000b90400000041b805000000bb64000000';
    const at = 0xffffffffc0000000n + BigInt(setup.length / 2 + 5);
    const distance = Number(BigInt.asUintN(32, GATE - at))
      .toString(16)
      .padStart(8, '0');
    const rel = distance.match(/../g)?.reverse().join('') ?? '';
    return cpu.place(`${setup}e8${rel}4801d8c3`);
  };

  it('get R1 to R5 and give R0', () => {
    const seen: unknown[] = [];
    const { r0, steps } = cpu.run(program(), [], {
      gate: (gate, args) => {
        seen.push(gate, ...args);
        return 11n;
      },
    });
    assert.deepEqual(seen, [GATE, 1n, 2n, 3n, 4n, 5n]);
    assert.equal(r0, 111n);
    assert.equal(steps, 9n);
  });

  it('take negative results as 64 bits', () => {
    assert.equal(cpu.run(program(), [], { gate: () => -1n }).r0, 99n);
  });

  it('call back with the registers of the caller kept', () => {
    const callback = cpu.place('4889f8bb00000000c3', 256);
    const entry = program();
    const { r0 } = cpu.run(entry, [], { gate: () => cpu.engine.call(callback, [31n]) });
    assert.equal(r0, 131n);
  });

  it('may run another program', () => {
    const other = cpu.place('b807000000c3', 256);
    const { r0 } = cpu.run(program(), [], { gate: () => cpu.run(other).r0 });
    assert.equal(r0, 107n);
  });

  it('hand on what a handler throws, and the engine stays usable', () => {
    assert.throws(
      () =>
        cpu.run(program(), [], {
          gate: () => {
            throw new RangeError('no');
          },
        }),
      RangeError,
    );
    assert.equal(cpu.run(program(), [], { gate: () => 0n }).r0, 100n);
  });

  it('refuse a call from nowhere', () => {
    assert.throws(() => cpu.engine.call(GATE, []), { code: 'USAGE_POINTER' });
  });
});

describe('steps', () => {
  /** mov ecx,10; dec: sub rcx,1; cmp rcx,0; jne dec; ret: 1 + 3 * 10 + 1 instructions. */
  const loop = 'b90a0000004883e9014883f90075f6c3';

  it('count every x86 instruction', () => {
    assert.equal(cpu.run(cpu.place(loop)).steps, 32n);
  });

  it('allow a run of exactly the budget and refuse one less', () => {
    const entry = cpu.place(loop);
    assert.equal(cpu.run(entry, [], { maxSteps: 32n }).steps, 32n);
    assert.throws(() => cpu.run(entry, [], { maxSteps: 31n }), { code: 'LIMIT_STEPS' });
  });

  it('give the same count whether a budget is near or far', () => {
    const long = `b9${'40420f00'}4883e9014883f90075f6c3`;
    const entry = cpu.place(long);
    const want = 2n + 3n * 1_000_000n;
    assert.equal(cpu.run(entry).steps, want);
    assert.equal(cpu.run(entry, [], { maxSteps: want }).steps, want);
    assert.throws(() => cpu.run(entry, [], { maxSteps: want - 1n }), { code: 'LIMIT_STEPS' });
  });

  it('end an endless loop', () => {
    assert.throws(() => cpu.run(cpu.place('ebfe'), [], { maxSteps: 10_000n }), { code: 'LIMIT_STEPS' });
  });

  it('stop before the instruction past the budget', () => {
    cpu.memory.writeUint(cpu.data, 8, 0n);
    // mov rdi,data; mov byte [rdi],1; mov byte [rdi],2; ret
    const at = [...new Uint8Array(new BigUint64Array([cpu.data]).buffer)].map((b) =>
      b.toString(16).padStart(2, '0'),
    );
    const entry = cpu.place(`48bf${at.join('')}c6470001c6470002c3`);
    assert.throws(() => cpu.run(entry, [], { maxSteps: 2n }), { code: 'LIMIT_STEPS' });
    assert.equal(cpu.memory.readUint(cpu.data, 1), 1n);
  });
});

describe('control flow', () => {
  const CASES: readonly (readonly [string, string, bigint])[] = [
    ['jump into the middle of an instruction', 'eb01b8b805000000c3', 5n],
    ['retpoline of the 2019 JIT', '488d0511000000e807000000f3900faee8ebf948890424c3b802000000c3', 2n],
    ['call and return', 'e801000000c3b803000000c3', 3n],
    ['loop backwards', 'b800000000b9050000004883c0034883e9014883f90075f3c3', 15n],
    ['jump over nothing', 'eb00b804000000c3', 4n],
    ['call through a register', '488d0503000000ffd0c3b808000000c3', 8n],
  ];
  for (const [name, code, want] of CASES)
    it(name, () => {
      const { r0, oops } = cpu.run(cpu.place(code));
      assert.equal(oops, null);
      assert.equal(r0, want);
    });

  it('code that runs across pages', () => {
    const start = PAGE_SIZE - 3;
    const entry = cpu.place('b806000000' + '4883c001' + 'c3', start);
    assert.equal(cpu.run(entry).r0, 7n);
  });

  it('straight code longer than a chunk of micro-ops', () => {
    const count = 3500;
    const entry = cpu.place([0x31, 0xc0, ...Array.from({ length: count }, () => [0xff, 0xc0]).flat(), 0xc3]);
    const { r0, steps } = cpu.run(entry);
    assert.equal(r0, BigInt(count));
    assert.equal(steps, BigInt(count + 2));
  });
});
