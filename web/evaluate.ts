import {
  bootKernel,
  Btf,
  type Kernel,
  listProgram,
  type LoadedObject,
  type LoadedProgram,
  parseScene,
  profile,
  icedDisassembler,
  renderListing,
  renderObject,
  renderValue,
  renderVerdict,
  runObject,
  symbolNames,
  VerifierError,
  verdictOf,
} from 'faultline';
import { lookupOnThreads } from './lookup.js';
import type {
  Evaluator,
  GivenFile,
  ListedFunction,
  ListingAnswer,
  LookupAnswer,
  Refusal,
  RunAnswer,
  Subject,
  VerdictAnswer,
} from './request.js';

/** Faults of a run that its text spells out, as on the command line. */
const FAULTS_SHOWN = 6;
const MAX_STEPS = 10_000_000_000n;
const EXTABLE_ENTRY = 12;

const parsed = new WeakMap<Uint8Array, Promise<Btf>>();

/** Everything the page can ask, answered here and now. Each answer is that of a kernel just booted. */
export const evaluator: Evaluator = {
  async verify(subject) {
    const { kernel, object } = await load(subject);
    const verdicts = object.programNames.map((name) => verdictOf(kernel, object, name, 0));
    return { verdicts, text: verdicts.map(renderVerdict).join('') } satisfies VerdictAnswer;
  },

  async log(subject, program) {
    const { kernel, object } = await load(subject);
    return verdictOf(kernel, object, program, 2).log ?? '';
  },

  async run(subject, engine) {
    const { kernel, object } = await load(subject);
    const { scene } = subject;
    const { programs, rejected } = loadPrograms(object);
    const report = runObject(kernel, object, {
      programs: programs.map(({ name }) => name),
      engine,
      scene: scene === null ? undefined : parseScene(new TextDecoder().decode(scene.bytes), scene.name),
      sceneFile: scene?.name,
      maxSteps: MAX_STEPS,
    });
    const maps = report.maps.map(({ map, entries }) => ({
      map,
      entries: entries.map(({ key, value }) => [renderValue(key), renderValue(value)] as const),
    }));
    return {
      rejected,
      programs: report.programs,
      maps,
      text: renderObject(report, FAULTS_SHOWN),
    } satisfies RunAnswer;
  },

  async list(subject) {
    const [{ kernel, object }, iced] = await Promise.all([load(subject), import('iced-x86')]);
    const options = {
      disassemble: icedDisassembler(iced),
      syntax: 'intel',
      symbol: symbolNames(kernel),
    } as const;
    const functions: ListedFunction[] = [];
    const refused: Refusal[] = [];
    const { programs, rejected } = loadPrograms(object);
    for (const program of programs) {
      if (program.jitError) refused.push({ program: program.name, reason: program.jitError.message });
      listProgram(program, options).forEach((listing, index) =>
        functions.push({ ...listing, extable: rawEntries(program.images[index].extable) }),
      );
    }
    const text = functions.map((listing) => renderListing(listing, false)).join('\n');
    return { rejected, functions, text, refused } satisfies ListingAnswer;
  },

  async lookup(subject, threads): Promise<LookupAnswer> {
    const { object } = await load(subject);
    return lookupOnThreads(
      loadPrograms(object).programs.flatMap(({ images }) => images),
      threads,
    );
  },
};

async function load(subject: Subject): Promise<{ kernel: Kernel; object: LoadedObject }> {
  const kernel = await bootKernel({
    profile: profile(subject.profile, subject.variant),
    btf: subject.btf === null ? undefined : await kernelBtf(subject.btf),
  });
  return { kernel, object: kernel.loadObject(subject.object.bytes, { fileName: subject.object.name }) };
}

/** Loads an object's programs: those that the verifier accepts, and why not the others. */
function loadPrograms(object: LoadedObject): { programs: LoadedProgram[]; rejected: Refusal[] } {
  const programs: LoadedProgram[] = [];
  const rejected: Refusal[] = [];
  for (const name of object.programNames) {
    try {
      programs.push(object.program(name));
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error;
      rejected.push({ program: name, reason: error.message });
    }
  }
  return { programs, rejected };
}

function kernelBtf({ bytes }: GivenFile): Promise<Btf> {
  const known = parsed.get(bytes);
  if (known) return known;
  const made = plain(bytes).then((content) => Btf.parse(content));
  parsed.set(bytes, made);
  return made;
}

async function plain(bytes: Uint8Array): Promise<Uint8Array> {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isGzip) return bytes;
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function rawEntries(table: Uint8Array): string[] {
  const hex = Array.from(table, (byte) => byte.toString(16).padStart(2, '0'));
  return Array.from({ length: table.length / EXTABLE_ENTRY }, (_, index) =>
    hex.slice(index * EXTABLE_ENTRY, (index + 1) * EXTABLE_ENTRY).join(' '),
  );
}
