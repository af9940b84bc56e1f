import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, mock } from 'node:test';
import { gzipSync } from 'node:zlib';
import { firstDifference } from '../../../cli/image-difference.js';
import { main } from '../../../cli/main.js';
import { type Golden, goldens } from '../../support/goldens.js';
import { fromHex } from '../../support/jit.js';

const folder = mkdtempSync(join(tmpdir(), 'faultline-diff-'));
after(() => rmSync(folder, { recursive: true }));

async function faultline(...args: string[]): Promise<{ code: number; out: string; errors: string }> {
  const written = { out: '', errors: '' };
  const capture = (stream: NodeJS.WriteStream, into: 'out' | 'errors') => {
    const write = stream.write.bind(stream);
    // The test runner reports on the same stream, in bytes.
    return mock.method(stream, 'write', (text: string | Uint8Array) =>
      typeof text === 'string' ? Boolean((written[into] += text)) : write(text),
    );
  };
  const out = capture(process.stdout, 'out');
  const errors = capture(process.stderr, 'errors');
  try {
    return { code: await main(args), ...written };
  } finally {
    out.mock.restore();
    errors.mock.restore();
  }
}

let files = 0;
function recordFile(records: readonly unknown[], packed = false): string {
  const path = join(folder, `records-${files++}.jsonl`);
  const text = records.map((record) => `${JSON.stringify(record)}\n`).join('');
  writeFileSync(path, packed ? gzipSync(text) : text);
  return path;
}

const recorded = (id: string): Golden => {
  const found = goldens('6.12', 'isa', 'base').find((record) => record.id === id);
  assert.ok(found, id);
  return found;
};
const plain = recorded('isa.alu64.add.reg.r0');
const probing = goldens('6.12', 'probe', 'base').find(
  (record) => record.jit_input && (record.funcs?.[0].num_exentries ?? 0) > 0,
)!;

/** The record with its first function changed. */
function altered(record: Golden, change: (func: Record<string, unknown>) => void): unknown {
  const copy = structuredClone(record);
  change(copy.funcs![0] as unknown as Record<string, unknown>);
  return copy;
}

/** Replaces bytes of the recorded image. */
const poke =
  (offset: number, hex: string) =>
  (func: Record<string, unknown>): void => {
    const image = func.jited_hex as string;
    func.jited_hex = image.slice(0, 2 * offset) + hex + image.slice(2 * offset + hex.length);
  };

describe('faultline jit --diff', () => {
  it('says nothing differs between our images and recorded ones', async () => {
    const { code, out } = await faultline('jit', '--diff', recordFile([plain, probing], true));
    assert.equal(code, 0);
    assert.equal(out, '2 images compared, 0 differ\n');
  });

  it('starts at the program when told to', async () => {
    const { code, out } = await faultline('jit', '--from', 'program', '--diff', recordFile([plain]));
    assert.deepEqual([code, out], [0, '1 images compared, 0 differ\n']);
  });

  it('leaves out records without images', async () => {
    const { out } = await faultline('jit', '--diff', recordFile([{ ...plain, funcs: [] }]));
    assert.equal(out, '0 images compared, 0 differ\n');
  });

  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    [
      'a changed instruction',
      // push rbp becomes push rsi: endbr64 and nops of 5 and 3 bytes are before it.
      altered(plain, poke(12, '56')),
      /^isa\.alu64\.add\.reg\.r0 \(6\.12 base\), function 0: .*first difference at \+0xc\n {2}faultline {2}\+0xc {2}55 +push +rbp\n {2}linux {6}\+0xc {2}56 +push +rsi\n1 images compared, 1 differ\n$/,
    ],
    [
      'a byte in the middle of an instruction',
      altered(plain, poke(14, '01')),
      /first difference at \+0xe\n {2}faultline {2}\+0xd {2}48 89 e5 +mov +rbp,rsp\n {2}linux {6}\+0xd {2}48 01 e5 +add +rbp,rsp\n/,
    ],
    [
      'an image that ends early',
      altered(plain, (func) => (func.jited_hex = (func.jited_hex as string).slice(0, -4))),
      /recorded; first difference at .*\n {2}faultline {2}.* {2}c3 +ret\n {2}linux {6}end of the image\n/,
    ],
    [
      'another table',
      altered(probing, (func) => (func.extable_hex = `00${(func.extable_hex as string).slice(2)}`)),
      /exception entries/,
    ],
    [
      'a function too many',
      { ...plain, funcs: [...plain.funcs!, ...plain.funcs!] },
      /1 functions, 2 recorded/,
    ],
    [
      'a program the JIT refuses',
      { ...plain, jit_input: { ...plain.jit_input, insns_hex: '0600000000000000ff00000000000000' } },
      /bpf_jit: unknown opcode ff/,
    ],
    [
      'a program the verifier refuses',
      { ...plain, jit_input: undefined, insns_hex: '9500000000000000', map_fixups: [] },
      /R0 !read_ok/,
    ],
    ['a line that is no record', 'text', /expected an object/],
  ];
  for (const [name, record, expected] of cases)
    it(`shows ${name}`, async () => {
      const { code, out } = await faultline('jit', '--diff', recordFile([record]));
      assert.equal(code, 1, out);
      assert.match(out, expected);
    });

  it('--json has the same content', async () => {
    const path = recordFile([plain, altered(plain, poke(12, '56'))]);
    const { code, out } = await faultline('jit', '--json', '--diff', path);
    assert.equal(code, 1);
    const { images, differences } = JSON.parse(out);
    assert.equal(images, 2);
    assert.equal(differences.length, 1);
    assert.equal(differences[0].id, 'isa.alu64.add.reg.r0 (6.12 base)');
    assert.equal(differences[0].offset, 12);
    assert.match(differences[0].linux, /push +rsi/);
  });

  it('takes no object file beside it', async () => {
    const { code, errors } = await faultline('jit', '--diff', recordFile([plain]), 'x.bpf.o');
    assert.equal(code, 2);
    assert.match(errors, /USAGE_OPTION.*x\.bpf\.o/);
  });
});

describe('what is not compared', () => {
  const masks: readonly (readonly [string, string, string, boolean, number])[] = [
    ['addresses of the direct map', '49bf000012808088ffff', '49bf000034808088ffff', false, -1],
    ['an address of the kernel itself', '49bf00001280ffffffff', '49bf00003480ffffffff', false, 4],
    ['a small number', '49bf0100000000000000', '49bf0200000000000000', false, 2],
    ['direct map against a number', '49bf000012808088ffff', '49bf0000128000000000', false, 6],
    ['a patched site', '0f1f440000c3', 'e912345678c3', true, -1],
    ['the same without tail calls', '0f1f440000c3', 'e912345678c3', false, 0],
    ['a site patched to elsewhere', 'e900000000c3', 'e912345678c3', true, -1],
    ['a site and what is behind it', '0f1f440000c3', 'e912345678c9', true, 5],
    ['a tail', 'c3', 'c3cc', false, 1],
  ];
  for (const [name, ours, theirs, tailCalls, expected] of masks)
    it(name, () => {
      assert.equal(firstDifference(fromHex(ours), fromHex(theirs), tailCalls), expected);
      assert.equal(firstDifference(fromHex(theirs), fromHex(ours), tailCalls), expected);
    });
});
