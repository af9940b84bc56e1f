import '../../../host/platform/node.js';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { btfOf, renderTable, verdictsByKernel } from '../../../cli/verdict-table.js';

const fixture = (path: string): string => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url));
const BTF = ['6.12', '6.1'].map((version) => `${version}=${fixture(`goldens/vmlinux-${version}.btf.gz`)}`);

describe('the BTF of a kernel', () => {
  const cases: [string[], string, string | undefined][] = [
    [[], '6.12', undefined],
    [['a'], '6.12', 'a'],
    [['6.12=a', 'b'], '6.12', 'a'],
    [['6.12=a', 'b'], '6.1', 'b'],
    [['6.12=a'], '6.1', undefined],
    [['6.1=a', '6.12=b'], '6.1', 'a'],
  ];
  for (const [options, kernel, want] of cases)
    it(`${JSON.stringify(options)} for ${kernel}`, () => assert.equal(btfOf(options, kernel), want));
});

describe('verdicts by kernel', () => {
  const about = { kernels: ['6.12', '6.1'], btf: [], variant: 'base', only: undefined, logLevel: 0 };

  it('tells kernels apart: signed loads came with 6.6', async () => {
    const all = await verdictsByKernel(fixture('objects/6.12/modern.bpf.o'), {
      ...about,
      only: ['m_sx', 'm_cast_null'],
    });
    const found = all.map(({ kernel, programs }) => [
      kernel,
      ...programs.map(({ program, verdict, errno }) => `${program} ${verdict} ${errno}`),
    ]);
    assert.deepEqual(found, [
      ['6.12', 'm_sx accept 0', 'm_cast_null accept 0'],
      ['6.1', 'm_sx reject 22', 'm_cast_null reject 13'],
    ]);
    assert.equal(all[1].programs[0].explanation?.at?.insn, 1);
    const [head, first] = renderTable(all).split('\n');
    assert.match(head, /^program +6\.12 +6\.1$/);
    assert.match(first, /^m_sx +accepted +rejected \(errno 22\)$/);
  });

  it('says when a kernel cannot load the object at all', async () => {
    const all = await verdictsByKernel(fixture('objects/6.12/modern.bpf.o'), { ...about, btf: BTF });
    assert.deepEqual(
      all.map(({ error }) => error?.code),
      [undefined, 'PROGRAM_EXTERN'],
    );
    assert.match(renderTable(all), /^m_cast_null +accepted +not loaded$/m);
  });

  it('refuses names of programs that are not there', async () => {
    const wrong = verdictsByKernel(fixture('objects/6.12/modern.bpf.o'), { ...about, only: ['none'] });
    await assert.rejects(wrong, { code: 'USAGE_PROGRAM' });
  });
});
