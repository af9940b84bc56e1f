import {
  isOpen,
  type HelperFact,
  HELPERS,
  type Home,
  HOMES,
  MIGHT_SLEEP,
  symbolOf,
} from '../../support/helper-facts.js';
import { type Verdict, type VerifierCase, verifierGroups } from '../../support/verifier-cases.js';

/** Results that end the program well: of types that may not return 0. */
function resultOf({ type, attachType = 0 }: Home): number {
  return type === 'CGROUP_SOCK_ADDR' && attachType > 15 ? 1 : 0;
}

/** The answer to a call before which nothing but r0 and r6 to r10 is known. */
function verdict(home: Home, fact: HelperFact, is61: boolean): Verdict {
  const name = `bpf_${fact.name}#${fact.id}`;
  if (is61 && fact.id > 209) return ['EINVAL', `invalid func unknown#${fact.id}`];
  if (symbolOf(home, fact.name, is61) === null) {
    return ['EINVAL', is61 ? `unknown func ${name}` : `program of this type cannot use helper ${name}`];
  }
  if (MIGHT_SLEEP.has(fact.name) && home.sleepable !== true) {
    return ['EINVAL', 'helper call might sleep in a non-sleepable prog'];
  }
  if (fact.name === 'd_path' && home.type !== 'LSM' && home.attachType !== 28) {
    return ['EINVAL', 'helper call is not allowed in probe'];
  }
  return fact.args.length === 0 ? 'ok' : ['EACCES', 'R1 !read_ok'];
}

function cases(home: Home): VerifierCase[] {
  return HELPERS.filter((fact) => fact.name !== 'ktime_get_ns').map((fact) => {
    const want61 = home.type === 'NETFILTER' ? {} : { want61: verdict(home, fact, true) };
    return {
      rule: 'program of this type cannot use helper %s#%d',
      name: `${home.type} ${home.attach?.target ?? ''} ${home.attachType ?? 0}: bpf_${fact.name}`,
      ...home,
      logLevel: 1,
      text: `call bpf_ktime_get_ns
        call bpf_${fact.name}
        r0 = ${resultOf(home)}
        exit`,
      want: verdict(home, fact, false),
      ...want61,
    };
  });
}

/** Lists that need CAP_BPF or CAP_PERFMON. */
const WITHOUT: readonly Home[] = [{ type: 'SOCKET_FILTER' }, { type: 'CGROUP_SKB', attachType: 1 }];
const unprivileged = WITHOUT.flatMap((home) =>
  cases(home).map((test, at): VerifierCase => {
    const fact = HELPERS.filter(({ name }) => name !== 'ktime_get_ns')[at]!;
    const name = `bpf_${fact.name}#${fact.id}`;
    if (isOpen(home, fact.name)) return { ...test, unprivileged: true };
    const refused = (text: string): Verdict => ['EINVAL', `${text} ${name}`];
    const unknown: Verdict = ['EINVAL', `invalid func unknown#${fact.id}`];
    return {
      ...test,
      name: `unprivileged ${test.name!}`,
      unprivileged: true,
      want: refused('program of this type cannot use helper'),
      want61: fact.id > 209 ? unknown : refused('unknown func'),
    };
  }),
);

verifierGroups('helpers of program types', [...HOMES.flatMap(cases), ...unprivileged], (test) =>
  test.name!.replace(/:.*/, ''),
);
