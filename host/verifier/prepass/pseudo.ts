import {
  BPF_LDX,
  BPF_MEM,
  BPF_MEMSX,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
} from '../../../assembly/isa.js';
import { BtfKind, type BtfType } from '../../btf/types.js';
import { MAP_FD_BASE } from '../../program/program-spec.js';
import type { InsnIndex, TypeId } from '../../quantities.js';
import type { LoadedMap } from '../kernel-view.js';
import { fieldsOfMap } from '../map-fields.js';
import { ProgType } from '../prog-type.js';
import { MapType } from '../rewrite/map-type.js';
import { LD_IMM64 } from '../rewrite/stream.js';
import { Errno } from '../verifier-error.js';
import { isKnownOpcode } from './opcodes.js';
import type { Prepass } from './prepass.js';

const MAX_USED_MAPS = 64;
const MAX_VALUE_OFFSET = 1 << 29;
const BPF_F_SLEEPABLE = 16;
const PAGE_SIZE = 4096;
/** What is printed for a descriptor that names no map. */
const CLOSED_FD = -1;
const STDERR = 2;

const SLEEPABLE_MAPS = new Set<number>([
  MapType.HASH,
  MapType.LRU_HASH,
  MapType.ARRAY,
  MapType.PERCPU_HASH,
  MapType.PERCPU_ARRAY,
  MapType.LRU_PERCPU_HASH,
  MapType.ARRAY_OF_MAPS,
  MapType.HASH_OF_MAPS,
  MapType.RINGBUF,
  MapType.USER_RINGBUF,
  MapType.INODE_STORAGE,
  MapType.SK_STORAGE,
  MapType.TASK_STORAGE,
  MapType.CGRP_STORAGE,
  MapType.QUEUE,
  MapType.STACK,
  MapType.ARENA,
]);

/** What ld_imm64 instructions stand for, by slot. */
export interface Resolved {
  /** Map index; -1 = none. */
  readonly mapOf: Int32Array;
  readonly imm64: Map<InsnIndex, bigint>;
  /** VAR or FUNC of the kernel's BTF. */
  readonly kernelSymbols: Map<InsnIndex, TypeId>;
}

/** Resolves what ld_imm64 refers to and refuses opcodes that do not exist. */
export function resolvePseudo(pass: Prepass): Resolved {
  const { stream, count } = pass;
  const resolved: Resolved = {
    mapOf: new Int32Array(count).fill(-1),
    imm64: new Map(),
    kernelSymbols: new Map(),
  };
  const used = new Set<number>();
  for (let at = 0; at < count; at++) {
    const code = stream.code[at];
    if ((code & 7) === BPF_LDX) checkLoadFields(pass, at);
    if (code === LD_IMM64) {
      checkShape(pass, at);
      resolveImm64(pass, at, resolved, used);
      at++;
    } else if (!isKnownOpcode(code, pass.isModern)) {
      pass.fail(Errno.EINVAL, `unknown opcode ${code.toString(16).padStart(2, '0')}`, at);
    }
  }
  return resolved;
}

function checkLoadFields(pass: Prepass, at: InsnIndex): void {
  const mode = pass.stream.code[at] & 0xe0;
  const isKnown = mode === BPF_MEM || (mode === BPF_MEMSX && pass.isModern);
  if (!isKnown || pass.stream.imm[at] !== 0) pass.fail(Errno.EINVAL, 'BPF_LDX uses reserved fields', at);
}

/** The second slot holds the upper half and nothing else. */
function checkShape(pass: Prepass, at: InsnIndex): void {
  const { stream, count } = pass;
  const second = at + 1;
  const isWhole =
    second < count &&
    stream.code[second] === 0 &&
    stream.dst[second] === 0 &&
    stream.src[second] === 0 &&
    stream.off[second] === 0;
  if (!isWhole) pass.fail(Errno.EINVAL, 'invalid bpf_ld_imm64 insn', at);
}

function resolveImm64(pass: Prepass, at: InsnIndex, resolved: Resolved, used: Set<number>): void {
  const { stream } = pass;
  const src = stream.src[at];
  switch (src) {
    case 0:
    case BPF_PSEUDO_FUNC:
      return;
    case BPF_PSEUDO_BTF_ID:
      return resolveKernelSymbol(pass, at, resolved);
    case BPF_PSEUDO_MAP_FD:
    case BPF_PSEUDO_MAP_IDX:
      if (stream.imm[at + 1] !== 0) break;
      return resolveMap(pass, at, resolved, used, null);
    case BPF_PSEUDO_MAP_VALUE:
    case BPF_PSEUDO_MAP_IDX_VALUE:
      return resolveMap(pass, at, resolved, used, stream.imm[at + 1] >>> 0);
  }
  pass.fail(Errno.EINVAL, 'unrecognized bpf_ld_imm64 insn', at);
}

function resolveKernelSymbol(pass: Prepass, at: InsnIndex, resolved: Resolved): void {
  const { stream, kernel, isModern } = pass;
  const id = stream.imm[at];
  if (stream.imm[at + 1] !== 0) pass.fail(Errno.EINVAL, 'invalid module BTF object FD specified.', at);
  const type = id >= 0 && id < kernel.btf.count ? kernel.btf.type(id) : null;
  if (type === null) {
    return pass.fail(Errno.ENOENT, `ldimm64 insn specifies invalid btf_id ${id}.`, at);
  }
  if (type.kind !== BtfKind.VAR && !(isModern && type.kind === BtfKind.FUNC)) {
    const kinds = isModern ? 'KIND_VAR or KIND_FUNC' : 'KIND_VAR.';
    pass.fail(Errno.EINVAL, `pseudo btf_id ${id} in ldimm64 isn't ${kinds}`, at);
  }
  const address = kernel.symbolAddress(type.name);
  if (address === 0n) {
    const text = `ldimm64 failed to find the address for kernel symbol '${type.name}'.`;
    pass.fail(Errno.ENOENT, text, at);
  }
  checkVariable(pass, at, type);
  resolved.kernelSymbols.set(at, id);
  resolved.imm64.set(at, address);
}

/** A variable that programs read directly must have a size; per-CPU ones and structs are walked by type. */
function checkVariable(pass: Prepass, at: InsnIndex, symbol: BtfType): void {
  const { btf } = pass.kernel;
  if (symbol.kind !== BtfKind.VAR) return;
  const section = btf.datasec('.data..percpu');
  if (section?.vars.some((entry) => entry.type === symbol.id) === true) return;
  const type = btf.type(btf.skipModifiers(symbol.type));
  if (type.kind === BtfKind.FWD || type.kind === BtfKind.VOID || type.kind === BtfKind.FUNC_PROTO) {
    const text = `ldimm64 unable to resolve the size of type '${type.name}': -${Errno.EINVAL}`;
    pass.fail(Errno.EINVAL, text, at);
  }
}

function resolveMap(
  pass: Prepass,
  at: InsnIndex,
  resolved: Resolved,
  used: Set<number>,
  valueOffset: number | null,
): void {
  const { kernel } = pass;
  const index = mapIndex(pass, at);
  const map = kernel.maps[index];
  const isNew = !used.has(index);
  if (pass.isModern && isNew) checkCount(pass, at, used);
  checkMap(pass, at, map);
  resolved.mapOf[at] = index;
  const address = valueOffset === null ? map.address : valueAddress(pass, at, map, valueOffset);
  resolved.imm64.set(at, address);
  if (!isNew) return;
  if (!pass.isModern) checkCount(pass, at, used);
  used.add(index);
  checkCgroupStorage(pass, at, map, used);
  if (map.spec.type !== MapType.ARENA) return;
  const others = [...used].filter((one) => kernel.maps[one].spec.type === MapType.ARENA);
  if (others.length > 1) pass.fail(Errno.EBUSY, 'Only one arena per program', at);
  if (!pass.privileged || !pass.perfmon) {
    pass.fail(Errno.EPERM, 'CAP_BPF and CAP_PERFMON are required to use arena', at);
  }
  if (!pass.jit) pass.fail(Errno.EOPNOTSUPP, 'JIT is required to use arena', at);
  if (map.arena === undefined || map.arena.user === 0n) {
    pass.fail(Errno.EINVAL, "arena's user address must be set via map_extra or mmap()", at);
  }
}

function checkCount(pass: Prepass, at: InsnIndex, used: ReadonlySet<number>): void {
  if (used.size < MAX_USED_MAPS) return;
  const text = `The total number of maps per program has reached the limit of ${MAX_USED_MAPS}`;
  pass.fail(Errno.E2BIG, pass.isModern ? text : '', at);
}

/** The map that an instruction names: by descriptor, or by a place in fd_array. */
function mapIndex(pass: Prepass, at: InsnIndex): number {
  const { stream, kernel, spec } = pass;
  const src = stream.src[at];
  const imm = stream.imm[at];
  let index = imm - MAP_FD_BASE;
  let fd = imm;
  // Every process has its standard streams open.
  let errno: number = imm >= 0 && imm <= STDERR ? Errno.EINVAL : Errno.EBADF;
  if (src === BPF_PSEUDO_MAP_IDX || src === BPF_PSEUDO_MAP_IDX_VALUE) {
    const { fdArray } = spec;
    if (fdArray === undefined) return pass.fail(Errno.EPROTO, 'fd_idx without fd_array is invalid', at);
    const entry = fdArray[imm];
    if (entry === undefined) return pass.fail(Errno.EFAULT, '', at);
    errno = entry?.kind === 'btf' ? Errno.EINVAL : Errno.EBADF;
    index = entry?.kind === 'map' ? entry.map : -1;
    fd = entry?.kind === 'map' ? MAP_FD_BASE + entry.map : CLOSED_FD;
  }
  if (kernel.maps[index] !== undefined) return index;
  return pass.fail(errno, `fd ${fd} is not pointing to valid bpf_map`, at);
}

const CGROUP_STORAGES = new Set<number>([MapType.CGROUP_STORAGE, MapType.PERCPU_CGROUP_STORAGE]);

/** A cgroup has one storage of each kind for a program. */
function checkCgroupStorage(pass: Prepass, at: InsnIndex, map: LoadedMap, used: ReadonlySet<number>): void {
  const { type } = map.spec;
  if (!CGROUP_STORAGES.has(type)) return;
  const same = [...used].filter((one) => pass.kernel.maps[one].spec.type === type);
  if (same.length > 1) {
    pass.fail(Errno.EBUSY, 'only one cgroup storage of each type is allowed', at);
  }
}

/** Types that run where locks and timers of map values must not be taken. */
const TRACING_TYPES = new Set<number>([
  ProgType.KPROBE,
  ProgType.TRACEPOINT,
  ProgType.PERF_EVENT,
  ProgType.RAW_TRACEPOINT,
  ProgType.RAW_TRACEPOINT_WRITABLE,
]);

/** Locks, timers and graphs inside values are not for every program. */
function checkMapFields(pass: Prepass, at: InsnIndex, map: LoadedMap): void {
  const { effective: spec, kernel, isModern } = pass;
  const fields = fieldsOfMap(map, spec.btf, kernel.btf);
  const has = (...kinds: readonly string[]): boolean => fields.some(({ kind }) => kinds.includes(kind));
  const refuse = (text: string): never => pass.fail(Errno.EINVAL, text, at);
  const isTracing = TRACING_TYPES.has(spec.type);
  if (isModern && isTracing && has('bpf_list_head', 'bpf_rb_root')) {
    refuse('tracing progs cannot use bpf_{list_head,rb_root} yet');
  }
  if (has('bpf_spin_lock')) {
    if (spec.type === ProgType.SOCKET_FILTER) refuse('socket filter progs cannot use bpf_spin_lock yet');
    if (isTracing) refuse('tracing progs cannot use bpf_spin_lock yet');
    if (!isModern && isSleepable(pass)) refuse('sleepable progs cannot use bpf_spin_lock yet');
  }
  if (isTracing && has('bpf_timer')) refuse('tracing progs cannot use bpf_timer yet');
  if (isModern && isTracing && has('bpf_wq')) refuse('tracing progs cannot use bpf_wq yet');
}

const isSleepable = (pass: Prepass): boolean => (pass.spec.flags & BPF_F_SLEEPABLE) !== 0;

/** May this program use maps of this type? */
function checkMap(pass: Prepass, at: InsnIndex, map: LoadedMap): void {
  const { type } = map.spec;
  checkMapFields(pass, at, map);
  if (type === MapType.STRUCT_OPS) {
    pass.fail(Errno.EINVAL, 'bpf_struct_ops map cannot be used in prog', at);
  }
  if (isSleepable(pass) && !SLEEPABLE_MAPS.has(type)) {
    const text = pass.isModern
      ? 'Sleepable programs can only use array, hash, ringbuf and local storage maps'
      : 'Sleepable programs can only use array, hash, and ringbuf maps';
    pass.fail(Errno.EINVAL, text, at);
  }
}

/** Address inside the value of a single-element array, or inside an arena. */
function valueAddress(pass: Prepass, at: InsnIndex, map: LoadedMap, offset: number): bigint {
  const { type, valueSize, maxEntries } = map.spec;
  if (offset >= MAX_VALUE_OFFSET) {
    pass.fail(Errno.EINVAL, `direct value offset of ${offset} is not allowed`, at);
  }
  const outside = `invalid access to map value pointer, value_size=${valueSize} off=${offset}`;
  if (type === MapType.ARENA) {
    if (offset > maxEntries * PAGE_SIZE) pass.fail(Errno.ERANGE, outside, at);
    return (map.arena?.user ?? 0n) + BigInt(offset);
  }
  if (type !== MapType.ARRAY) {
    pass.fail(
      pass.isModern ? Errno.EINVAL : Errno.EACCES,
      'no direct value access support for this map type',
      at,
    );
  }
  if (maxEntries !== 1 || offset >= valueSize) {
    pass.fail(maxEntries !== 1 ? Errno.ENOTSUPP : Errno.EINVAL, outside, at);
  }
  return map.valueAddress + BigInt(offset);
}
