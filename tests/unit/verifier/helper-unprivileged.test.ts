import { below, callText, mapsOf, type Setting, settingOf } from '../../support/helper-calls.js';
import { type HelperFact, HELPERS, type Home, isOpen, symbolOf } from '../../support/helper-facts.js';
import { type Verdict, type VerifierCase, verifierGroups } from '../../support/verifier-cases.js';

/** Program types that need no capability. */
const HOMES: readonly Home[] = [{ type: 'SOCKET_FILTER' }, { type: 'CGROUP_SKB', attachType: 1 }];
/** A place on the stack that nothing was written to. */
const UNWRITTEN = -80 - 160;
const READ = /^(MEM|FIXED_MEM|KEY|VALUE)\b/;
const eacces = (message: string): Verdict => ['EACCES', message];

interface Change {
  readonly what: string;
  readonly args: Readonly<Record<number, string>>;
  readonly want: Verdict;
}

function changes(fact: HelperFact): Change[] {
  return fact.args.flatMap((arg, index): Change[] => {
    const regno = index + 1;
    if (arg === 'ANY') {
      const want = eacces(`R${regno} leaks addr into helper function`);
      return [{ what: `a pointer in R${regno}`, args: { [index]: `r${regno} = r10` }, want }];
    }
    if (!READ.test(arg)) return [];
    const size = arg.startsWith('KEY') ? 4 : 8;
    const want = eacces(`invalid indirect read from stack R${regno} off ${UNWRITTEN}+0 size ${size}`);
    return [{ what: `unwritten stack in R${regno}`, args: { [index]: below(regno, UNWRITTEN) }, want }];
  });
}

function cases(home: Home, fact: HelperFact): VerifierCase[] {
  const known = settingOf(fact);
  const needsObject = known.object !== undefined && !fact.args.some((arg) => arg.startsWith('SOCK_COMMON'));
  if (symbolOf(home, fact.name, false) === null || !isOpen(home, fact.name) || needsObject) return [];
  const setting: Setting = { ...known, home };
  const in61 = symbolOf(home, fact.name, true) !== null;
  return [{ what: 'as wanted', args: {}, want: 'ok' } satisfies Change, ...changes(fact)].map(
    ({ what, args, want }): VerifierCase => ({
      rule: `unprivileged helper ${fact.name}`,
      name: `${home.type} bpf_${fact.name}: ${what}`,
      ...home,
      maps: mapsOf(fact, setting),
      unprivileged: true,
      logLevel: 1,
      text: callText(fact, setting, args),
      want,
      ...(in61 ? { want61: want } : {}),
    }),
  );
}

verifierGroups(
  'helpers without privileges',
  HOMES.flatMap((home) => HELPERS.flatMap((fact) => cases(home, fact))),
  (test) => test.rule,
);
