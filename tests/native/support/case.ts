import type { Core } from '../../../host/core/core.js';
import { compile } from '../../../host/jit/compile.js';
import { countExentries } from '../../../host/jit/exentries.js';
import type { ImagePlacement, ImageSource } from '../../../host/jit/image-source.js';
import type { JitImage, JitInput } from '../../../host/jit/jit-image.js';
import type { Random } from '../../support/random.js';
import { FLAG_FORMS, type Form, type FormContext, FORMS } from './forms.js';
import type { Kernel } from './kernels.js';
import { ARENA, CODE, CODE_SIZE, STUBS } from './layout.js';
import { ProgramWriter } from './program-writer.js';
import type { Stubs } from './stubs.js';

const ORDER = ['5.5', '6.1', '6.12'];
const STACKS = [0, 8, 64, 136, 512];
/** 5.5 keeps the count of tail calls below a full stack. */
const FULL_STACK = 512;
const INT3 = 0xcc;
const EDGES = [0n, 1n, (1n << 64n) - 1n, 1n << 63n, 0x7fffffffn, 0x80000000n, 0xffffffffn];
/** Upper half of the arena's address in user space. */
const ARENA_USER = 0x7f1200000000n;

/** One program and what it starts with. */
export interface Case {
  readonly insns: Uint8Array;
  /** The function that is entered first. */
  readonly images: readonly JitImage[];
  /** By x86 number. */
  readonly registers: BigUint64Array;
  /** Of the memory. */
  readonly seed: number;
  /** Forms written in the main function, each with the slots it took. */
  readonly forms: readonly { readonly form: Form; readonly from: number; readonly to: number }[];
  /** Slots that run only if a branch goes their way. */
  readonly unsure: Uint8Array;
  /**
   * A breakpoint stands in place of the exit, where the flags are all defined and still there: behind a return they are
   * nobody's.
   */
  readonly stops: boolean;
}

/** Places images one after the other. */
class CodeSpace implements ImageSource {
  readonly bytes = new Uint8Array(CODE_SIZE);
  used = 0;

  allocate(length: number): ImagePlacement {
    const offset = (this.used + 31) & ~15;
    this.used = offset + length;
    const address = CODE + BigInt(offset);
    const rw = this.bytes.subarray(offset, offset + length);
    return { address, region: { address, size: length }, rw };
  }

  release(): void {}

  finalize(): void {}

  free(): void {}
}

/** Makes random cases for one kernel. */
export class CaseSource {
  readonly space = new CodeSpace();
  readonly #writer: ProgramWriter;
  readonly #forms: readonly Form[];
  readonly #helpers: readonly number[];

  constructor(
    readonly core: Core,
    readonly kernel: Kernel,
    readonly random: Random,
    stubs: Stubs,
  ) {
    this.#writer = new ProgramWriter(random);
    const known = ORDER.indexOf(kernel.knobs.version);
    this.#forms = FORMS.filter(({ since }) => ORDER.indexOf(since) <= known).flatMap((form) =>
      new Array<Form>(form.weight ?? 1).fill(form),
    );
    this.#helpers = stubs.helpers.map((helper) => Number(helper - STUBS));
  }

  /** Names of the forms that this kernel has. */
  get formNames(): Set<string> {
    return new Set(this.#forms.map(({ name }) => name));
  }

  /** Forgets all images, and puts the target of tail calls where it always is. */
  reset(): JitImage {
    this.space.used = 0;
    const w = this.#writer;
    w.reset();
    w.emit(0xbf, 0, 1);
    w.emit(0x07, 0, 0, 0, 77);
    w.emit(0x95);
    const [image] = this.#compile([this.#input(w.finish(), FULL_STACK, true)]);
    return image;
  }

  next(): Case {
    const { random } = this;
    const tailCalls = random.below(6) === 0;
    const subprograms = !tailCalls && random.below(6) === 0 ? 1 : 0;
    const stack = tailCalls && this.kernel.knobs.version === '5.5' ? FULL_STACK : random.pick(STACKS);
    const context: FormContext = {
      version: this.kernel.knobs.version,
      helpers: this.#helpers,
      subprograms,
      tailCalls,
      hasArena: this.kernel.knobs.version === '6.12',
      stack,
      fatal: true,
    };
    const inputs: JitInput[] = [];
    if (subprograms > 0) {
      this.#write({ ...context, subprograms: 0, stack: 64 }, 1 + random.below(3));
      inputs.push({ ...this.#input(this.#writer.finish(), 64, false), isSubprogram: true });
    }
    const forms = this.#write(context, 2 + random.below(8));
    const insns = this.#writer.finish();
    inputs.unshift({
      ...this.#input(insns, stack, tailCalls),
      exceptionBoundary: random.below(16) === 0,
    });
    const images = this.#compile(inputs);
    const stops = FLAG_FORMS.includes(forms[forms.length - 1].form) && random.below(2) === 0;
    if (stops) this.#stopAtExit(images[0]);
    return {
      insns,
      images,
      registers: this.#registers(),
      seed: random.u32() >>> 1,
      forms,
      unsure: this.#writer.unsure.slice(0, this.#writer.slots),
      stops,
    };
  }

  #write(context: FormContext, count: number): Case['forms'] {
    const w = this.#writer;
    const forms: { form: Form; from: number; to: number }[] = [];
    w.reset();
    for (let k = 0; k <= count; k++) {
      const form = this.random.pick(k === count ? FLAG_FORMS : this.#forms);
      const from = w.slots;
      const flow = form.write(w, context);
      if (w.slots > from) forms.push({ form, from, to: w.slots });
      if (flow === 'leaves') break;
    }
    w.emit(0x95);
    return forms;
  }

  #stopAtExit({ address, offsets }: JitImage): void {
    this.space.bytes[Number(address - CODE) + offsets[offsets.length - 2]] = INT3;
  }

  #registers(): BigUint64Array {
    const { random } = this;
    return BigUint64Array.from({ length: 16 }, () =>
      random.below(3) === 0 ? random.pick(EDGES) : random.u64(),
    );
  }

  #input(insns: Uint8Array, stackDepth: number, tailCallReachable: boolean): JitInput {
    const arena = this.kernel.knobs.version === '6.12';
    return {
      name: 'random',
      insns,
      stackDepth,
      numExentries: countExentries(insns),
      tailCallReachable,
      isSubprogram: false,
      isExceptionCallback: false,
      exceptionBoundary: false,
      isClassic: false,
      arenaKernel: arena ? ARENA : 0n,
      arenaUser: arena ? ARENA_USER : 0n,
    };
  }

  #compile(inputs: readonly JitInput[]): JitImage[] {
    return compile(this.core, this.kernel.knobs, inputs, this.space);
  }
}
