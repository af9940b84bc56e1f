import { readFileSync } from 'node:fs';
import { normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

/** A place in a source file, which occurs there once, and what stands there instead. */
export interface Replacement {
  readonly from: string;
  readonly to: string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const { entries, options } = JSON.parse(readFileSync(`${root}asconfig.threads.json`, 'utf8')) as {
  entries: string[];
  options: Record<string, string | number | boolean | string[]>;
};

/** Compiles lookup-threads.wasm with changes to its source: what a test of a race needs to widen or to break it. */
export async function compileThreads(
  changes: Readonly<Record<string, readonly Replacement[]>>,
): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const left = new Set(Object.keys(changes));
  const { error, stderr } = await asc.main(
    [
      ...[...entries, '--outFile', 'out.wasm', '--optimizeLevel', '2', '--noAssert', '--use', 'abort='],
      ...Object.entries(options).flatMap(([name, value]) =>
        value === true ? [`--${name}`] : [`--${name}`, String(value)],
      ),
    ],
    {
      readFile: (name, base) => {
        let text: string;
        try {
          text = readFileSync(`${root}${base}/${name}`, 'utf8');
        } catch {
          return null;
        }
        const path = normalize(name);
        left.delete(path);
        for (const { from, to } of changes[path] ?? []) {
          if (text.split(from).length !== 2) throw new Error(`${name}: expected once: ${from}`);
          text = text.replace(from, to);
        }
        return text;
      },
      writeFile: (name, contents) => {
        if (name.endsWith('out.wasm')) binary = contents as Uint8Array;
      },
      listFiles: () => null,
    },
  );
  if (error !== null || binary === undefined) throw new Error(`asc: ${stderr.toString()}`);
  if (left.size > 0) throw new Error(`asc did not read ${[...left].join(', ')}`);
  return binary;
}
