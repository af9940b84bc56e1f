import type { FaultReport, ProgramReport, RunReport } from 'faultline';
import { asText, count, element, refusals, table } from './element.js';
import type { RunAnswer } from './request.js';

/** Rows of a table of faults. */
const MOST_FAULTS = 200;

const KINDS = { pf: '#PF', gp: '#GP', guard: 'guard' } as const;

/** What the programs did; `goTo` shows an instruction in the listing. */
export function viewRun(
  { rejected, programs, maps, text }: RunAnswer,
  goTo: (symbol: string, insn: number) => void,
): HTMLElement {
  return element(
    'div',
    {},
    ...refusals(rejected, 'was rejected'),
    ...programs.map((program) => viewProgram(program, goTo)),
    ...maps.map(viewMap),
    rejected.length > 0 ? null : asText('run-text', 'faultline run', text),
  );
}

function viewProgram(program: ProgramReport, goTo: (symbol: string, insn: number) => void): HTMLElement {
  const { image, fallback } = program;
  return element(
    'section',
    { class: 'card' },
    element('h2', {}, program.program, element('small', {}, program.section)),
    element(
      'p',
      { class: 'facts' },
      `${count(program.verifiedInsns, 'instruction')} verified, ${count(program.probeLoads, 'PROBE load')}. `,
      image
        ? `Compiled to ${count(image.size, 'byte')} at ${image.address}, ${count(image.entries, 'exception entry', 'exception entries')}.`
        : `No image: ${fallback ?? ''}; the program runs in the interpreter.`,
    ),
    ...program.runs.map((run) => viewRunOf(run, goTo)),
  );
}

function viewRunOf(run: RunReport, goTo: (symbol: string, insn: number) => void): HTMLElement {
  const repaired = run.faults.filter(({ kind }) => kind !== 'guard').length;
  const refused = run.faults.length - repaired;
  const faults = [
    count(repaired, 'fault') + ' repaired',
    ...(refused > 0 ? [`${count(refused, 'load')} refused by the guard`] : []),
  ].join(', ');
  const unit = run.engine === 'x86' ? 'x86 instructions' : 'BPF instructions';
  const agree = run.engines.length > 1 ? `; ${run.engines.join(', ')} agree` : ` on ${run.engines[0]}`;
  return element(
    'article',
    { class: 'run' },
    element('h3', {}, run.note || 'on a sample'),
    element(
      'p',
      { class: run.oops ? 'result bad' : 'result' },
      element('code', {}, `r0 = ${run.r0}`),
      ` after ${run.steps.toLocaleString('en')} ${unit}, ${faults}${agree}`,
    ),
    run.oops ? element('pre', { class: 'oops' }, run.oops.join('\n')) : null,
    run.faults.length > 0 ? viewFaults(run.faults, goTo) : null,
  );
}

function viewFaults(
  faults: readonly FaultReport[],
  goTo: (symbol: string, insn: number) => void,
): HTMLElement {
  const rows = faults.slice(0, MOST_FAULTS).map((fault, index) => [
    String(index + 1),
    KINDS[fault.kind],
    element('code', {}, fault.address),
    element(
      'button',
      {
        class: 'link',
        title: 'show in the listing',
        on: { click: () => goTo(fault.symbol, fault.insn) },
      },
      fault.symbol.replace(/^bpf_prog_[0-9a-f]+_/, ''),
    ),
    fault.source
      ? element('code', { title: `${fault.source.file}:${fault.source.line}` }, fault.source.text)
      : null,
    repair(fault),
  ]);
  const more = faults.length - rows.length;
  return element(
    'details',
    { open: true },
    element('summary', {}, count(faults.length, 'fault')),
    element(
      'div',
      { class: 'wide' },
      table({ class: 'faults' }, ['', 'kind', 'address', 'at', 'C line', 'repair'], rows),
    ),
    more > 0 ? element('p', { class: 'facts' }, `and ${more.toLocaleString('en')} more`) : null,
  );
}

function repair(fault: FaultReport): HTMLElement {
  const zeroed = `${fault.register ?? 'nothing'} = 0`;
  if (fault.kind === 'guard') return element('span', {}, element('code', {}, zeroed), ' before the load');
  if (fault.entry === null) return element('code', {}, zeroed);
  return element(
    'span',
    { title: fault.resume === null ? '' : `resumed at ${fault.resume}` },
    element('code', {}, `extable[${fault.entry}]: ${zeroed}`),
    `, ${count(fault.skipped, 'byte')} skipped`,
  );
}

function viewMap({ map, entries }: RunAnswer['maps'][number]): HTMLElement {
  return element(
    'section',
    { class: 'card' },
    element('h2', {}, map, element('small', {}, 'map')),
    entries.length === 0
      ? element('p', { class: 'facts' }, 'zeros')
      : element(
          'div',
          { class: 'wide' },
          table(
            {},
            ['key', 'value'],
            entries.map((cells) => cells.map((text) => element('code', {}, text))),
          ),
        ),
  );
}
