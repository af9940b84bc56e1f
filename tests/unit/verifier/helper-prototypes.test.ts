import {
  below,
  callText,
  hasPacket,
  mapsOf,
  type Setting,
  settingOf,
  takesPacket,
} from '../../support/helper-calls.js';
import { type HelperFact, HELPERS, symbolOf } from '../../support/helper-facts.js';
import { MAP, type Verdict, type VerifierCase, verifierGroups } from '../../support/verifier-cases.js';

/** Types that each kind of argument takes, as the kernels name them: 6.12, then 6.1 when it differs. */
const MAP_MEMORY = 'fp, pkt, pkt_meta, map_key, map_value';
const MEMORY = `${MAP_MEMORY}, mem, ringbuf_mem, buf, trusted_ptr_`;
const MEMORY_61 = `${MAP_MEMORY}, mem, alloc_mem, buf`;
const SOCKS = 'sock_common, sock, tcp_sock, xdp_sock';
const TAKEN: Readonly<Record<string, readonly [string, string?]>> = {
  KEY: [MAP_MEMORY],
  VALUE: [MAP_MEMORY],
  UNINIT_VALUE: [MAP_MEMORY],
  MEM: [MEMORY, MEMORY_61],
  UNINIT_MEM: [MEMORY, MEMORY_61],
  FIXED_MEM: [MEMORY, MEMORY_61],
  UNINIT_FIXED_MEM: [MEMORY, MEMORY_61],
  SIZE: ['scalar'],
  SIZE0: ['scalar'],
  ALLOC_SIZE: ['scalar'],
  SCALAR: ['scalar'],
  MAP: ['map_ptr'],
  CTX: ['ctx'],
  SOCK_COMMON: [SOCKS],
  'SOCK_COMMON/BTF': [`${SOCKS}, ptr_, trusted_ptr_`, `${SOCKS}, ptr_`],
  BTF: ['ptr_, trusted_ptr_, rcu_ptr_', 'ptr_'],
  SPIN_LOCK: ['map_value, ptr_', 'map_value'],
  RINGBUF_MEM: ['ringbuf_mem', 'alloc_mem'],
  PERCPU_BTF: ['percpu_ptr_, percpu_rcu_ptr_, percpu_trusted_ptr_', 'percpu_ptr_'],
  FUNC: ['func'],
  STACK0: ['fp'],
  CONST_STR: ['map_value'],
  TIMER: ['map_value'],
  KPTR_DEST: ['map_value, ptr_', 'map_value'],
  DYNPTR: ['fp, dynptr_ptr'],
  UNINIT_DYNPTR: ['fp, dynptr_ptr'],
};
/** Programs of iterators read kernel structs before they call. */
const ITER = 28;
/** Helpers that take one type of map, or a few, without hashes. */
const NEEDS_TYPE = /^(?!timer_|for_each|map_lookup_elem|map_(update|delete))/;
/** MEM that the helper writes, by helper and argument. */
const WRITTEN = new Set(['69:1', '147:1', '149:0', '165:0', '163:2', '142:1']);
const FIXED: Readonly<Record<string, number>> = {
  u32: 4,
  s64: 8,
  u64: 8,
  iphdr: 20,
  ipv6hdr: 40,
  tcphdr: 20,
};

interface Parsed {
  readonly kind: string;
  readonly of: string;
  readonly nullable: boolean;
  readonly release: boolean;
}

function parsed(text: string): Parsed {
  const [, kind, of = '', nullable, release] = /^([A-Z_0-9]+(?:\/BTF)?)(?:\((.*?)\))?(\?)?(!rel)?$/.exec(
    text,
  )!;
  return { kind: kind!, of, nullable: nullable !== undefined, release: release !== undefined };
}

/** One change of the arguments, and what the kernels answer; `null` = not asked. */
interface Change {
  readonly what: string;
  readonly args: Readonly<Record<number, string>>;
  readonly want: Verdict;
  readonly want61?: Verdict | null;
  readonly packet?: boolean;
  readonly options?: Partial<VerifierCase>;
  /** Right after the call. */
  readonly result?: string;
  /** Right before the arguments. */
  readonly before?: string;
}

const eacces = (message: string): Verdict => ['EACCES', message];

function wrongType(regno: number, kind: string, actual: string): Pick<Change, 'want' | 'want61'> {
  const [modern, legacy = modern] = TAKEN[kind]!;
  return {
    want: eacces(`R${regno} type=${actual} expected=${modern}`),
    want61: eacces(`R${regno} type=${actual} expected=${legacy}`),
  };
}

const isMemory = (kind: string): boolean => kind.endsWith('MEM') && kind !== 'RINGBUF_MEM';

/** Bytes that the call touches through memory argument `index`. */
function bytesOf(fact: HelperFact, index: number): number {
  const { kind, of } = parsed(fact.args[index]!);
  if (kind.endsWith('FIXED_MEM')) return FIXED[of]!;
  return kind === 'KEY' ? 4 : 8;
}

function memoryChanges(fact: HelperFact, setting: Setting, index: number, arg: Parsed): Change[] {
  const regno = index + 1;
  const size = bytesOf(fact, index);
  const isWritten = arg.kind.startsWith('UNINIT') || WRITTEN.has(`${fact.id}:${index}`);
  const above = `invalid indirect access to stack R${regno} off=0 size=${size}`;
  const changes: Change[] = [
    { what: 'above the frame', args: { [index]: below(regno, 0) }, want: eacces(above) },
    {
      what: 'past the end of a value',
      args: { [index]: `r${regno} = r8\nr${regno} += ${64 - size + 4}` },
      want: eacces(`R${regno} min value is outside of the allowed memory range`),
    },
    { what: 'map value', args: { [index]: `r${regno} = r8` }, want: 'ok' },
  ];
  if (size <= 8) {
    changes.push({
      what: 'read-only map value',
      args: { [index]: `r${regno} = map_value 2` },
      want: isWritten ? eacces(`write into map forbidden, value_size=8 off=0 size=${size}`) : 'ok',
    });
  }
  if (!hasPacket(setting)) return changes;
  changes.push({
    what: 'packet',
    args: { [index]: `r${regno} = r8` },
    packet: true,
    want: takesPacket(fact) ? 'ok' : eacces('helper access to the packet is not allowed'),
  });
  return changes;
}

function sizeChanges(fact: HelperFact, setting: Setting, index: number, arg: Parsed): Change[] {
  const regno = index + 1;
  const memory = parsed(fact.args[index - 1]!);
  const start = memory.kind === 'UNINIT_MEM' ? -72 : -64;
  const changes: Change[] = [
    {
      what: 'negative size',
      args: { [index]: `r${regno} = -1` },
      want: eacces(`R${regno} min value is negative, either use unsigned or 'var &= const'`),
    },
    {
      what: 'unbounded size',
      args: { [index]: `r${regno} = r9\nr${regno} >>= 1` },
      want:
        arg.kind === 'SIZE'
          ? eacces(`R${regno} invalid zero-sized read: u64=[0,9223372036854775807]`)
          : eacces(`R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`),
      want61:
        arg.kind === 'SIZE'
          ? eacces('invalid zero-sized read')
          : eacces(`R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`),
    },
    {
      what: 'unbounded size, not zero',
      args: { [index]: `r${regno} = r9\nr${regno} >>= 2\nr${regno} += 1` },
      want: eacces(`R${regno} unbounded memory access, use 'var &= const' or 'if (var < const)'`),
    },
    {
      what: 'bounded size',
      args: { [index]: `r${regno} = r9\nr${regno} &= 7\nr${regno} += 1` },
      want: 'ok',
    },
  ];
  if (setting.args?.[index - 1] === undefined) {
    const past = `invalid indirect access to stack R${regno - 1} off=${start} size=${-start + 1}`;
    changes.push({
      what: 'past the frame',
      args: { [index]: `r${regno} = ${-start + 1}` },
      want: ['EINVAL', past],
    });
  }
  changes.push(
    arg.kind === 'SIZE0'
      ? { what: 'zero size', args: { [index]: `r${regno} = 0` }, want: 'ok' }
      : {
          what: 'zero size',
          args: { [index]: `r${regno} = 0` },
          want: eacces(`R${regno} invalid zero-sized read: u64=[0,0]`),
          want61: eacces('invalid zero-sized read'),
        },
  );
  if (memory.nullable) {
    changes.push({
      what: 'NULL of 8 bytes',
      args: { [index - 1]: `r${regno - 1} = 0` },
      want: eacces(`R${regno - 1} type=scalar expected=fp`),
    });
    changes.push({
      what: 'NULL of no bytes',
      args: { [index - 1]: `r${regno - 1} = 0`, [index]: `r${regno} = 0` },
      want: 'ok',
    });
  }
  return changes;
}

/** Pointers that are used as a whole. */
function offsetChanges(index: number, from: string, name: string, release = false): Change[] {
  const r = `r${index + 1}`;
  const ptr = `${name} ptr R${index + 1}`;
  const legacy = ptr.replace('trusted_', '');
  const zero = `R${index + 1} must have zero offset when passed to release func`;
  const negative = eacces(`negative offset ${ptr} off=-8 disallowed`);
  return [
    {
      what: 'negative offset',
      args: { [index]: `${r} = ${from}\n${r} += -8` },
      want: release ? ['EINVAL', `${zero} or trusted arg to kfunc`] : negative,
      want61: release ? ['EINVAL', zero] : eacces(`negative offset ${legacy} off=-8 disallowed`),
    },
    {
      what: 'variable offset',
      args: { [index]: `r9 &= 7\n${r} = ${from}\n${r} += r9` },
      want: eacces(`variable ${name} access var_off=(0x0; 0x7) disallowed`),
      want61: eacces(`variable ${name.replace('trusted_', '')} access var_off=(0x0; 0x7) disallowed`),
    },
  ];
}

/** Whether arguments of programs there are trusted by Linux 6.12. */
const isTrusted = ({ home }: Setting): boolean =>
  home.type === 'LSM' || home.type === 'STRUCT_OPS' || home.attachType === 23 || home.attachType === 28;

/** Pointers to kernel structs. */
function structChanges(setting: Setting, index: number, { of }: Parsed): Change[] {
  const r = `r${index + 1}`;
  const other = eacces(`R${index + 1} is of type ${of} but ${of} is expected`);
  const [negative, variable] = offsetChanges(index, 'r7', isTrusted(setting) ? 'trusted_ptr_' : 'ptr_');
  const list: Change[] = [{ ...negative!, want: other, want61: other }, variable!];
  const isTracing = setting.home.type === 'TRACING' || setting.home.type === 'LSM';
  if (of === 'task_struct' || !isTracing) return list;
  return [
    ...list,
    {
      what: 'another struct',
      args: { [index]: `${r} = r9` },
      before: 'call bpf_get_current_task_btf\nr9 = r0',
      want: eacces(`R${index + 1} is of type task_struct but ${of} is expected`),
    },
  ];
}

function releaseChanges(index: number, name: string): Change[] {
  return offsetChanges(index, 'r7', name, true).slice(0, 1);
}

function changes(fact: HelperFact, setting: Setting, index: number): Change[] {
  const regno = index + 1;
  const r = `r${regno}`;
  const arg = parsed(fact.args[index]!);
  const { kind } = arg;
  const uninit: Change = {
    what: 'not initialised',
    args: { [index]: '' },
    want: eacces(`R${regno} !read_ok`),
  };
  const wrong = (what: string, text: string, actual: string): Change => ({
    ...{ what, args: { [index]: text } },
    ...wrongType(regno, kind, actual),
  });
  if (kind === 'ANY') {
    const flags = "get_local_storage() doesn't support non-zero flags";
    const want: Verdict = fact.name === 'get_local_storage' ? ['EINVAL', flags] : 'ok';
    return [uninit, { what: 'pointer', args: { [index]: `${r} = r10` }, want }];
  }
  const list = [uninit];
  const isScalar = kind === 'SCALAR' || kind.includes('SIZE');
  // Linux 6.1 has no such kind of argument: anything will do.
  const asked: Partial<Change> = kind === 'SCALAR' ? { want61: 'ok' } : {};
  if (isScalar) list.push({ ...wrong('pointer', `${r} = r10`, 'fp'), ...asked });
  else list.push(wrong('number', `${r} = 1`, 'scalar'));
  if (!isScalar && !arg.nullable && kind !== 'STACK0') list.push(wrong('NULL', `${r} = 0`, 'scalar'));
  if (!isScalar && kind !== 'CTX') list.push(wrong('context', `${r} = r6`, 'ctx'));
  const takesStack = /MEM|KEY|VALUE|DYNPTR|STACK0/.test(kind) && kind !== 'RINGBUF_MEM';
  if (!isScalar && !takesStack) list.push(wrong('stack', `${r} = r10`, 'fp'));
  if (isMemory(kind) || kind === 'KEY' || kind.endsWith('VALUE')) {
    list.push(...memoryChanges(fact, setting, index, arg));
  }
  if (kind === 'SIZE' || kind === 'SIZE0') list.push(...sizeChanges(fact, setting, index, arg));
  if (kind === 'CTX') {
    const modified = eacces(`dereference of modified ctx ptr R${regno} off=8 disallowed`);
    list.push({ what: 'modified', args: { [index]: `${r} = r6\n${r} += 8` }, want: modified });
    list.push(...offsetChanges(index, 'r6', 'ctx'));
  }
  if (kind === 'BTF' && arg.of !== '*') list.push(...structChanges(setting, index, arg));
  if (kind === 'RINGBUF_MEM') list.push(...releaseChanges(index, 'ringbuf_mem'));
  if (fact.name === 'sk_release') {
    const want: Verdict = ['EINVAL', 'R1 must be referenced when passed to release function'];
    const args = { 0: 'r1 = *(u64 *)(r6 +168)\nif r1 == 0 goto out' };
    list.push({ what: 'socket that is not held', args, want });
  }
  if (kind === 'ALLOC_SIZE') {
    list.push({
      what: 'unknown size',
      args: { [index]: `${r} = r9` },
      want: eacces(`R${regno} is not a known constant'`),
    });
  }
  if (kind === 'CONST_STR') {
    list.push({
      what: 'map that may change',
      args: { [index]: `${r} = r8` },
      want: eacces(`R${regno} does not point to a readonly map'`),
    });
  }
  if (arg.nullable && kind === 'BTF' && arg.of !== '*') {
    list.push({ what: 'NULL', args: { [index]: `${r} = 0` }, want: 'ok' });
  }
  return list;
}

const tail = (fact: HelperFact, setting: Setting): Partial<VerifierCase> => ({
  ...setting.home,
  maps: mapsOf(fact, setting),
  ...(setting.c === undefined ? {} : { c: setting.c }),
  logLevel: 1,
});

/** What a load through the result says of its type. */
function resultChange(fact: HelperFact): Change {
  const result = 'r1 = *(u8 *)(r0 +0)';
  const memory = (type: string): Verdict => eacces(`R0 invalid mem access '${type}'`);
  const base = { what: 'result', args: {}, result };
  const [, kind, nullable] = /^(.*?)(\?)?$/.exec(fact.result)!;
  if (kind === 'int') return { ...base, want: memory('scalar') };
  if (kind === 'void') return { ...base, want: eacces('R0 !read_ok') };
  if (nullable === undefined) return { ...base, want: 'ok' };
  const isStruct = kind!.includes('BTF');
  const type = isStruct ? 'ptr_or_null_' : `${kind!.replace(' ', '_')}_or_null`;
  return { ...base, want: memory(type), want61: memory(type.replace('ringbuf', 'alloc')) };
}

/** Licence, and the type of the map. */
function conditions(fact: HelperFact, setting: Setting): Change[] {
  const list: Change[] = [];
  if (
    fact.gpl &&
    setting.home.attachType !== ITER &&
    setting.home.type !== 'LSM' &&
    setting.home.type !== 'STRUCT_OPS'
  ) {
    const message = 'cannot call GPL-restricted function from non-GPL compatible program';
    list.push({ what: 'not GPL', args: {}, options: { license: 'MIT' }, want: ['EINVAL', message] });
  }
  const [map] = mapsOf(fact, setting);
  if (fact.args.includes('MAP') && map!.type !== MAP.HASH && NEEDS_TYPE.test(fact.name)) {
    const message = `cannot pass map_type ${MAP.HASH} into func bpf_${fact.name}#${fact.id}`;
    const maps = [{ type: MAP.HASH }, ...mapsOf(fact, setting).slice(1)];
    list.push({ what: 'a hash', args: {}, options: { maps }, want: ['EINVAL', message] });
  }
  return list;
}

function cases(fact: HelperFact): VerifierCase[] {
  const setting = settingOf(fact);
  const in61 = setting.only612 !== true && fact.id < 210 && symbolOf(setting.home, fact.name, true) !== null;
  const row = (change: Change): VerifierCase => ({
    rule: `helper ${fact.name}`,
    name: `bpf_${fact.name}: ${change.what} in R${Number(Object.keys(change.args)[0] ?? 0) + 1}`,
    ...tail(fact, setting),
    ...change.options,
    text: callText(
      fact,
      change.before === undefined ? setting : { ...setting, before: change.before },
      change.args,
      change.packet,
      change.result,
    ),
    want: change.want,
    ...(in61 && change.want61 !== null ? { want61: change.want61 ?? change.want } : {}),
  });
  const list: Change[] = [
    { what: 'as wanted', args: {}, want: 'ok' },
    resultChange(fact),
    ...conditions(fact, setting),
  ];
  fact.args.forEach((_, index) => list.push(...changes(fact, setting, index)));
  return list.map(row);
}

verifierGroups('prototypes of helpers', HELPERS.flatMap(cases), (test) => test.rule);
