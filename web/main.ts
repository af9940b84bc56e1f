import type { Engine } from 'faultline';
import { element } from './element.js';
import { type Example, EXAMPLES, fetchExample } from './examples.js';
import { evaluatorAt, type Place } from './place.js';
import type { Evaluator, GivenFile, Subject } from './request.js';
import { rowId, viewListing } from './view-listing.js';
import { viewLookup } from './view-lookup.js';
import { viewRun } from './view-run.js';
import { viewVerdicts } from './view-verdict.js';

const TABS = ['run', 'verdict', 'listing', 'lookup'] as const;
type Tab = (typeof TABS)[number];

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const selected = (id: string): string => byId<HTMLSelectElement>(id).value;
const panel = byId('panel');
const status = byId('status');

let files: { object: GivenFile; scene: GivenFile | null; btf: GivenFile | null } | null = null;
let tab: Tab = 'run';
/** Counts what was asked for; an answer to an older question is thrown away. */
let asked = 0;

/** A new question: what is shown is no longer its answer. */
function ask(): number {
  document.body.dataset.state = 'busy';
  status.textContent = 'working…';
  return ++asked;
}

/** Shows the open tab of what is chosen. */
async function show(mine = ask()): Promise<void> {
  if (!files || mine !== asked) return;
  const place = selected('place') as Place;
  const subject: Subject = { ...files, profile: selected('kernel'), variant: selected('variant') };
  const start = performance.now();
  try {
    const view = await viewOf(tab, await evaluatorAt(place), subject);
    if (mine !== asked) return;
    const where = place === 'worker' ? 'in a worker' : 'on the main thread';
    status.textContent = `${(performance.now() - start).toFixed(0)} ms ${where}`;
    document.body.dataset.state = 'done';
    panel.replaceChildren(view);
  } catch (error) {
    if (mine === asked) fail(error);
  }
}

function fail(error: unknown): void {
  status.textContent = '';
  document.body.dataset.state = 'failed';
  panel.replaceChildren(viewError(error));
}

async function viewOf(which: Tab, evaluator: Evaluator, subject: Subject): Promise<HTMLElement> {
  switch (which) {
    case 'run':
      return viewRun(await evaluator.run(subject, selected('engine') as Engine | 'auto' | 'all'), goTo);
    case 'verdict':
      return viewVerdicts(await evaluator.verify(subject), (program) => evaluator.log(subject, program));
    case 'listing':
      return viewListing(await evaluator.list(subject));
    case 'lookup':
      return viewLookup((threads) => evaluator.lookup(subject, threads));
  }
}

function viewError(error: unknown): HTMLElement {
  const { name, message, code } = error as { name?: string; message?: string; code?: string | null };
  const text = [name, code].filter((part) => typeof part === 'string').join(' ');
  return element(
    'section',
    { class: 'card', id: 'error' },
    element('h2', {}, text || 'Error'),
    element('p', { class: 'result bad' }, element('code', {}, message ?? String(error))),
  );
}

function open(next: Tab): Promise<void> {
  tab = next;
  for (const name of TABS) byId(`tab-${name}`).setAttribute('aria-selected', String(name === next));
  return show();
}

/** The listing, scrolled to an instruction. */
function goTo(symbol: string, insn: number): void {
  void open('listing').then(() => {
    const row = document.getElementById(rowId(symbol, insn));
    row?.scrollIntoView({ block: 'center' });
    row?.classList.add('here');
  });
}

async function choose(example: Example): Promise<void> {
  const mine = ask();
  try {
    const [object, scene] = await fetchExample(example);
    if (mine !== asked) return;
    files = { object, scene, btf: null };
    mark(example.name);
    await show(mine);
  } catch (error) {
    if (mine === asked) fail(error);
  }
}

/** Files from the user's disk: an object, and beside it a scene or a kernel's BTF. */
async function take(given: Iterable<File>): Promise<void> {
  const mine = ask();
  let object: GivenFile | null = null;
  let scene: GivenFile | null = null;
  let btf: GivenFile | null = null;
  for (const file of given) {
    const taken = { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
    if (file.name.endsWith('.json')) scene = taken;
    else if (file.name.endsWith('.o')) object = taken;
    else btf = taken;
  }
  if (object) files = { object, scene, btf };
  else if (files) files = { ...files, scene: scene ?? files.scene, btf: btf ?? files.btf };
  mark(null);
  await show(mine);
}

function mark(example: string | null): void {
  for (const button of byId('examples').querySelectorAll('button'))
    button.setAttribute('aria-pressed', String(button.dataset.name === example));
  const names = [files?.object, files?.scene, files?.btf].flatMap((file) => (file ? [file.name] : []));
  byId('given').textContent = names.join(', ');
}

for (const example of EXAMPLES) {
  const button = element(
    'button',
    { on: { click: () => void choose(example) } },
    element('strong', {}, example.name),
    element('span', {}, example.about),
  );
  button.dataset.name = example.name;
  byId('examples').append(button);
}
for (const name of TABS) byId(`tab-${name}`).addEventListener('click', () => void open(name));
for (const id of ['engine', 'kernel', 'variant', 'place'])
  byId(id).addEventListener('change', () => void show());
byId<HTMLInputElement>('files').addEventListener('change', ({ target }) => {
  void take((target as HTMLInputElement).files ?? []);
});
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  void take(event.dataTransfer?.files ?? []);
});
void choose(EXAMPLES[0]);
