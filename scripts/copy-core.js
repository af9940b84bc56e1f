// The modules sit beside the module that loads them, in the sources and in the build alike.
import { copyFileSync, existsSync } from 'node:fs';

for (const folder of ['host/core', 'dist/host/core'])
  if (existsSync(folder))
    for (const name of ['core.wasm', 'lookup-threads.wasm'])
      copyFileSync(`build/${name}`, `${folder}/${name}`);
