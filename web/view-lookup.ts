import { count, element, table } from './element.js';
import type { LookupAnswer } from './request.js';

const MILLION = 1e6;

/** The panel that looks up faults on several threads. */
export function viewLookup(ask: (threads: number) => Promise<LookupAnswer>): HTMLElement {
  const answer = element('div', { id: 'lookup-answer' });
  const threads = Math.max(2, Math.min(4, navigator.hardwareConcurrency));
  const start = element('button', { id: 'lookup-start', class: 'action' }, `Look up on ${threads} threads`);
  start.addEventListener('click', () => {
    start.setAttribute('disabled', '');
    answer.replaceChildren('…');
    void ask(threads)
      .then(
        (found) => answer.replaceChildren(viewAnswer(found)),
        (error: unknown) => answer.replaceChildren(element('p', { class: 'result bad' }, String(error))),
      )
      .finally(() => start.removeAttribute('disabled'));
  });
  if (!crossOriginIsolated) start.setAttribute('disabled', '');
  return element(
    'section',
    { class: 'card' },
    element('h2', {}, 'Fault index'),
    element(
      'p',
      { class: 'facts' },
      crossOriginIsolated
        ? 'Workers share one index of the exception entries of these images and resolve fault addresses in it; every answer is compared.'
        : 'Threads share memory only on a page served with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
    ),
    start,
    answer,
  );
}

function viewAnswer({ images, entries, threads }: LookupAnswer): HTMLElement {
  return element(
    'div',
    {},
    element('p', {}, `${count(images, 'image')}, ${count(entries, 'exception entry', 'exception entries')}`),
    table(
      {},
      ['thread', 'lookups', 'found', 'wrong', 'million a second'],
      threads.map(({ lookups, found, wrong, milliseconds }, at) => [
        String(at + 1),
        lookups.toLocaleString('en'),
        found.toLocaleString('en'),
        String(wrong),
        (lookups / MILLION / (milliseconds / 1000)).toFixed(0),
      ]),
    ),
  );
}
