import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Core } from '../../../host/core/core.js';
import { profile } from '../../../host/profiles/profiles.js';
import { callText, mapsOf, type Setting, settingOf } from '../../support/helper-calls.js';
import {
  type HelperFact,
  HELPERS,
  type Home,
  HOMES,
  symbolOf,
  targetOf,
} from '../../support/helper-facts.js';
import { loadCore } from '../../support/jit.js';
import { answer, type KernelName } from '../../support/verifier-cases.js';

const CALL = 0x85;
const GATE_STEP = 16n;
/** Arguments that every program has at hand. */
const PLAIN =
  /^(CTX\??|ANY|MAP|KEY|VALUE|UNINIT_VALUE|U?N?I?N?I?T?_?MEM\??|SIZE0?|CONST_STR|SCALAR|FIXED_MEM.*)$/;

/** Symbols that the calls of an accepted program go to, in order. */
function targets(fact: HelperFact, setting: Setting, version: KernelName, core: Core): string[] {
  const names: string[] = [];
  const { callBase } = profile(`linux-${version}`).jit;
  const symbolAddress = (name: string): bigint => {
    if (!names.includes(name)) names.push(name);
    return callBase + BigInt(names.indexOf(name) + 1) * GATE_STEP;
  };
  const { program, log, verdict } = answer(
    {
      ...setting.home,
      rule: '',
      maps: mapsOf(fact, setting),
      ...(setting.c === undefined ? {} : { c: setting.c }),
      logLevel: 1,
      text: callText(fact, setting),
      kernel: { symbolAddress },
    },
    version,
    core,
  );
  if (program === null) return [`${String(verdict)} ${log}`];
  const view = new DataView(program.xlated.buffer, program.xlated.byteOffset, program.xlated.byteLength);
  const found: string[] = [];
  for (let at = 0; at < view.byteLength; at += 8) {
    if (view.getUint8(at) !== CALL || view.getUint8(at + 1) !== 0) continue;
    found.push(names[view.getInt32(at + 4, true) / Number(GATE_STEP) - 1] ?? 'unknown');
  }
  return found;
}

function check(home: Home, version: KernelName, core: Core): string[] {
  const is61 = version === '6.1';
  const wrong: string[] = [];
  for (const fact of HELPERS) {
    const known = settingOf(fact);
    const own = known.home.type === home.type && known.home.attachType === home.attachType;
    const isPlain = fact.args.every((arg) => PLAIN.test(arg)) && known.object === undefined;
    if ((!own && !isPlain) || fact.name === 'ktime_get_ns' || symbolOf(home, fact.name, is61) === null)
      continue;
    const setting = own ? known : { ...known, home };
    const want = targetOf(setting.home, fact.name, is61);
    if (want === null || (is61 && (known.only612 === true || fact.id > 209))) continue;
    // Sleepable programs take few types of maps.
    const needsSleep =
      /^(copy_from_user|sys_|btf_find|ima_)/.test(fact.name) && setting.home.sleepable !== true;
    if (setting.home.sleepable === true && fact.args.includes('MAP')) continue;
    if (needsSleep || (fact.name === 'get_func_ip' && home.type !== 'KPROBE')) continue;
    const calls = targets(fact, setting, version, core);
    const first = calls[calls.indexOf('bpf_ktime_get_ns') + 1];
    if (setting.before === undefined && first !== want) {
      wrong.push(`bpf_${fact.name}: ${first ?? calls[0]!}, expected ${want}`);
    }
  }
  return wrong;
}

/** Of the many attach types of addresses: bind, connect, receive. */
const ADDRESSES = new Set([8, 10, 19]);
const SINGLE = HOMES.filter(
  ({ type, attachType = 0 }) => type !== 'CGROUP_SOCK_ADDR' || ADDRESSES.has(attachType),
);
/** Probes of several functions. */
const MULTIPLE: readonly Home[] = [42, 48, 56].map((attachType) => ({ type: 'KPROBE', attachType }));

describe('what helper calls go to', () => {
  let core: Core;
  before(async () => {
    core = await loadCore();
  });
  for (const home of [...SINGLE, ...MULTIPLE]) {
    for (const version of ['6.12', '6.1'] as const) {
      if (
        version === '6.1' &&
        (home.type === 'NETFILTER' || home.attachType === 48 || home.attachType === 56)
      )
        continue;
      it(`${version} ${home.type} ${home.attachType ?? ''} ${home.attach?.target ?? ''}`, () => {
        assert.deepEqual(check(home, version, core), []);
      });
    }
  }
});
