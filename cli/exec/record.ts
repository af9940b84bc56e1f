import { Btf } from '../../host/btf/btf.js';
import { UsageError } from '../../host/errors.js';
import type { AttachTarget, FuncInfo, MapSpec, ProgramSpec } from '../../host/program/program-spec.js';
import { MAP_FD_BASE } from '../../host/program/program-spec.js';

/** One input line of `faultline exec`: the input fields of a recorded program; every other field is ignored. */
export interface ExecRecord {
  readonly id: string;
  readonly kernel: string;
  readonly profile: string;
  readonly spec: ProgramSpec;
  readonly maps: readonly RecordMap[];
  readonly run: RecordRun | null;
  /** Entry addresses of the functions, where the record gives them. */
  readonly entries: readonly (bigint | null)[];
  readonly jitInput: RecordJitInput | null;
  readonly raw: {
    readonly insns: Uint8Array;
    readonly memory: Uint8Array | null;
    readonly memoryFile: string | null;
  } | null;
}

export interface RecordMap {
  readonly spec: MapSpec;
  /** Id that the dump shows in place of the map; undefined = any. */
  readonly id: number | undefined;
  /** Index of the inner map, an earlier one of the record; it is put into the first slot. */
  readonly inner: number | null;
  /** Key and value of a preloaded element. */
  readonly preload: { readonly key: Uint8Array; readonly value: Uint8Array } | null;
  /** The value is dumped after the run. */
  readonly dump: boolean;
  /** A prog array with programs that return 42 and 43 in its first two slots. */
  readonly programs: boolean;
}

export interface RecordRun {
  readonly kind: string;
  readonly data: Uint8Array;
  readonly bogus: bigint;
}

export interface RecordJitInput {
  readonly insns: Uint8Array;
  readonly numExentries: number;
  readonly stackDepth: number;
  readonly tailCallReachable: boolean;
  readonly exceptionBoundary: boolean;
  readonly arenaKernel: bigint;
  readonly arenaUser: bigint;
}

type Json = Record<string, unknown>;

const fail = (field: string, expected: string, found: unknown): UsageError =>
  new UsageError(
    'USAGE_RECORD',
    `record field ${field}: expected ${expected}, found ${JSON.stringify(found) ?? 'nothing'}`,
  );

/** Bytes of a hex string; throws USAGE_RECORD naming the field. */
export function hexBytes(field: string, value: unknown): Uint8Array {
  if (typeof value !== 'string' || value.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(value))
    throw fail(field, 'pairs of hex digits', value);
  const bytes = new Uint8Array(value.length / 2);
  for (let at = 0; at < bytes.length; at++) bytes[at] = parseInt(value.slice(at * 2, at * 2 + 2), 16);
  return bytes;
}

function number(record: Json, field: string, fallback?: number): number {
  const value = record[field] ?? fallback;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw fail(field, 'an integer', value);
  return value;
}

function text(record: Json, field: string, fallback?: string): string {
  const value = record[field] ?? fallback;
  if (typeof value !== 'string') throw fail(field, 'a string', value);
  return value;
}

function address(field: string, value: unknown): bigint {
  if (typeof value === 'string' && /^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(value))
    return BigInt.asUintN(64, BigInt(value));
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw fail(field, 'an address', value);
}

function list(record: Json, field: string): unknown[] {
  const value = record[field] ?? [];
  if (!Array.isArray(value)) throw fail(field, 'an array', value);
  return value;
}

function mapSpec(map: Json, index: number, all: readonly Json[]): MapSpec {
  const at = map.inner === undefined || map.inner === null ? null : number(map, 'inner');
  if (at !== null && (at < 0 || at >= index)) throw fail(`maps[${index}].inner`, 'an earlier map', map.inner);
  const inner = at === null ? undefined : all[at];
  return {
    name: '',
    type: number(map, 'type'),
    keySize: number(map, 'key', 0),
    valueSize: number(map, 'value', 0),
    maxEntries: number(map, 'max', 0),
    flags: number(map, 'flags', 0),
    extra: BigInt(number(map, 'extra', 0)),
    ...(inner === undefined ? {} : { inner: mapSpec(inner, at as number, all) }),
  };
}

function recordMaps(record: Json): RecordMap[] {
  const all = list(record, 'maps') as Json[];
  const ids = (record.map_ids ?? {}) as Json;
  return all.map((map, index) => {
    const spec = mapSpec(map, index, all);
    const flags = number(map, 'mflags', 0);
    const pop = map.pop === undefined || map.pop === null ? null : hexBytes(`maps[${index}].pop`, map.pop);
    if (pop && pop.length !== spec.keySize + spec.valueSize)
      throw fail(`maps[${index}].pop`, `${spec.keySize + spec.valueSize} bytes`, map.pop);
    const id = ids[String(index)];
    return {
      spec,
      id: typeof id === 'number' ? id : undefined,
      inner: typeof map.inner === 'number' ? map.inner : null,
      preload: pop && { key: pop.slice(0, spec.keySize), value: pop.slice(spec.keySize) },
      dump: (flags & 1) !== 0,
      programs: (flags & 2) !== 0,
    };
  });
}

/** Writes the stand-ins for map descriptors that the record's fixups name. */
function withMapFds(insns: Uint8Array, fixups: unknown[], maps: number): Uint8Array {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  for (const fixup of fixups) {
    const [insn, map] = Array.isArray(fixup) ? (fixup as unknown[]) : [];
    if (
      typeof insn !== 'number' ||
      typeof map !== 'number' ||
      insn < 0 ||
      insn * 8 + 8 > insns.length ||
      map < 0 ||
      map >= maps
    )
      throw fail('map_fixups', '[instruction, map] pairs inside the record', fixup);
    view.setInt32(insn * 8 + 4, MAP_FD_BASE + map, true);
  }
  return insns;
}

function funcInfo(record: Json): FuncInfo[] {
  if (record.func_info_hex === undefined) return [];
  const bytes = hexBytes('func_info_hex', record.func_info_hex);
  const view = new DataView(bytes.buffer);
  const infos: FuncInfo[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8)
    infos.push({ insn: view.getUint32(at, true), type: view.getUint32(at + 4, true) });
  return infos;
}

function recordRun(record: Json): RecordRun | null {
  const run = record.test_run as Json | undefined;
  if (!run) return null;
  const bogusBytes = run.bogus_ptr === undefined ? null : hexBytes('test_run.bogus_ptr', run.bogus_ptr);
  const expected = (record.expect as Json | undefined)?.bogus;
  // Some records name the pointer before its value: ERR_PTR(-ENOENT)=0x...
  const named =
    typeof expected === 'string' ? (/0x[0-9a-f]{1,16}$/i.exec(expected)?.[0] ?? expected) : expected;
  let bogus = named === undefined ? 0n : address('expect.bogus', named);
  if (bogusBytes?.length === 8) bogus = new DataView(bogusBytes.buffer).getBigUint64(0, true);
  return {
    kind: text(run, 'kind', ''),
    data: hexBytes('test_run.data_in_hex', run.data_in_hex ?? run.ctx_in_hex ?? ''),
    bogus,
  };
}

function jitInput(record: Json): RecordJitInput | null {
  const input = record.jit_input as Json | undefined;
  if (!input) return null;
  return {
    insns: hexBytes('jit_input.insns_hex', input.insns_hex),
    numExentries: number(input, 'num_exentries', 0),
    stackDepth: number(input, 'stack_depth', 0),
    tailCallReachable: Boolean(input.tail_call_reachable),
    exceptionBoundary: Boolean(input.exception_boundary),
    arenaKernel: address('jit_input.arena_kern', input.arena_kern ?? 0),
    arenaUser: address('jit_input.arena_user', input.arena_user ?? 0),
  };
}

/** Reads one input line. Throws USAGE_RECORD naming the field that cannot be used. */
export function parseRecord(line: string, raw: boolean): ExecRecord {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    throw new UsageError(
      'USAGE_RECORD',
      `record: expected one JSON object a line, ${(error as Error).message}`,
    );
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw fail('(line)', 'an object', json);
  const record = json as Json;
  const insns = hexBytes('insns_hex', record.insns_hex ?? '');
  if (insns.length % 8 !== 0) throw fail('insns_hex', 'whole 8-byte instructions', `${insns.length} bytes`);
  const maps = raw ? [] : recordMaps(record);
  const attach = record.attach as Json | null | undefined;
  const target: AttachTarget | null = attach
    ? {
        kind: text(attach, 'kind', ''),
        target: text(attach, 'target', ''),
        btfId: number(attach, 'btf_id', 0),
      }
    : null;
  return {
    id: text(record, 'id', ''),
    kernel: text(record, 'kernel', '6.12'),
    profile: text(record, 'profile', 'base'),
    maps,
    run: recordRun(record),
    entries: (list(record, 'funcs') as Json[]).map((func) =>
      typeof func?.ksym_addr === 'string' ? address('funcs[].ksym_addr', func.ksym_addr) : null,
    ),
    jitInput: jitInput(record),
    raw: raw
      ? {
          insns,
          memory: record.mem_hex === undefined ? null : hexBytes('mem_hex', record.mem_hex),
          memoryFile: typeof record.mem_file === 'string' ? record.mem_file : null,
        }
      : null,
    spec: {
      name: '',
      section: '',
      type: number(record, 'prog_type', raw ? 1 : undefined),
      expectedAttachType: number(record, 'expected_attach_type', 0),
      flags: number(record, 'prog_flags', 0),
      attach: target,
      license: 'GPL',
      insns: withMapFds(insns, list(record, 'map_fixups'), maps.length),
      maps: maps.map((map) => map.spec),
      btf: record.btf_hex === undefined ? null : Btf.parse(hexBytes('btf_hex', record.btf_hex)),
      funcInfo: funcInfo(record),
      lineInfo: [],
    },
  };
}
