// Finds a Chromium for the browser tests. Run as a script it installs Debian's where there is none, on a machine that
// is thrown away afterwards: as root in a container or in CI. Elsewhere it says what to do.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** What to do where there is no Chromium. */
export const ADVICE = 'no Chromium: apt-get install chromium, or set CHROMIUM to the path of one';

function canRun(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Path of a Chromium or Chrome: the one CHROMIUM names, or one on the PATH; undefined when there is none. */
export function findChromium() {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM) return CHROMIUM;
  const places = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [...places, ...ELSEWHERE].find(canRun);
}

function install() {
  const isThrownAway = existsSync('/.dockerenv') || existsSync('/run/.containerenv') || process.env.CI;
  if (process.getuid?.() !== 0 || !isThrownAway || !existsSync('/usr/bin/apt-get')) return;
  const apt = (...args) => {
    console.error(`> apt-get ${args.join(' ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    return spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 });
  };
  const packages = ['install', '-y', '-q', '--no-install-recommends', 'chromium'];
  if (apt(...packages).status === 0) return;
  apt('update', '-q');
  apt(...packages);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (findChromium() === undefined) install();
  console.error(findChromium() ?? `${ADVICE}; the browser tests are skipped`);
}
