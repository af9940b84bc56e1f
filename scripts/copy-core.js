// core.wasm sits beside the module that loads it, in the sources and in the build alike.
import { copyFileSync, existsSync } from 'node:fs';

for (const folder of ['host/core', 'dist/host/core'])
  if (existsSync(folder)) copyFileSync('build/core.wasm', `${folder}/core.wasm`);
