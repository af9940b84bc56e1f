import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { isGplCompatible } from '../../../host/verifier/prepass/license.js';
import { VerifierError } from '../../../host/verifier/verifier-error.js';
import { verify } from '../../../host/verifier/verify.js';
import { kernelBtf } from '../../support/golden-kernel.js';
import { loadCore } from '../../support/jit.js';
import { ERRNO, type KernelName, loadCase, type VerifierCase } from '../../support/verifier-cases.js';

/** What BPF_PROG_LOAD refuses before its verifier prints anything; 'ok' = it goes on. */
interface Load extends Partial<VerifierCase> {
  readonly name: string;
  readonly errno: keyof typeof ERRNO | 'ok';
  /** The same on Linux 6.1, unless told. */
  readonly errno61?: keyof typeof ERRNO | 'ok';
}

const NOTHING = 'r0 = 0\nexit';
const slots = (count: number): Uint8Array => {
  const bytes = new Uint8Array(count * 8);
  for (let at = 0; at < count; at++) bytes[at * 8] = at === count - 1 ? 0x95 : 0xb7;
  return bytes;
};
const attached = (btfId: number) => ({ spec: { attach: { kind: '', target: '', btfId } } });
const TASK = kernelBtf('6.12').find('wake_up_new_task');

const loads: readonly Load[] = [
  ...[1, 2, 4, 8, 32].map((flags): Load => ({ name: `flag ${flags}`, text: NOTHING, flags, errno: 'ok' })),
  ...[64, 128].map((flags): Load => ({
    ...{ name: `flag ${flags}`, text: NOTHING, flags, errno: 'ok', errno61: 'EINVAL' },
  })),
  { name: 'flag 256', text: NOTHING, flags: 256, errno: 'EINVAL' },
  { name: 'flag 2^31', text: NOTHING, flags: 2 ** 31, errno: 'EINVAL' },
  { name: 'unknown flags come before the length', bytes: new Uint8Array(0), flags: 256, errno: 'EINVAL' },
  { name: 'no instruction', bytes: new Uint8Array(0), errno: 'E2BIG' },
  { name: '4096 instructions', bytes: slots(4096), unprivileged: true, errno: 'ok' },
  { name: '4097 instructions', bytes: slots(4097), unprivileged: true, errno: 'E2BIG' },
  { name: '4097 instructions with CAP_BPF', bytes: slots(4097), errno: 'ok' },
  { name: '1000001 instructions', bytes: slots(1_000_001), errno: 'E2BIG' },
  {
    name: 'the length comes before the type',
    bytes: slots(4097),
    type: 'XDP',
    unprivileged: true,
    errno: 'E2BIG',
  },
  { name: 'socket filters of anyone', text: NOTHING, unprivileged: true, errno: 'ok' },
  { name: 'cgroup packets of anyone', text: NOTHING, type: 'CGROUP_SKB', unprivileged: true, errno: 'ok' },
  ...(['XDP', 'KPROBE', 'TRACING', 'SYSCALL'] as const).map((type): Load => ({
    ...{ name: `${type} of anyone`, text: NOTHING, type, unprivileged: true, errno: 'EPERM' },
  })),
  { name: 'XDP on a function', text: NOTHING, type: 'XDP', ...attached(TASK), errno: 'EINVAL' },
  { name: 'a type id past the last', text: NOTHING, type: 'TRACING', ...attached(0x100000), errno: 'EINVAL' },
  {
    name: 'rights come before what it attaches to',
    text: NOTHING,
    type: 'XDP',
    ...attached(TASK),
    unprivileged: true,
    errno: 'EPERM',
  },
  { name: 'cgroup_sock at a device', text: NOTHING, type: 'CGROUP_SOCK', attachType: 6, errno: 'EINVAL' },
  { name: 'cgroup_sock at nothing', text: 'r0 = 1\nexit', type: 'CGROUP_SOCK', attachType: 0, errno: 'ok' },
  { name: 'sk_lookup at nothing', text: NOTHING, type: 'SK_LOOKUP', attachType: 0, errno: 'EINVAL' },
  { name: 'sk_reuseport at nothing', text: NOTHING, type: 'SK_REUSEPORT', attachType: 0, errno: 'ok' },
  {
    name: 'cgroup_sockopt at nothing',
    text: NOTHING,
    type: 'CGROUP_SOCKOPT',
    attachType: 0,
    errno: 'EINVAL',
  },
  {
    name: 'connect over UNIX sockets',
    text: 'r0 = 1\nexit',
    type: 'CGROUP_SOCK_ADDR',
    attachType: 49,
    errno: 'ok',
    errno61: 'EINVAL',
  },
  {
    name: 'syscall at anything',
    text: NOTHING,
    type: 'SYSCALL',
    sleepable: true,
    attachType: 1,
    errno: 'EINVAL',
  },
  { name: 'extension at anything', text: NOTHING, type: 'EXT', attachType: 1, errno: 'EINVAL' },
  { name: 'netfilter', text: NOTHING, type: 'NETFILTER', errno: 'ok', errno61: 'EINVAL' },
  { name: 'type 0', text: NOTHING, spec: { type: 0 }, errno: 'EINVAL' },
  { name: 'type 33', text: NOTHING, spec: { type: 33 }, errno: 'EINVAL' },
  { name: 'a name with a space', text: NOTHING, spec: { name: 'a b' }, errno: 'EINVAL' },
  {
    name: 'a name with a space past 15 characters',
    text: NOTHING,
    spec: { name: 'abcdefghijklmno p' },
    errno: 'ok',
  },
  { name: 'a name with a dot', text: NOTHING, spec: { name: 'a.b_C1' }, errno: 'ok' },
];

/** log_level and log_size. */
const buffers: readonly [
  level: number,
  size: number | undefined,
  want: 'ok' | 'EINVAL',
  want61?: 'ok' | 'EINVAL',
][] = [
  [0, undefined, 'ok'],
  [1, undefined, 'ok'],
  [7, 65536, 'ok'],
  [8, 65536, 'ok', 'EINVAL'],
  [16, 65536, 'EINVAL'],
  [0, 65536, 'EINVAL'],
  [0, 0, 'ok'],
  [1, 0, 'EINVAL'],
  [4, 127, 'ok', 'EINVAL'],
  [4, 128, 'ok'],
  [1, 0x3fff_ffff, 'ok'],
  [1, 0x4000_0000, 'EINVAL'],
];

function errnoOf(load: Load, version: KernelName, core: Core): string {
  const { spec, kernel } = loadCase({ rule: '', ...load }, version);
  try {
    verify(spec, kernel, { core, privileged: load.unprivileged !== true });
    return 'ok';
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    assert.deepEqual(error.log, [], 'a refusal before the verifier has no log');
    return Object.entries(ERRNO).find(([, number]) => number === error.errno)?.[0] ?? String(error.errno);
  }
}

describe('BPF_PROG_LOAD', async () => {
  const core = await loadCore();
  for (const load of loads) {
    for (const [version, want] of [
      ['6.12', load.errno],
      ['6.1', load.errno61 ?? load.errno],
    ] as const) {
      it(`${version} ${want}: ${load.name}`, () => assert.equal(errnoOf(load, version, core), want));
    }
  }
});

describe('log buffer', async () => {
  const core = await loadCore();
  for (const [logLevel, logSize, want, want61 = want] of buffers) {
    for (const [version, wanted] of [
      ['6.12', want],
      ['6.1', want61],
    ] as const) {
      it(`${version} ${wanted}: level ${logLevel}, size ${logSize ?? 'enough'}`, () => {
        const { spec, kernel } = loadCase({ rule: '', text: NOTHING }, version);
        const load = () =>
          verify(spec, kernel, { core, logLevel, ...(logSize === undefined ? {} : { logSize }) });
        if (wanted === 'ok') assert.doesNotThrow(load);
        else
          assert.throws(
            load,
            (error: VerifierError) => error.errno === ERRNO.EINVAL && error.log.length === 0,
          );
      });
    }
  }
});

describe('licences', () => {
  for (const [license, isCompatible] of [
    ['GPL', true],
    ['GPL v2', true],
    ['GPL and additional rights', true],
    ['Dual BSD/GPL', true],
    ['Dual MIT/GPL', true],
    ['Dual MPL/GPL', true],
    ['MIT', false],
    ['BSD', false],
    ['Proprietary', false],
    ['gpl', false],
    ['GPL v3', false],
    ['GPL ', false],
    ['', false],
  ] as const) {
    it(`"${license}" ${isCompatible ? 'is' : 'is not'} compatible with the GPL`, () => {
      assert.equal(isGplCompatible(license), isCompatible);
    });
  }
});
