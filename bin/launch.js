import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Runs `main(argv)` of a compiled CLI module and exits with what it returns. A checkout that was never built is
 * built first; the published package always is.
 */
export async function launch(module) {
  const compiled = new URL(`../dist/cli/${module}.js`, import.meta.url);
  const setup = new URL('../scripts/setup.js', import.meta.url);
  if (!existsSync(fileURLToPath(compiled)) && existsSync(fileURLToPath(setup))) await import(setup.href);
  const { main } = await import(compiled.href);
  process.exitCode = await main(process.argv.slice(2));
}
