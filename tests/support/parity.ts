import { readdirSync, readFileSync } from 'node:fs';
import { HELPER_COUNT, helperName } from '../../host/asm/helper-names.js';
import { kfuncNames } from '../../host/verifier/call/kfunc-table.js';
import { prototypeOf } from '../../host/verifier/call/prototypes.js';
import { ProgType } from '../../host/verifier/prog-type.js';
import { collecting, tables, type Verdict, type VerifierCase } from './verifier-cases.js';

const root = new URL('../../', import.meta.url);
const testFolder = new URL('tests/unit/verifier/', root);
const PARITY_TEST = 'parity.test.ts';
const UNSPEC_HELPER = 0;

/** A message of Linux 6.12's verifier, or one of several in a row of the rules. */
interface Rule {
  readonly section: string;
  readonly message: string;
  readonly pattern: RegExp;
}

interface Count {
  accepted: number;
  rejected: number;
}

/** Reads every table of tests/unit/verifier without running it. */
async function collect(): Promise<void> {
  collecting.collectOnly = true;
  for (const name of readdirSync(testFolder).sort()) {
    if (name.endsWith('.test.ts') && name !== PARITY_TEST) await import(new URL(name, testFolder).href);
  }
}

function patternOf(message: string): RegExp {
  const escaped = message
    .replaceAll(/ (⏎ |\\n)/g, '\n')
    .split(/%[-0-9]*l{0,2}[a-z]/)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`(^|\n)${escaped.join('[\\s\\S]*?')}`);
}

function rules(): Rule[] {
  const text = readFileSync(new URL('tests/fixtures/verifier-rules.tsv', root), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [section, messages] = line.split('\t') as [string, string];
      return messages
        .split(/`[,/ ]+`+ ?/)
        .map((one) => one.replaceAll(/^[ `]+|[ ]+$/g, '').replace(/(`struct %s \*).*$/, '$1`'))
        .filter((message) => message !== '')
        .map((message) => ({ section, message, pattern: patternOf(message) }));
    });
}

/** Texts of the verifier's source, with a mark for what is put in. */
function sourceText(folder = new URL('host/verifier/', root)): string {
  let text = '';
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) text += sourceText(new URL(`${entry.name}/`, folder));
    else if (entry.name.endsWith('.ts')) text += readFileSync(new URL(entry.name, folder), 'utf8');
  }
  return text.replaceAll("\\'", "'");
}

const wantsOf = ({ want, want61 }: VerifierCase): Verdict[] =>
  [want, want61].filter((one) => one !== undefined);
const accepted = (test: VerifierCase): boolean => wantsOf(test).includes('ok');
const rejected = (test: VerifierCase): boolean => wantsOf(test).some((one) => one !== 'ok');

function countOf(cases: readonly VerifierCase[]): Count {
  return { accepted: cases.filter(accepted).length, rejected: cases.filter(rejected).length };
}

const refuses = (test: VerifierCase, { pattern }: Rule): boolean =>
  wantsOf(test).some((want) => want !== 'ok' && pattern.test(want[1]));

function ruleCount(rule: Rule, cases: readonly VerifierCase[]): Count {
  return {
    accepted: cases.filter((test) => test.rule === rule.message && accepted(test)).length,
    rejected: cases.filter((test) => refuses(test, rule)).length,
  };
}

const row = (...cells: readonly (string | number)[]): string =>
  `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
const table = (head: readonly string[], rows: readonly string[]): string =>
  [row(...head), row(...head.map(() => '---')), ...rows].join('\n');

function ruleTables(all: readonly Rule[], cases: readonly VerifierCase[]): string {
  const sections = [...new Set(all.map(({ section }) => section))];
  return sections
    .map((section) => {
      const rows = all
        .filter((rule) => rule.section === section)
        .map((rule) => {
          const { accepted: yes, rejected: no } = ruleCount(rule, cases);
          return row(`\`${rule.message}\``, yes, no);
        });
      return `### ${section}\n\n${table(['message', 'accepted', 'rejected'], rows)}`;
    })
    .join('\n\n');
}

function named(
  names: readonly string[],
  cases: readonly VerifierCase[],
  call: (name: string) => RegExp,
): string {
  const rows = names.map((name) => {
    const pattern = call(name);
    const { accepted: yes, rejected: no } = countOf(
      cases.filter(({ text }) => text !== undefined && pattern.test(text)),
    );
    return row(`\`${name}\``, yes, no);
  });
  return table(['name', 'accepted', 'rejected'], rows);
}

function programTypes(cases: readonly VerifierCase[]): string {
  const rows = Object.keys(ProgType)
    .filter((name) => name !== 'UNSPEC')
    .map((name) => {
      const { accepted: yes, rejected: no } = countOf(
        cases.filter(({ type }) => (type ?? 'SOCKET_FILTER') === name),
      );
      return row(name.toLowerCase(), yes, no);
    });
  return table(['type', 'accepted', 'rejected'], rows);
}

function rewrites(cases: readonly VerifierCase[]): string {
  const shown = cases.filter(({ xlated, xlated61 }) => xlated !== undefined || xlated61 !== undefined);
  const names = [...new Set(shown.map(({ rule }) => rule))].sort();
  const rows = names.map((name) => {
    const own = shown.filter(({ rule }) => rule === name);
    return row(
      name,
      own.filter(({ xlated }) => xlated !== undefined).length,
      own.filter(({ xlated61 }) => xlated61 !== undefined).length,
    );
  });
  return table(['what', '6.12', '6.1'], rows);
}

/** docs/parity.md, from the tables of programs and the verifier's source. */
export async function parityText(): Promise<string> {
  await collect();
  const cases = tables.flatMap((one) => one.cases);
  const all = rules();
  const source = sourceText();
  const isPrinted = ({ message }: Rule): boolean =>
    message
      .split(/%[-0-9]*l{0,2}[a-z]/)
      .every((part) => part.trim().length < 4 || source.includes(part.trim()));
  const shown = all.filter((rule) => ruleCount(rule, cases).rejected > 0);
  const both = shown.filter((rule) => ruleCount(rule, cases).accepted > 0);
  const helpers = Array.from({ length: HELPER_COUNT }, (_, id) => id)
    .filter((id) => id !== UNSPEC_HELPER && prototypeOf(id) !== undefined)
    .map((id) => helperName(id)!);
  const { accepted: yes, rejected: no } = countOf(cases);
  return `# Parity with Linux's verifier

Generated by \`npx tsx scripts/parity.ts\` from the tables of programs in tests/unit/verifier and the code of host/verifier.
A row counts programs that Linux 6.12 or 6.1 accepts, and programs that it rejects, as tests here expect of ours too.

${cases.length} programs: ${yes} accepted, ${no} rejected on at least one kernel.
${all.length} messages of the verifier: ${shown.length} have a program that draws them, ${both.length} also one beside it
that is accepted; ${all.filter(isPrinted).length} are in the code.

## Program types

${programTypes(cases)}

## Rules, by message

${ruleTables(all, cases)}

## Rewrites shown as the kernel dumps them

${rewrites(cases)}

## Helpers

${named(helpers, cases, (name) => new RegExp(`call ${name.startsWith('bpf_') ? '' : 'bpf_'}${name}\\b`))}

## Kernel functions

${named(kfuncNames().sort(), cases, (name) => new RegExp(`call kfunc ${name}\\b`))}
`;
}
