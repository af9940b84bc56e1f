import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'faultline-cli-'));
after(() => rmSync(folder, { recursive: true }));

const TASK_WALK = join(root, 'examples/task_walk.bpf.o');

function faultline(args: readonly string[], input = '') {
  return spawnSync(process.execPath, [join(root, 'bin/faultline.js'), ...args], { encoding: 'utf8', input });
}

/** A copy of the task_walk object with some bytes changed or its end cut off. */
function damaged(name: string, change: (bytes: Buffer) => Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, change(Buffer.from(readFileSync(TASK_WALK))));
  return path;
}

function patched(name: string, offset: number, ...bytes: number[]): string {
  return damaged(name, (object) => {
    object.set(bytes, offset);
    return object;
  });
}

const E_MACHINE = 18;
const EM_X86_64 = 62;
const E_SHOFF = 40;

/** Offset in the file of a named section's content, by its header. */
function sectionOffset(object: Buffer, wanted: string): number {
  const headers = Number(object.readBigUInt64LE(E_SHOFF));
  const count = object.readUInt16LE(60);
  const header = (at: number) => headers + at * 64;
  const names = Number(object.readBigUInt64LE(header(object.readUInt16LE(62)) + 24));
  for (let at = 0; at < count; at++) {
    const start = names + object.readUInt32LE(header(at));
    if (object.toString('latin1', start, object.indexOf(0, start)) === wanted)
      return Number(object.readBigUInt64LE(header(at) + 24));
  }
  throw new Error(`no section ${wanted}`);
}

const object = readFileSync(TASK_WALK);

const CASES: { name: string; args: string[]; code: number; stdout?: RegExp; stderr?: RegExp }[] = [
  { name: 'help', args: ['--help'], code: 0, stdout: /usage: faultline COMMAND/ },
  { name: 'help of a command', args: ['jit', '--help'], code: 0, stdout: /example: faultline jit/ },
  { name: 'no command', args: [], code: 2, stdout: /usage/ },
  { name: 'unknown command', args: ['frobnicate'], code: 2, stderr: /USAGE_COMMAND: no command 'frobnicate'/ },
  { name: 'unknown option', args: ['run', '--frobnicate'], code: 2, stderr: /USAGE_OPTION/ },
  { name: 'no file', args: ['run'], code: 2, stderr: /expected an object file/ },
  { name: 'missing file', args: ['run', 'nowhere.bpf.o'], code: 1, stderr: /ENOENT.*nowhere\.bpf\.o/ },
  { name: 'unknown engine', args: ['run', '--engine', 'z80', TASK_WALK], code: 2, stderr: /expected x86, wasm, interp, auto, all, found 'z80'/ },
  { name: 'unknown program', args: ['jit', '--program', 'x', TASK_WALK], code: 2, stderr: /expected one of the programs task_walk/ },
  { name: 'not an ELF file', args: ['run', join(root, 'README.md')], code: 1, stderr: /ELF_/ },
  { name: 'truncated object', args: ['run', damaged('cut.o', (bytes) => bytes.subarray(0, 3000))], code: 1, stderr: /ELF_\w+: .*3000/ },
  { name: 'object of another machine', args: ['run', patched('x86.o', E_MACHINE, EM_X86_64, 0)], code: 1, stderr: /ELF_\w+: .*247.*62/ },
  { name: 'BTF with a wrong magic', args: ['run', patched('btf.o', sectionOffset(object, '.BTF'), 0x12, 0x34)], code: 1, stderr: /BTF_\w+: .*\.BTF.*eb9f/i },
  { name: 'BTF cut by its header', args: ['run', patched('btf-cut.o', sectionOffset(object, '.BTF') + 12, 0xff, 0xff, 0xff, 0x7f)], code: 1, stderr: /BTF_\w+: .*\.BTF/ },
  { name: 'step', args: ['step', '--run', '2', TASK_WALK], code: 0, stdout: /^task_walk: .*\n0xffffffffc020000c <\+0x0>\s+endbr64\n[^]*push {3}rbp +rsp=0x[0-9a-f]+\n[^]*extable\[20\]: rdi = 0, 7 bytes skipped\n[^]*r0 = 0x0 after 832 instructions/ },
  { name: 'step from a breakpoint', args: ['step', '--break', '17', '--count', '1', '--registers', '--syntax', 'att', TASK_WALK], code: 0, stdout: /stopped at 0x[0-9a-f]+ after 32 instructions\nrax {2}0x[^]*mov +%rdi,8\(%rax\)\nr0 = / },
  { name: 'step as JSON', args: ['step', '--json', '--break', '0', '--count', '1', TASK_WALK], code: 0, stdout: /^\{"ip":"0xffffffffc0200028","insn":0,.*"changed":\{"rbx":"0xffff888[0-9a-f]+"\}/ },
  { name: 'step of a run that is not there', args: ['step', '--run', '9', TASK_WALK], code: 2, stderr: /--run: expected 1 to \d+, found 9/ },
  { name: 'relocation of a symbol that is not there', args: ['run', patched('rel.o', sectionOffset(object, '.relfentry/wake_up_new_task') + 12, 0xff, 0xff, 0, 0)], code: 1, stderr: /(ELF|PROGRAM)_\w+: .*\.relfentry/ },
]; // prettier-ignore

describe('faultline on the command line', () => {
  for (const { name, args, code, stdout, stderr } of CASES)
    it(name, () => {
      const run = faultline(args);
      assert.equal(run.status, code, run.stderr);
      if (stdout) assert.match(run.stdout, stdout);
      if (stderr) assert.match(run.stderr, stderr);
      assert.doesNotMatch(run.stderr, /^\s+at /m, 'a stack trace');
    });

  it('the examples run, faults are repaired and the engines agree', () => {
    const run = faultline(['demo']);
    assert.equal(run.status, 0, run.stderr);
    const parts = run.stdout.split(/^== examples\//m).slice(1);
    assert.deepEqual(
      parts.map((part) => part.slice(0, part.indexOf('.'))),
      ['task_walk', 'file_open', 'skb_filter'],
    );
    for (const part of parts.slice(0, 2))
      assert.match(part, /fault 1: #PF reading 0xffff888[0-9a-f]{9}, ip 0xffffffffc/);
    for (const part of parts) assert.match(part, /the engines agree on r0, faults and maps/);
  });

  it('a JIT without PROBE_MEM refuses the opcode, and the interpreter does the same', () => {
    const [jited, refused] = ['x86_64', 'x86_64-noprobe'].map((arch) => {
      const run = faultline(['run', '--json', '--engine', 'interp', '--arch', arch, TASK_WALK]);
      assert.equal(run.status, 0, run.stderr);
      return JSON.parse(run.stdout) as {
        programs: { fallback: string | null; runs: { r0: string }[] }[];
        maps: unknown;
      };
    });
    assert.equal(jited.programs[0].fallback, null);
    assert.match(refused.programs[0].fallback ?? '', /^bpf_jit: unknown opcode [0-9a-f]{2}$/);
    assert.deepEqual(refused.maps, jited.maps);
    assert.deepEqual(refused.programs[0].runs.map(({ r0 }) => r0), jited.programs[0].runs.map(({ r0 }) => r0)); // prettier-ignore
  });

  it('exec answers every line in order, bad ones with an error', () => {
    const exit = 'b7000000070000009500000000000000';
    const lines = [
      `{"id":"a","prog_type":1,"insns_hex":"${exit}","test_run":{"kind":"data","data_in_hex":"${'00'.repeat(64)}"}}`,
      '{"id":"b","prog_type":1,"insns_hex":"zz"}',
      '{"id":"c","prog_type":1,"insns_hex":"9500000000000000"}',
    ];
    const run = faultline(['exec', '--engine', 'all'], lines.join('\n'));
    assert.equal(run.status, 0, run.stderr);
    const [a, b, c] = run.stdout.trim().split('\n').map((line) => JSON.parse(line)); // prettier-ignore
    assert.deepEqual([a.id, a.verdict, a.runs.x86.retval, a.runs.interp.retval], ['a', 'accept', 7, 7]);
    assert.deepEqual([b.id, b.error.code], ['b', 'USAGE_RECORD']);
    assert.deepEqual([c.id, c.verdict, c.errno], ['c', 'reject', 13]);
    assert.match(c.log, /R0 !read_ok/);
  });

  it('exec gives every engine the maps as they were: an arena without pages', () => {
    // r9 = page of the arena; *(u64 *)(r9 - 512) = 5 misses the page; lock *(u64 *)(r9 + 8) += 3; r0 = that
    const insns =
      '18110000000000000000000000000000b702000000000000b703000002000000b7040000ffffffffb705000000000000' +
      '8520000065850000bf09000000000000bf91010001000000b700000005000000b7020000030000007a0100fe05000000' +
      'db210800000000007914080000000000bf400000000000009500000000000000';
    const record = {
      kernel: '6.12',
      prog_type: 31,
      prog_flags: 16,
      insns_hex: insns,
      maps: [{ type: 33, key: 0, value: 0, max: 4, flags: 0x400, extra: 1 << 20 }],
      map_fixups: [[0, 0]],
      test_run: { kind: 'ctx', data_in_hex: '' },
    };
    const btf = join(root, 'tests/fixtures/goldens/vmlinux-6.12.btf.gz');
    const run = faultline(['exec', '--engine', 'all', '--log', 'none', '--btf', btf], JSON.stringify(record));
    assert.equal(run.status, 0, run.stderr);
    const { error, runs } = JSON.parse(run.stdout) as {
      error?: unknown;
      runs: Record<string, { r0: string; faults: unknown[] }>;
    };
    assert.equal(error, undefined);
    for (const { r0, faults } of Object.values(runs)) assert.deepEqual([r0, faults.length], ['0x3', 1]);
  });
});
