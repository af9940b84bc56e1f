import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KsymHit } from '../../../host/kallsyms/ksym-table.js';
import { oopsLines, oopsRecord, type Trap } from '../../../host/runtime/oops.js';

const at: KsymHit = {
  ksym: {
    name: 'bpf_prog_57cd311f2e27366b_dump',
    start: 0xffffffffc0001048n,
    size: 0x40,
    program: 3,
    func: 2,
    isProgram: true,
  },
  offset: 0x12,
  text: 'bpf_prog_57cd311f2e27366b_dump+0x12/0x40',
};
const trap = (fields: Partial<Trap>): Trap => ({
  kind: 'pf',
  access: 'read',
  ip: 0xffffffffc000105an,
  address: 0xffff888040001234n,
  errorCode: 0,
  ...fields,
});

describe('oops lines', () => {
  const RIP = 'RIP: 0010:bpf_prog_57cd311f2e27366b_dump+0x12/0x40';
  const cases = [
    {
      name: 'read of an unmapped kernel page',
      trap: trap({}),
      want: [
        'BUG: unable to handle page fault for address: ffff888040001234',
        '#PF: supervisor read access in kernel mode',
        '#PF: error_code(0x0000) - not-present page',
        RIP,
        'CR2: ffff888040001234',
      ],
    },
    {
      name: 'write to a read-only page',
      trap: trap({ access: 'write', errorCode: 3, address: 0xffffffff81000000n }),
      want: [
        'BUG: unable to handle page fault for address: ffffffff81000000',
        '#PF: supervisor write access in kernel mode',
        '#PF: error_code(0x0003) - permissions violation',
        RIP,
        'CR2: ffffffff81000000',
      ],
    },
    {
      name: 'last byte of the NULL page',
      trap: trap({ address: 0xfffn }),
      want: [
        'BUG: kernel NULL pointer dereference, address: 0000000000000fff',
        '#PF: supervisor read access in kernel mode',
        '#PF: error_code(0x0000) - not-present page',
        RIP,
        'CR2: 0000000000000fff',
      ],
    },
    {
      name: 'jump to unmapped text',
      trap: trap({ access: 'fetch', errorCode: 16, address: 0x1000n }),
      want: [
        'BUG: unable to handle page fault for address: 0000000000001000',
        '#PF: supervisor instruction fetch in kernel mode',
        '#PF: error_code(0x0010) - not-present page',
        RIP,
        'CR2: 0000000000001000',
      ],
    },
    {
      name: 'non-canonical address',
      trap: trap({ kind: 'gp', address: 0xdead000000000100n }),
      want: [
        'Oops: general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP',
        RIP,
        'CR2: 0000000000000000',
      ],
    },
  ];
  for (const { name, trap, want } of cases) it(name, () => assert.deepEqual(oopsLines(trap, at), want));

  it('prints the bare address outside every symbol, and registers when given', () => {
    const lines = oopsLines(trap({ registers: { rdi: 7n, r8: 0xffffffffffffffffn } }), null);
    assert.equal(lines[3], 'RIP: 0010:0xffffffffc000105a');
    assert.equal(lines[5], 'RDX: 0000000000000000 RSI: 0000000000000000 RDI: 0000000000000007');
    assert.equal(lines[6], 'RBP: 0000000000000000 R08: ffffffffffffffff R09: 0000000000000000');
  });

  it('names function and instruction in the record', () => {
    const record = oopsRecord(trap({}), at, 17);
    assert.equal(record.func, 2);
    assert.equal(record.insn, 17);
    assert.equal(record.lines.length, 5);
  });
});
