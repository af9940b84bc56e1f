import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { ADVICE, findChromium } from '../../scripts/chromium.js';
import { Site } from './site.js';

const EXAMPLES = ['task_walk', 'file_open', 'skb_filter'] as const;
const ENGINES = ['x86', 'wasm', 'interp', 'all'] as const;
const PLACES = ['worker', 'main'] as const;
const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const MODERN = fixture('objects/6.12/modern.bpf.o');

const executablePath = findChromium();

describe('the page', { skip: executablePath === undefined ? ADVICE : false, timeout: 300_000 }, () => {
  let site: Site;
  let browser: Browser;
  let page: Page;
  /** What the browser complains of. */
  const complaints: string[] = [];

  before(async () => {
    // A container has no user namespaces for Chromium's sandbox, root may not have one, and /dev/shm is small.
    const args = ['--no-sandbox', '--disable-dev-shm-usage'];
    browser = await chromium.launch({ executablePath, args });
    site = await Site.open();
    page = await browser.newPage();
    page.setDefaultTimeout(120_000);
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    await page.goto(site.url);
    await settled();
  });

  after(async () => {
    await browser?.close();
    await site?.close();
  });

  /** The page has answered what was last asked. */
  async function settled(state = 'done'): Promise<void> {
    await page.waitForFunction(() => document.body.dataset.state !== 'busy');
    assert.equal(
      await page.getAttribute('body', 'data-state'),
      state,
      (await page.textContent('#panel')) ?? '',
    );
  }

  async function click(selector: string, state?: string): Promise<void> {
    await page.click(selector);
    await settled(state);
  }

  async function select(id: string, value: string, state?: string): Promise<void> {
    await page.selectOption(`#${id}`, value);
    await settled(state);
  }

  async function give(files: Parameters<Page['setInputFiles']>[1], state?: string): Promise<void> {
    await page.setInputFiles('#files', files);
    await settled(state);
  }

  const text = (selector: string): Promise<string | null> => page.textContent(selector);
  const example = (name: string): Promise<void> => click(`#examples [data-name=${name}]`);

  it('runs the examples on every engine as Node does, byte for byte, in a worker and on the main thread', async () => {
    const cases = ENGINES.flatMap((engine) => EXAMPLES.map((name) => ({ name, engine })));
    const want = site.commandLine(
      cases.map(({ name, engine }) => ['run', '--engine', engine, `examples/${name}.bpf.o`]),
    );
    await click('#tab-run');
    for (const place of PLACES) {
      await select('place', place);
      for (const [at, { name, engine }] of cases.entries()) {
        await select('engine', engine);
        await example(name);
        assert.equal(await text('#run-text'), want[at], `${name} on ${engine}, ${place}`);
        assert.match((await text('#status')) ?? '', place === 'main' ? /main thread/ : /worker/);
      }
    }
  });

  for (const [tab, command] of [
    ['verdict', 'verify'],
    ['listing', 'jit'],
  ] as const)
    it(`shows what faultline ${command} prints on Node, byte for byte`, async () => {
      const want = site.commandLine(EXAMPLES.map((name) => [command, `examples/${name}.bpf.o`]));
      await click(`#tab-${tab}`);
      for (const [at, name] of EXAMPLES.entries()) {
        await select('place', PLACES[at % PLACES.length]);
        await example(name);
        assert.equal(await text(command === 'jit' ? '#list-text' : '#verify-text'), want[at]);
      }
    });

  it('shows every fault of a run and how it was repaired', async () => {
    await example('task_walk');
    await select('engine', 'x86');
    await click('#tab-run');
    const rows = await page.locator('table.faults tbody tr').allTextContents();
    assert.equal(rows.length, 59);
    assert.match(rows[0], /#PF0xffff888[0-9a-f]{9}task_walk\+0x494.*extable\[20\]: rdi = 0, 7 bytes skipped/);
    await click('table.faults tbody tr:first-child button');
    assert.match((await text('.row.here')) ?? '', /extable\[20\]: on a fault rdi = 0, resume at \+0x49b/);
  });

  it('shows the exception table as it lies in memory', async () => {
    await example('file_open');
    await click('#tab-listing');
    const rows = await page.locator('.extable tbody tr').allTextContents();
    assert.equal(rows.length, 13);
    // insn: 0x50 less the place of the entry, 0x31c; fixup: 4 bytes skipped, r14 at 8 in pt_regs; data: EX_TYPE_BPF.
    assert.match(rows[0], /\+0x50r14\+0x542.*34 fd ff ff 04 08 00 00 07 00 00 00/);
  });

  it('takes an object of the user and explains why it is refused', async () => {
    const [want] = site.commandLine([['verify', '--profile', 'linux-6.1', MODERN]]);
    await click('#tab-verdict');
    await select('place', 'worker');
    await give([MODERN]);
    await select('kernel', 'linux-6.1');
    assert.equal(await text('#verify-text'), want);
    const refused = page.locator('.verdict', { has: page.locator('.badge.bad') }).first();
    assert.match((await refused.textContent()) ?? '', /rejected.*errno 22.*What.*At.*Mend/s);
    await refused.locator('summary').click();
    await page.waitForFunction(
      () => document.querySelector('.verdict:has(.bad) pre.log')?.textContent !== '…',
    );
    assert.match((await refused.locator('pre.log').textContent()) ?? '', /processed \d+ insns/);
    await click('#tab-run');
    assert.match((await text('#panel')) ?? '', /^m_sx was rejected: BPF_LDX uses reserved fields/);
    await select('kernel', 'linux-6.12');
    assert.doesNotMatch((await text('#panel')) ?? '', /m_sx was rejected/);
  });

  it('takes a scene and the BTF of a kernel with an object', async () => {
    const btf = fixture('goldens/vmlinux-6.12.btf.gz');
    const files = ['examples/file_open.bpf.o', 'examples/file_open.scene.json'];
    const [want] = site.commandLine([['run', '--engine', 'wasm', '--btf', btf, files[0]]]);
    await click('#tab-run');
    await select('engine', 'wasm');
    await give([...files.map((path) => join(site.folder, path)), btf]);
    assert.equal(await text('#run-text'), want);
  });

  it('says what is wrong with a file', async () => {
    const file = { name: 'x.bpf.o', mimeType: '', buffer: Buffer.from('not an object') };
    await give([file], 'failed');
    assert.match((await text('#error')) ?? '', /ElfError ELF_/);
    await example('skb_filter');
  });

  it('looks faults up on threads that share memory', async () => {
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    await example('task_walk');
    for (const place of PLACES) {
      await select('place', place);
      await click('#tab-lookup');
      await page.click('#lookup-start');
      await page.waitForSelector('#lookup-answer tbody');
      const rows = await page.locator('#lookup-answer tbody tr').allTextContents();
      const cells = await page.locator('#lookup-answer tbody tr:first-child td').allTextContents();
      assert.ok(rows.length >= 2);
      assert.ok(Number(cells[2].replaceAll(',', '')) > 1e6, cells.join(' '));
      const wrong = await page.locator('#lookup-answer tbody td:nth-child(4)').allTextContents();
      assert.deepEqual(new Set(wrong), new Set(['0']));
    }
  });

  it('works where threads cannot share memory', async () => {
    const plain = await browser.newPage();
    await plain.route(site.url, async (route) => {
      const response = await route.fetch();
      const headers = response.headers();
      delete headers['cross-origin-opener-policy'];
      await route.fulfill({ response, headers });
    });
    await plain.goto(site.url);
    await plain.waitForSelector('#run-text', { state: 'attached' });
    assert.equal(await plain.evaluate(() => crossOriginIsolated), false);
    await plain.click('#tab-lookup');
    assert.equal(await plain.isDisabled('#lookup-start'), true);
    await plain.close();
  });

  it('needs no more of a Content-Security-Policy than WebAssembly', async () => {
    const response = await page.request.get(site.url);
    const policy = response.headers()['content-security-policy'];
    assert.match(policy, /default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/);
    assert.doesNotMatch(policy, /'unsafe-eval'|'unsafe-inline'|data:|blob:|\*/);
    const evaluated = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'document.body.dataset.inline = "ran"';
      document.head.append(script);
      return document.body.dataset.inline;
    });
    assert.equal(evaluated, undefined);
    assert.match(complaints.pop() ?? '', /inline script.*Content Security Policy/);
  });

  it('had nothing to complain of', () => assert.deepEqual(complaints, []));

  const FORBIDDEN: [string, RegExp][] = [
    ['a node: import', /["'`]node:/],
    ['an import of a module of Node', /(from|import)\s*\(?["'`](fs|path|util|crypto|buffer|worker_threads)(\/promises)?["'`]/],
    ['require', /\brequire\s*\(/],
    ['what stands for a module of Node', /__vite-browser-external|__vite_browser_external/],
    ['process', /\bprocess\.\w/],
    ['Buffer', /\bBuffer\b/],
    ['__dirname', /\b__dirname\b/],
    ['eval', /\beval\s*\(|\bnew Function\b/],
  ]; // prettier-ignore
  for (const [what, pattern] of FORBIDDEN)
    it(`has no ${what} in its scripts`, () => {
      const scripts = site.files.filter((path) => path.endsWith('.js'));
      assert.ok(scripts.length >= 4);
      for (const path of scripts) {
        const found = pattern.exec(readFileSync(join(site.folder, 'site', path), 'utf8'));
        assert.equal(found, null, `${path}: ${found?.input.slice(found.index - 60, found.index + 60)}`);
      }
    });

  it('has each WebAssembly module of the package once, as a file', () => {
    for (const name of ['core.wasm', 'lookup-threads.wasm']) {
      const [stem] = name.split('.');
      const copies = site.files.filter((path) => new RegExp(`assets/${stem}-[^/]*\\.wasm$`).test(path));
      assert.equal(copies.length, 1, copies.join(' '));
      assert.deepEqual(
        readFileSync(join(site.folder, 'site', copies[0])),
        readFileSync(join(site.folder, 'node_modules/faultline/dist/host/core', name)),
      );
    }
  });

  const KIB = 1024;
  for (const [name, most] of [
    ['ObjectFile', 16 * KIB],
    ['Btf', 32 * KIB],
    ['FaultReader', 32 * KIB],
    ['FaultIndex', 48 * KIB],
    ['bootKernel', 640 * KIB],
  ] as const)
    it(`costs at most ${most / KIB} KiB to use ${name}`, async () => {
      const size = await site.sizeOf(name);
      assert.ok(size > 0 && size <= most, `${size} bytes`);
    });

  it('works as it is under the development server of Vite', async () => {
    const script = `
      import { bootKernel } from 'faultline';
      bootKernel().then(({ profile }) => profile.name, String).then((text) => (document.body.dataset.said = text));`;
    const server = await site.serve(script);
    const plain = await browser.newPage();
    await plain.goto(server.url);
    await plain.waitForSelector('[data-said]');
    assert.equal(await plain.getAttribute('body', 'data-said'), 'linux-6.12');
    await plain.close();
    await server.close();
  });

  it('fetches the shipped BTF and the disassembler when they are needed', async () => {
    const fresh = await browser.newPage();
    const fetched: string[] = [];
    fresh.on('request', (request) => fetched.push(new URL(request.url()).pathname));
    const has = (part: string): boolean => fetched.some((path) => path.includes(part));
    await fresh.goto(site.url);
    await fresh.waitForSelector('#run-text', { state: 'attached' });
    assert.deepEqual([has('embedded-btf'), has('iced_x86'), has('core-')], [true, false, true]);
    await fresh.click('#tab-listing');
    await fresh.waitForSelector('#list-text', { state: 'attached' });
    assert.equal(has('iced_x86'), true);
    await fresh.close();
  });
});
