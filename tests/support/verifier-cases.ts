import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { assemble } from '../../host/asm/assembler.js';
import { disassembleAll } from '../../host/asm/kernel-dialect.js';
import { Btf } from '../../host/btf/btf.js';
import { BtfKind } from '../../host/btf/types.js';
import type { Core } from '../../host/core/core.js';
import { profile } from '../../host/profiles/profiles.js';
import {
  type FuncInfo,
  MAP_FD_BASE,
  type MapSpec,
  type ProgramSpec,
} from '../../host/program/program-spec.js';
import type { KernelView, LoadedMap } from '../../host/verifier/kernel-view.js';
import { logText } from '../../host/verifier/log.js';
import type { VerifyOptions } from '../../host/verifier/options.js';
import { ProgType } from '../../host/verifier/prog-type.js';
import type { VerifiedProgram } from '../../host/verifier/verified-program.js';
import { VerifierError } from '../../host/verifier/verifier-error.js';
import { verify } from '../../host/verifier/verify.js';
import { CTypes } from './c-types.js';
import { kernelBtf } from './golden-kernel.js';
import { loadCore } from './jit.js';

export type KernelName = '6.12' | '6.1';

/** Errno names as the rules give them. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  E2BIG: 7,
  EBADF: 9,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  ERANGE: 34,
  EPROTO: 71,
  EOPNOTSUPP: 95,
  ENOTSUPP: 524,
} as const;

/** 'ok', or errno and message; the message is the last line before the statistics (of several lines: each). */
export type Verdict = 'ok' | readonly [errno: keyof typeof ERRNO, message: string];

/** A map of a case: its value may be a type of the case's C text. Sizes in bytes. */
export interface CaseMap {
  readonly type: number;
  readonly name?: string;
  readonly key?: number;
  /** Size, or a type that `c` declares. */
  readonly value?: number | string;
  readonly max?: number;
  readonly flags?: number;
  readonly extra?: bigint;
  readonly inner?: CaseMap;
  /** Content of a map that is frozen and read-only for programs. */
  readonly constant?: string;
}

/**
 * One program and what Linux answers. In `text` (kernel dialect of host/asm): `map_fd 0` and `map_value 0 +8` name
 * maps of the case, `call kfunc NAME` and `btf_id NAME` names of the kernel's BTF, `typeid(struct x)` an id of the
 * case's own BTF, a label `refused` the instruction that is, `ktypeid(x)` the id of a struct of the kernel's, `OFFSETOF(x.m)` the offset of a member.
 */
export interface VerifierCase {
  /** The rule shown: a message of tests/fixtures/verifier-rules.tsv, or a name of the test's own. */
  readonly rule: string;
  /** What the program shows, when the rule has several rows. */
  readonly name?: string;
  readonly text?: string;
  /** In place of `text`. */
  readonly bytes?: Uint8Array;
  readonly type?: keyof typeof ProgType;
  readonly attachType?: number;
  /** fentry, fexit, fmod_ret, raw_tp, lsm, iter: kernel function, tracepoint or hook. */
  readonly attach?: { readonly kind: string; readonly target: string };
  readonly sleepable?: boolean;
  readonly flags?: number;
  readonly license?: string;
  readonly maps?: readonly CaseMap[];
  /** C declarations: types of values, and functions, found in `text` by their labels (the first is at 0). */
  readonly c?: string;
  readonly spec?: Partial<ProgramSpec>;
  /** What is different about the kernel. */
  readonly kernel?: Partial<KernelView>;
  readonly unprivileged?: boolean;
  /** CAP_PERFMON beside CAP_BPF; there unless told. */
  readonly perfmon?: boolean;
  /** CAP_SYS_BOOT; had unless told. */
  readonly sysBoot?: boolean;
  /** The kernel's JIT; on unless told. */
  readonly jit?: boolean;
  readonly preemptRt?: boolean;
  /** log_level; 2 unless told. Long paths are told 1. */
  readonly logLevel?: number;
  /** Answer of Linux 6.12; absent = not asked. */
  readonly want?: Verdict;
  /** Answer of Linux 6.1; absent = not asked. */
  readonly want61?: Verdict;
  /** The accepted program as the kernel dumps it, an instruction a line; kernel and map addresses as `ADDRESS`. */
  readonly xlated?: string;
  readonly xlated61?: string;
  /** Loads of the accepted program that the exception table covers. */
  readonly exentries?: number;
  readonly exentries61?: number;
}

export const MAP = {
  HASH: 1,
  ARRAY: 2,
  PROG_ARRAY: 3,
  PERF_EVENT_ARRAY: 4,
  PERCPU_HASH: 5,
  PERCPU_ARRAY: 6,
  STACK_TRACE: 7,
  CGROUP_ARRAY: 8,
  LRU_HASH: 9,
  LRU_PERCPU_HASH: 10,
  LPM_TRIE: 11,
  ARRAY_OF_MAPS: 12,
  HASH_OF_MAPS: 13,
  DEVMAP: 14,
  SOCKMAP: 15,
  CPUMAP: 16,
  XSKMAP: 17,
  SOCKHASH: 18,
  CGROUP_STORAGE: 19,
  REUSEPORT_SOCKARRAY: 20,
  PERCPU_CGROUP_STORAGE: 21,
  QUEUE: 22,
  STACK: 23,
  SK_STORAGE: 24,
  DEVMAP_HASH: 25,
  STRUCT_OPS: 26,
  RINGBUF: 27,
  INODE_STORAGE: 28,
  TASK_STORAGE: 29,
  BLOOM_FILTER: 30,
  USER_RINGBUF: 31,
  CGRP_STORAGE: 32,
  ARENA: 33,
} as const;

/** Attach types of cases that say none, of program types that need one. */
const FIRST_ATTACH: Record<string, number> = {
  CGROUP_SOCK: 2,
  CGROUP_SOCK_ADDR: 8,
  CGROUP_SOCKOPT: 21,
  SK_REUSEPORT: 39,
  SK_LOOKUP: 36,
  NETFILTER: 45,
};

const REFUSED = 'refused';
const MAP_BASE = 0xffff_8880_0400_0000n;
const MAP_STEP = 0x1000n;

function mapSpec(map: CaseMap, types: CTypes | null): MapSpec {
  const value = map.value ?? 8;
  const typed = typeof value === 'string' && types !== null;
  return {
    name: map.name ?? 'm',
    type: map.type,
    keySize: map.key ?? 4,
    valueSize: typeof value === 'number' ? value : types!.size(value),
    maxEntries: map.max ?? 1,
    flags: map.flags ?? 0,
    extra: map.extra ?? 0n,
    ...(typed ? { valueType: types.id(value) } : {}),
    ...(map.inner === undefined ? {} : { inner: mapSpec(map.inner, types) }),
    ...(map.constant === undefined ? {} : { frozen: true }),
  };
}

function loadedMap(spec: MapSpec, map: CaseMap, index: number): LoadedMap {
  const address = MAP_BASE + BigInt(index) * MAP_STEP;
  return {
    id: index + 1,
    spec,
    address,
    valueAddress: spec.type === MAP.ARRAY ? address + 0x108n : 0n,
    ...(map.inner === undefined ? {} : { inner: loadedMap(spec.inner!, map.inner, index + 100) }),
    ...(map.constant === undefined ? {} : { constant: constantBytes(map.constant, spec.valueSize) }),
    ...(spec.type === MAP.ARENA ? { arena: { kernel: 0xffff_c900_0000_0000n, user: spec.extra } } : {}),
  };
}

function constantBytes(text: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(new TextEncoder().encode(text).subarray(0, size));
  return bytes;
}

/** First slot of each function that has a label in the text. */
function labelPlaces(text: string, names: readonly string[]): Map<string, number> {
  const found = names.filter((name) => new RegExp(`(^|\\s)${name}:(?!:)`, 'm').test(text));
  const places = new Map<string, number>();
  if (found.length === 0) return places;
  const bytes = assemble(`${text}\n${found.map((name) => `r1 = func ${name}`).join('\n')}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const slots = bytes.length / 8;
  found.forEach((name, i) => {
    const at = slots - (found.length - i) * 2;
    places.set(name, at + 1 + view.getInt32(at * 8 + 4, true));
  });
  return places;
}

function expand(text: string, btf: Btf, types: CTypes | null): string {
  const kernelId = (name: string, ...kinds: BtfKind[]): string => {
    const id = btf.find(name, ...kinds);
    if (id === 0) throw new Error(`no "${name}" in the kernel's BTF`);
    return String(id);
  };
  return text
    .replaceAll(
      /\b(map_fd|map_value) (\d+)/g,
      (_, word: string, n: string) => `${word} ${MAP_FD_BASE + Number(n)}`,
    )
    .replaceAll(
      /\bcall kfunc ([a-z_]\w*)/g,
      (_, name: string) => `call kfunc ${kernelId(name, BtfKind.FUNC)}`,
    )
    .replaceAll(
      /\bbtf_id ([a-z_]\w*)/g,
      (_, name: string) => `btf_id ${kernelId(name, BtfKind.VAR, BtfKind.FUNC)}`,
    )
    .replaceAll(/\bktypeid\((\w+)\)/g, (_, name: string) => kernelId(name, BtfKind.STRUCT))
    .replaceAll(/\bOFFSETOF\((\w+)\.(\w+)\)/g, (_, struct: string, field: string) => {
      const type = btf.type(btf.find(struct, BtfKind.STRUCT));
      const member =
        type.kind === BtfKind.STRUCT ? type.members.find((one) => one.name === field) : undefined;
      if (member === undefined) throw new Error(`no "${struct}.${field}" in the kernel's BTF`);
      return String(member.bitOffset / 8);
    })
    .replaceAll(/\btypeid\(([^)]+)\)/g, (_, name: string) => String(types!.id(name)));
}

/** The program of a case, as a loader would pass it, and the kernel it is loaded into. */
export function loadCase(test: VerifierCase, version: KernelName): { spec: ProgramSpec; kernel: KernelView } {
  const chosen = profile(`linux-${version}`);
  const btf = test.kernel?.btf ?? kernelBtf(version);
  const types = test.c === undefined ? null : new CTypes(test.c);
  const text = expand(test.text ?? '', btf, types);
  const maps = (test.maps ?? []).map((map) => mapSpec(map, types));
  const names = types?.functions.map((one) => one.name) ?? [];
  const places = labelPlaces(text, names.slice(1));
  const funcInfo: FuncInfo[] = (types?.functions ?? [])
    .map((one, index) => ({ insn: index === 0 ? 0 : (places.get(one.name) ?? -1), type: one.id }))
    .filter((one) => one.insn >= 0)
    .sort((a, b) => a.insn - b.insn);
  const { attach } = test;
  const spec: ProgramSpec = {
    name: 'test',
    section: '',
    type: ProgType[test.type ?? 'SOCKET_FILTER'],
    expectedAttachType: test.attachType ?? FIRST_ATTACH[test.type ?? ''] ?? 0,
    flags: (test.flags ?? 0) | (test.sleepable === true ? 16 : 0),
    attach: attach === undefined ? null : { ...attach, btfId: 0 },
    license: test.license ?? 'GPL',
    insns: test.bytes ?? assemble(text),
    maps,
    btf: types === null ? null : Btf.parse(types.bytes()),
    funcInfo,
    lineInfo: [],
    ...test.spec,
  };
  const kernel: KernelView = {
    profile: chosen,
    btf,
    maps: maps.map((one, index) => loadedMap(one, test.maps![index]!, index)),
    symbolAddress: (name) => chosen.symbols.address(name) ?? 0xffff_ffff_8300_0000n,
    ...test.kernel,
  };
  return { spec, kernel };
}

/** Slot of the instruction that the case's text says is refused. */
function refusedPlace(test: VerifierCase, version: KernelName): number | undefined {
  if (test.text?.includes(`${REFUSED}:`) !== true) return undefined;
  const types = test.c === undefined ? null : new CTypes(test.c);
  return labelPlaces(expand(test.text, kernelBtf(version), types), [REFUSED]).get(REFUSED);
}

/**
 * The text, with the label of the refused instruction before its last line when that is where every kernel asked
 * refuses it, for one reason, and no label says otherwise.
 */
export function lastRefused(text: string, { want, want61 }: Pick<VerifierCase, 'want' | 'want61'>): string {
  if (want === 'ok' || want61 === 'ok') return text;
  if (want !== undefined && want61 !== undefined && String(want) !== String(want61)) return text;
  if (text.includes(`${REFUSED}:`)) return text;
  return text.replace(/(^|\n)([ \t]*)([^\n:]+)\s*$/, `$1$2${REFUSED}: $3`);
}

const AFTERWORD = /^((cur|old) state:|processed \d+ insns)/;

/** What our verifier answers. */
export interface Answer {
  /** Instruction that is refused; -1 = none is named. */
  readonly insn: number;
  readonly verdict: Verdict;
  readonly log: string;
  readonly program: VerifiedProgram | null;
}

export function answer(test: VerifierCase, version: KernelName, core: Core): Answer {
  const { spec, kernel } = loadCase(test, version);
  const options: VerifyOptions = {
    core,
    logLevel: test.logLevel ?? 2,
    privileged: test.unprivileged !== true,
    perfmon: test.perfmon ?? true,
    sysBoot: test.sysBoot ?? true,
    jit: test.jit ?? true,
    preemptRt: test.preemptRt ?? false,
  };
  try {
    return { insn: -1, verdict: 'ok', log: '', program: verify(spec, kernel, options) };
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const name =
      Object.entries(ERRNO).find(([, number]) => number === error.errno)?.[0] ?? String(error.errno);
    const log = logText(error.log, 2);
    const lines = log.trimEnd().split('\n');
    const reason = lines.filter((line) => line !== '' && !AFTERWORD.test(line));
    const insn = error.place.insn ?? -1;
    return { insn, verdict: [name as keyof typeof ERRNO, reason.at(-1) ?? ''], log, program: null };
  }
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** Lines of a wanted dump; `call &name` calls that kernel symbol. */
function wantedLines(text: string, kernel: KernelView): string[] {
  const { callBase } = kernel.profile.jit;
  return linesOf(text).map((line) =>
    line.replace(/call &(\w+)/, (_, name: string) => {
      return `call unknown#${BigInt.asIntN(32, kernel.symbolAddress(name) - callBase)}`;
    }),
  );
}

/** The dump with the opcodes that `want` gives: where it gives none, any opcode that prints so is right. */
function listing({ xlated }: VerifiedProgram, want: readonly string[]): string[] {
  return disassembleAll(xlated).map((line, at) => {
    const text = line.replace(/^\d+: /, '').replace(/0x[0-9a-f]{15,16}/, 'ADDRESS');
    return /^\([0-9a-f]{2}\)/.test(want[at] ?? '') ? text : text.replace(/^\([0-9a-f]{2}\) /, '');
  });
}

function check(test: VerifierCase, version: KernelName, want: Verdict, core: Core): void {
  const { verdict, log, program, insn } = answer(test, version, core);
  const xlated = version === '6.12' ? test.xlated : test.xlated61;
  const exentries = version === '6.12' ? test.exentries : test.exentries61;
  if (exentries !== undefined && program !== null) assert.equal(program.numExentries, exentries);
  if (xlated !== undefined && program !== null) {
    const lines = wantedLines(xlated, loadCase(test, version).kernel);
    assert.deepEqual(listing(program, lines), lines);
  }
  if (want === 'ok' || verdict === 'ok') {
    assert.deepEqual(verdict, want, log);
    return;
  }
  const refused = refusedPlace(test, version);
  if (refused !== undefined) assert.equal(insn, refused, `instruction refused\n${log}`);
  const lines = want[1].split('\n');
  assert.deepEqual(verdict, [want[0], lines.at(-1)], log);
  if (lines.length > 1) assert.ok(log.includes(`${want[1]}\n`), `${want[1]}\nexpected in\n${log}`);
}

/** Tables met so far. A script that only counts sets `collectOnly` before it imports them: nothing runs then. */
export const tables: { readonly area: string; readonly cases: readonly VerifierCase[] }[] = [];
export const collecting = { collectOnly: false };

const wantsOf = (test: VerifierCase): readonly (readonly [KernelName, Verdict | undefined])[] => [
  ['6.12', test.want],
  ['6.1', test.want61],
];

/** Runs a large generated table: a test for all the cases of one group. */
export function verifierGroups(
  area: string,
  cases: readonly VerifierCase[],
  groupOf: (test: VerifierCase) => string,
): void {
  tables.push({ area, cases });
  if (collecting.collectOnly) return;
  describe(area, () => {
    let core: Core;
    before(async () => {
      core = await loadCore();
    });
    for (const group of new Set(cases.map(groupOf))) {
      const inside = cases.filter((test) => groupOf(test) === group);
      it(`${group}: ${inside.length} programs`, () => {
        const wrong: string[] = [];
        for (const test of inside) {
          for (const [version, want] of wantsOf(test)) {
            if (want === undefined) continue;
            const { verdict } = answer(test, version, core);
            if (String(verdict) !== String(want)) {
              wrong.push(
                `${version} ${test.name ?? test.rule}: ${String(verdict)}, expected ${String(want)}`,
              );
            }
          }
        }
        assert.deepEqual(wrong, []);
      });
    }
  });
}

/** Runs a table of cases, a test each. */
export function verifierCases(area: string, cases: readonly VerifierCase[]): void {
  tables.push({ area, cases });
  if (collecting.collectOnly) return;
  describe(area, () => {
    let core: Core;
    before(async () => {
      core = await loadCore();
    });
    for (const test of cases) {
      for (const [version, want] of wantsOf(test)) {
        if (want === undefined) continue;
        const verdict = want === 'ok' ? 'accepted' : want[0];
        const name = test.name === undefined ? test.rule : `${test.rule} (${test.name})`;
        it(`${version} ${verdict}: ${name.replaceAll('\n', ' ')}`, () => {
          check(test, version, want, core);
        });
      }
    }
  });
}
