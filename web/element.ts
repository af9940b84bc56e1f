import type { Refusal } from './request.js';

type Child = Node | string | null;

interface Properties {
  readonly class?: string;
  readonly id?: string;
  readonly title?: string;
  readonly href?: string;
  readonly open?: boolean;
  readonly on?: Readonly<Record<string, (event: Event) => void>>;
}

/** An element with children; text is never read as markup. */
export function element(
  name: string,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElement {
  const made = document.createElement(name);
  const { on = {}, open, ...attributes } = properties;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  if (open === true) made.setAttribute('open', '');
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A table; a row is its cells. */
export function table(
  properties: Properties,
  head: readonly string[],
  rows: readonly (readonly Child[])[],
): HTMLElement {
  return element(
    'table',
    properties,
    element('thead', {}, element('tr', {}, ...head.map((text) => element('th', {}, text)))),
    element(
      'tbody',
      {},
      ...rows.map((cells) => element('tr', {}, ...cells.map((cell) => element('td', {}, cell)))),
    ),
  );
}

/** The same content as the command line prints it. */
export function asText(id: string, command: string, text: string): HTMLElement {
  return element(
    'details',
    { class: 'text' },
    element('summary', {}, 'As ', element('code', {}, command), ' prints it'),
    element('pre', { id }, text),
  );
}

/** Programs that cannot be shown. */
export function refusals(refused: readonly Refusal[], verb: string, after = ''): HTMLElement[] {
  return refused.map(({ program, reason }) =>
    element('p', { class: 'result bad' }, `${program} ${verb}: `, element('code', {}, reason), after),
  );
}

export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? noun : plural}`;
}
