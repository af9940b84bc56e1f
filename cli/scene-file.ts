import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UsageError } from '../host/errors.js';
import { parseScene, type Scene } from '../host/report/scene.js';

/** The scene beside an object: `x.bpf.o` has `x.scene.json`. */
export function sceneBeside(object: string): string | undefined {
  const path = object.replace(/(\.bpf)?\.o$/, '.scene.json');
  return path !== object && existsSync(path) ? path : undefined;
}

export async function readScene(path: string): Promise<Scene> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(
      'USAGE_SCENE',
      `${path}: ${(error as Error).message}`,
      { file: path },
      { cause: error },
    );
  }
  return parseScene(text, path);
}
