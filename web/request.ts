import type { Engine, ListingFunction, ObjectReport, Verdict } from 'faultline';

/** A file somebody chose. */
export interface GivenFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What everything on the page is about. Plain data, so that a worker can take it. */
export interface Subject {
  readonly object: GivenFile;
  readonly scene: GivenFile | null;
  /** BTF of the kernel; null = the types that ship with the package. */
  readonly btf: GivenFile | null;
  readonly profile: string;
  readonly variant: string;
}

/** Verdicts, and the same as `faultline verify` prints it. */
export interface VerdictAnswer {
  readonly verdicts: readonly Verdict[];
  readonly text: string;
}

/** A program that cannot be shown, and why. */
export interface Refusal {
  readonly program: string;
  readonly reason: string;
}

/** Runs of the accepted programs, and the same as `faultline run` prints it. */
export interface RunAnswer {
  readonly rejected: readonly Refusal[];
  readonly programs: ObjectReport['programs'];
  /** Keys and values as text. */
  readonly maps: readonly {
    readonly map: string;
    readonly entries: readonly (readonly [key: string, value: string])[];
  }[];
  readonly text: string;
}

export interface ListedFunction extends ListingFunction {
  /** The exception table as it lies in memory, hex, an entry each. */
  readonly extable: readonly string[];
}

/** Listings of the accepted programs, and the same as `faultline jit` prints it. */
export interface ListingAnswer {
  readonly rejected: readonly Refusal[];
  readonly functions: readonly ListedFunction[];
  readonly text: string;
  /** Programs that the JIT refused, and why. */
  readonly refused: readonly Refusal[];
}

export interface LookupAnswer {
  readonly images: number;
  readonly entries: number;
  readonly threads: readonly {
    readonly lookups: number;
    readonly found: number;
    readonly wrong: number;
    readonly milliseconds: number;
  }[];
}

/** What the page asks for; answered on the main thread or by a worker. */
export interface Evaluator {
  verify(subject: Subject): Promise<VerdictAnswer>;
  /** The kernel's log of one program, log_level 2. */
  log(subject: Subject, program: string): Promise<string>;
  run(subject: Subject, engine: Engine | 'auto' | 'all'): Promise<RunAnswer>;
  list(subject: Subject): Promise<ListingAnswer>;
  lookup(subject: Subject, threads: number): Promise<LookupAnswer>;
}

/** An error as it crosses from a worker. */
export interface Failure {
  readonly name: string;
  readonly code: string | null;
  readonly message: string;
}
