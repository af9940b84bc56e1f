import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import '../host/platform/node.js';
import { UsageError } from '../host/errors.js';
import type { Profile } from '../host/profiles/profile.js';
import { profile } from '../host/profiles/profiles.js';
import { bootKernel } from '../host/runtime/boot.js';
import type { Kernel } from '../host/runtime/kernel.js';
import type { LoadedObject } from '../host/runtime/loaded-object.js';
import { kernelBtf } from './kernel-btf.js';
import { oneOf } from './usage.js';

/** Options of every command that loads an object into a kernel. */
export const MACHINE_OPTIONS = {
  btf: { type: 'string' },
  profile: { type: 'string', default: 'linux-6.12' },
  variant: { type: 'string', default: 'base' },
  arch: { type: 'string', default: 'x86_64' },
  program: { type: 'string', multiple: true },
  json: { type: 'boolean', default: false },
} as const;

export const MACHINE_HELP = `  --program NAME         this program only; may be given again (default: all)
  --btf FILE             BTF of the kernel, plain or gzip (default: the trimmed one that ships)
  --profile NAME         linux-6.12 (default), linux-6.1, linux-5.5
  --variant NAME         base (default), nobmi2, mitig, mitigamd, harden2
  --arch NAME            x86_64 (default), or x86_64-noprobe: a JIT that does not know PROBE_MEM
  --json                 the same content as JSON
`;

interface MachineValues {
  readonly btf?: string;
  readonly profile: string;
  readonly variant: string;
  readonly arch: string;
  readonly program?: string[];
}

export interface Machine {
  readonly kernel: Kernel;
  readonly object: LoadedObject;
  /** Names of the programs that were asked for. */
  readonly programs: readonly string[];
}

/** Boots a kernel and reads an object into it; no program is loaded yet. */
export async function machine(path: string | undefined, values: MachineValues): Promise<Machine> {
  if (path === undefined)
    throw new UsageError('USAGE_OPTION', 'expected an object file (.bpf.o), found none');
  const kernel = await bootKernel({
    btf: await kernelBtf(values.btf),
    profile: forArch(profile(values.profile, values.variant), values.arch),
  });
  const object = kernel.loadObject(new Uint8Array(await readFile(path)), { fileName: basename(path) });
  const known = object.programNames;
  for (const name of values.program ?? [])
    if (!known.includes(name))
      throw new UsageError(
        'USAGE_PROGRAM',
        `${path}: expected one of the programs ${known.join(', ')}, found '${name}'`,
      );
  return { kernel, object, programs: values.program ?? known };
}

function forArch(base: Profile, arch: string): Profile {
  const name = oneOf('arch', arch, ['x86_64', 'x86_64-noprobe']);
  return name === 'x86_64' ? base : { ...base, jit: { ...base.jit, probeMem: false } };
}
