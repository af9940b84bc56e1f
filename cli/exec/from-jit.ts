import type { Core } from '../../host/core/core.js';
import { UsageError } from '../../host/errors.js';
import { compile } from '../../host/jit/compile.js';
import { countExentries } from '../../host/jit/exentries.js';
import type { ImageSource } from '../../host/jit/image-source.js';
import { profile } from '../../host/profiles/profiles.js';
import { funcOutput } from './output.js';
import type { ExecRecord } from './record.js';

/** Where an image goes when its record names no address: the first one a fresh kernel could give. */
const FIRST_IMAGE = 0xffffffffc0000008n;

/** Images keep the addresses that recorded ones had; nothing is put into guest memory. */
function recordedPlaces(entries: readonly (bigint | null)[]): ImageSource {
  return {
    allocate(length, index) {
      const address = entries[index] ?? FIRST_IMAGE;
      return { address, region: { address, size: length }, rw: new Uint8Array(length) };
    },
    release() {},
    finalize() {},
    free() {},
  };
}

/** `--from jit`: what the JIT makes of the recorded jit_input, the verifier left out. */
export function fromJit(core: Core, record: ExecRecord): Record<string, unknown> {
  const input = record.jitInput;
  if (!input)
    throw new UsageError('USAGE_RECORD', `record ${record.id}: --from jit needs jit_input, found none`);
  const images = compile(
    core,
    profile(`linux-${record.kernel}`, record.profile).jit,
    [
      {
        name: record.id,
        insns: input.insns,
        stackDepth: input.stackDepth,
        // Recorded counts leave sign-extending loads out.
        numExentries: countExentries(input.insns),
        tailCallReachable: input.tailCallReachable,
        isSubprogram: false,
        isExceptionCallback: false,
        exceptionBoundary: input.exceptionBoundary,
        isClassic: false,
        arenaKernel: input.arenaKernel,
        arenaUser: input.arenaUser,
      },
    ],
    recordedPlaces(record.entries),
  );
  return { funcs: images.map(funcOutput) };
}
