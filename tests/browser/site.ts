import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, createServer, type InlineConfig, preview } from 'vite';
import config from '../../web/vite.config.js';
import { USER_PATH } from '../support/user-path.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** What package.json lists as dependencies. */
const DEPENDENCIES = ['@assemblyscript/loader', '@noble/hashes', 'iced-x86'];

/** The page, built by Vite in a folder where the package is installed from its tarball. */
export class Site {
  private constructor(
    readonly folder: string,
    readonly url: string,
    private readonly server: Awaited<ReturnType<typeof preview>>,
  ) {}

  static async open(): Promise<Site> {
    const folder = mkdtempSync(join(tmpdir(), 'faultline-site-'));
    for (const part of ['web', 'examples']) cpSync(join(root, part), join(folder, part), { recursive: true });
    installPackage(folder);
    const settings: InlineConfig = {
      ...config,
      configFile: false,
      root: join(folder, 'web'),
      logLevel: 'error',
      build: { ...config.build, outDir: join(folder, 'site') },
    };
    await build(settings);
    const server = await preview({ ...settings, preview: { ...config.preview, port: 0 } });
    return new Site(folder, server.resolvedUrls!.local[0], server);
  }

  /** Files of the built page, by path from its folder. */
  get files(): string[] {
    return readdirSync(join(this.folder, 'site'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.folder.length + '/site/'.length));
  }

  /** Bytes of a script that uses one name of the package, bundled and minified; what it imports later left out. */
  async sizeOf(name: string): Promise<number> {
    const input = join(this.folder, `${name}.js`);
    writeFileSync(input, `import { ${name} } from 'faultline';\nglobalThis.used = ${name};`);
    const made = await build({
      root: this.folder,
      configFile: false,
      logLevel: 'error',
      build: { write: false, rolldownOptions: { input } },
    });
    const { output } = made as { output: { type: string; isEntry?: boolean; code?: string }[] };
    return output.find(({ isEntry }) => isEntry)?.code?.length ?? 0;
  }

  /** Address of a page of one script that Vite serves as it is, and what stops serving it. */
  async serve(script: string): Promise<{ url: string; close(): Promise<void> }> {
    const folder = join(this.folder, 'plain');
    mkdirSync(folder);
    writeFileSync(join(folder, 'index.html'), '<body><script type="module" src="./main.js"></script></body>');
    writeFileSync(join(folder, 'main.js'), script);
    const server = await createServer({
      root: folder,
      configFile: false,
      logLevel: 'error',
      server: { port: 0, fs: { allow: [this.folder, root] } },
    });
    await server.listen();
    return { url: server.resolvedUrls!.local[0], close: () => server.close() };
  }

  async close(): Promise<void> {
    await this.server.close();
    rmSync(this.folder, { recursive: true });
  }

  /** What the installed package's command line prints on Node, one text per command. */
  commandLine(commands: readonly (readonly string[])[]): string[] {
    const program = `
      import { main } from ${JSON.stringify(join(this.folder, 'node_modules/faultline/dist/cli/main.js'))};
      const print = process.stdout.write.bind(process.stdout);
      const texts = [];
      for (const command of JSON.parse(process.argv[1])) {
        let text = '';
        process.stdout.write = (part) => ((text += part), true);
        await main(command);
        texts.push(text);
      }
      process.stdout.write = print;
      print(JSON.stringify(texts));`;
    const args = ['--input-type=module', '-e', program, JSON.stringify(commands)];
    const options = { encoding: 'utf8', cwd: this.folder, maxBuffer: 1 << 28 } as const;
    return JSON.parse(execFileSync(process.execPath, args, options)) as string[];
  }
}

function installPackage(folder: string): void {
  // --ignore-scripts: the build that prepack would make is the one under test.
  const packed = spawnSync(
    'npm',
    ['pack', root, '--json', '--ignore-scripts', '--pack-destination', folder],
    {
      encoding: 'utf8',
      env: { ...process.env, PATH: USER_PATH },
    },
  );
  if (packed.status !== 0) throw new Error(`npm pack: ${packed.stderr}`);
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'faultline'), { recursive: true });
  execFileSync('tar', [
    '-xzf',
    join(folder, filename),
    '-C',
    join(modules, 'faultline'),
    '--strip-components=1',
  ]);
  for (const name of DEPENDENCIES) {
    mkdirSync(join(modules, name, '..'), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
}
