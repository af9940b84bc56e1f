import type { ListingRow } from 'faultline';
import { asText, count, element, refusals, table } from './element.js';
import type { ListedFunction, ListingAnswer } from './request.js';

/** Instructions of a function that are shown; the text has them all. */
const MOST_ROWS = 3000;

/** BPF, x86 and exception table of every function. */
export function viewListing({ rejected, functions, text, refused }: ListingAnswer): HTMLElement {
  return element(
    'div',
    {},
    ...refusals(rejected, 'was rejected'),
    ...refusals(refused, 'has no image', '; it runs in the interpreter'),
    ...functions.map(viewFunction),
    rejected.length > 0 ? null : asText('list-text', 'faultline jit', text),
  );
}

/** The element of an instruction in the listing. */
export function rowId(symbol: string, insn: number): string {
  return `${symbol.replace(/\+.*$/, '')}-${insn}`;
}

function viewFunction(listing: ListedFunction): HTMLElement {
  const { symbol, rows } = listing;
  return element(
    'section',
    { class: 'card' },
    element('h2', {}, symbol),
    element(
      'p',
      { class: 'facts' },
      `${count(listing.length, 'byte')} at 0x${listing.entry.toString(16)}, ${count(listing.passes, 'pass', 'passes')}`,
    ),
    listing.extable.length > 0 ? viewExtable(listing) : null,
    element(
      'div',
      { class: 'wide listing' },
      viewX86Row('(prologue)', listing.prologue),
      ...rows.slice(0, MOST_ROWS).flatMap((row) => viewRow(symbol, row)),
      rows.length > MOST_ROWS
        ? element(
            'p',
            { class: 'facts' },
            `and ${count(rows.length - MOST_ROWS, 'instruction')} more, see the text`,
          )
        : null,
    ),
  );
}

function viewExtable({ extable, extableOffset, rows, symbol }: ListedFunction): HTMLElement {
  const entries = rows
    .flatMap((row) => row.entries.map((entry) => ({ ...entry, insn: row.insn })))
    .sort((a, b) => a.index - b.index);
  return element(
    'details',
    { class: 'text extable' },
    element(
      'summary',
      {},
      `Exception table: ${count(entries.length, 'entry', 'entries')} at +0x${extableOffset.toString(16)}`,
    ),
    element(
      'div',
      { class: 'wide' },
      table(
        {},
        ['', 'faults at', 'zeroes', 'resumes at', 'BPF', 'insn, fixup, data'],
        entries.map((entry) => [
          String(entry.index),
          element('code', {}, offset(entry.offset)),
          element('code', {}, entry.register ?? 'nothing'),
          element('code', {}, offset(entry.offset + entry.length)),
          element('a', { href: `#${rowId(symbol, entry.insn)}` }, String(entry.insn)),
          element('code', {}, extable[entry.index]),
        ]),
      ),
    ),
  );
}

function viewRow(symbol: string, row: ListingRow): (HTMLElement | null)[] {
  const { source, insn, bpf, x86, entries } = row;
  return [
    source
      ? element('div', { class: 'source', title: `${source.file}:${source.line}` }, source.source.trim())
      : null,
    viewX86Row(`${insn}: ${bpf}`, x86, rowId(symbol, insn), entries),
  ];
}

function viewX86Row(
  left: string,
  x86: ListingRow['x86'],
  id = '',
  entries: ListingRow['entries'] = [],
): HTMLElement {
  const lines = x86.flatMap((line) => [
    element(
      'div',
      { class: 'x86', title: line.bytes },
      element('span', { class: 'offset' }, offset(line.offset)),
      line.text,
    ),
    ...entries
      .filter((entry) => entry.offset === line.offset)
      .map((entry) =>
        element(
          'div',
          { class: 'fixup' },
          `extable[${entry.index}]: on a fault ${entry.register ?? 'nothing'} = 0, resume at ${offset(entry.offset + entry.length)}`,
        ),
      ),
  ]);
  return element(
    'div',
    { class: entries.length > 0 ? 'row probes' : 'row', ...(id === '' ? {} : { id }) },
    element('div', { class: 'bpf' }, left),
    element('div', {}, ...lines),
  );
}

const offset = (value: number): string => `+0x${value.toString(16)}`;
