import type { GivenFile } from './request.js';

/** An object that comes with the page. */
export interface Example {
  readonly name: string;
  readonly about: string;
  readonly object: URL;
  readonly scene: URL;
}

export const EXAMPLES: readonly Example[] = [
  {
    name: 'task_walk',
    about: 'walks from a task to its parents, one of which was freed',
    object: new URL('../examples/task_walk.bpf.o', import.meta.url),
    scene: new URL('../examples/task_walk.scene.json', import.meta.url),
  },
  {
    name: 'file_open',
    about: 'an LSM hook that reads the name of a file whose dentry dangles',
    object: new URL('../examples/file_open.bpf.o', import.meta.url),
    scene: new URL('../examples/file_open.scene.json', import.meta.url),
  },
  {
    name: 'skb_filter',
    about: 'drops UDP packets to one port',
    object: new URL('../examples/skb_filter.bpf.o', import.meta.url),
    scene: new URL('../examples/skb_filter.scene.json', import.meta.url),
  },
];

/** The object and scene of an example. */
export async function fetchExample({ name, object, scene }: Example): Promise<[GivenFile, GivenFile]> {
  return Promise.all([fetched(`${name}.bpf.o`, object), fetched(`${name}.scene.json`, scene)]);
}

async function fetched(name: string, url: URL): Promise<GivenFile> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status} ${response.statusText}`);
  return { name, bytes: new Uint8Array(await response.arrayBuffer()) };
}
