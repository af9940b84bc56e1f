import type { CausalStep, ExplainedPlace, Verdict } from 'faultline';
import { asText, count, element } from './element.js';
import type { VerdictAnswer } from './request.js';

/** What the verifier says of each program; `log` fetches the kernel's log of one. */
export function viewVerdicts(
  { verdicts, text }: VerdictAnswer,
  log: (program: string) => Promise<string>,
): HTMLElement {
  return element(
    'div',
    {},
    ...verdicts.map((verdict) => viewVerdict(verdict, log)),
    asText('verify-text', 'faultline verify', text),
  );
}

function viewVerdict(verdict: Verdict, log: (program: string) => Promise<string>): HTMLElement {
  const isAccepted = verdict.verdict === 'accept';
  return element(
    'section',
    { class: 'card verdict' },
    element(
      'h2',
      {},
      verdict.program,
      element('small', {}, verdict.section),
      element(
        'span',
        { class: isAccepted ? 'badge good' : 'badge bad' },
        isAccepted ? 'accepted' : 'rejected',
      ),
    ),
    ...(isAccepted ? viewAccepted(verdict) : viewRejected(verdict)),
    viewLog(() => log(verdict.program)),
  );
}

function viewAccepted({ tag, verifiedInsns = 0, probeLoads = 0 }: Verdict): HTMLElement[] {
  return [
    element(
      'p',
      { class: 'facts' },
      `${count(verifiedInsns, 'instruction')} processed, ${count(probeLoads, 'PROBE load')}, tag `,
      element('code', {}, tag ?? ''),
    ),
  ];
}

function viewRejected({ errno, message = '', explanation }: Verdict): HTMLElement[] {
  const said = element('p', { class: 'result bad' }, element('code', {}, message), ` (errno ${errno})`);
  if (!explanation) return [said];
  const { what, at, from, mend } = explanation;
  return [
    said,
    element(
      'dl',
      { class: 'explanation' },
      ...(what === message ? [] : entry('What', what)),
      ...(at ? entry('At', viewPlace(at)) : []),
      ...(from.length > 0 ? entry('From', element('ol', {}, ...from.map(viewStep))) : []),
      ...(mend === null ? [] : entry('Mend', mend)),
    ),
  ];
}

function entry(term: string, description: string | HTMLElement): HTMLElement[] {
  return [element('dt', {}, term), element('dd', {}, description)];
}

function viewPlace({ insn, text, file, line, source }: ExplainedPlace): HTMLElement {
  return element(
    'div',
    { class: 'place' },
    element('code', {}, `${insn}: ${text}`),
    file === undefined ? null : element('code', { class: 'source', title: `${file}:${line}` }, source ?? ''),
  );
}

function viewStep(step: CausalStep): HTMLElement {
  return element(
    'li',
    {},
    viewPlace(step),
    step.value === undefined ? null : element('code', { class: 'value' }, step.value),
  );
}

/** The kernel's log, made when it is opened for the first time. */
function viewLog(log: () => Promise<string>): HTMLElement {
  const pre = element('pre', { class: 'log' }, '…');
  let asked = false;
  const open = async () => {
    if (asked) return;
    asked = true;
    pre.textContent = await log().catch((error: unknown) => String(error));
  };
  return element(
    'details',
    { class: 'text', on: { toggle: () => void open() } },
    element('summary', {}, 'The kernel’s log, level 2'),
    pre,
  );
}
