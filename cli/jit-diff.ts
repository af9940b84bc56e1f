import { Evaluator, type ExecOptions } from './exec/evaluate.js';
import { lines } from './exec/input.js';
import { hexBytes } from './exec/record.js';
import { imageDifference } from './image-difference.js';
import { Exit } from './usage.js';
import type { Syntax, X86Line } from '../host/report/x86.js';

export interface DiffOptions {
  readonly btf: string | undefined;
  readonly symbols: string | undefined;
  /** Where a record is entered; undefined = at jit_input where it has one. */
  readonly from: ExecOptions['from'] | undefined;
  readonly syntax: Syntax;
  readonly json: boolean;
}

interface RecordedFunc {
  readonly ksym_addr?: string;
  readonly jited_hex?: string;
  readonly extable_hex?: string | null;
  readonly num_exentries?: number;
}

interface Recorded {
  readonly id: string;
  readonly kernel?: string;
  readonly profile?: string;
  readonly verdict?: string;
  readonly insns_hex?: string;
  readonly jit_input?: object;
  readonly funcs?: readonly RecordedFunc[];
}

interface Answer {
  readonly funcs?: readonly RecordedFunc[];
  readonly error?: { readonly message: string };
  readonly log?: string;
}

/** One image that is not as it was recorded. */
interface Difference {
  readonly id: string;
  readonly func: number;
  /** What differs, in words. */
  readonly what: string;
  /** Offset in the image; null when it is not the code that differs. */
  readonly offset: number | null;
  readonly faultline: string | null;
  readonly linux: string | null;
}

/** `faultline jit --diff`: compiles recorded programs and compares the images with the recorded ones. */
export async function diff(path: string, options: DiffOptions): Promise<number> {
  const evaluators = new Map<string, Promise<Evaluator>>();
  const evaluator = (from: ExecOptions['from']): Promise<Evaluator> => {
    let found = evaluators.get(from);
    if (!found) evaluators.set(from, (found = Evaluator.create({ ...EXEC, ...options, from })));
    return found;
  };
  const differences: Difference[] = [];
  let images = 0;
  for await (const line of lines(path)) {
    const recorded = recordOf(line);
    const funcs = recorded.funcs ?? [];
    // Refused programs, and those of a kernel that did not show its images.
    if (funcs.length === 0 || funcs.some(({ jited_hex }) => !jited_hex)) continue;
    const from = options.from ?? (recorded.jit_input ? 'jit' : 'program');
    const answer = JSON.parse(await (await evaluator(from)).answer(line)) as Answer;
    images += funcs.length;
    for (const difference of differing(recorded, answer, options.syntax)) {
      differences.push(difference);
      if (!options.json) process.stdout.write(described(difference));
    }
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ images, differences }, null, 2)}\n`);
  else process.stdout.write(`${images} images compared, ${differences.length} differ\n`);
  return differences.length > 0 ? Exit.REFUSED : Exit.DONE;
}

const EXEC: ExecOptions = {
  engine: 'none',
  btf: undefined,
  symbols: undefined,
  from: 'program',
  raw: false,
  repeat: 0,
  maxSteps: 0n,
  log: 'tail',
};

/** A line that is no record counts as one image, which the evaluator's error then describes. */
function recordOf(line: string): Recorded {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    json = null;
  }
  return typeof json === 'object' && json !== null ? (json as Recorded) : UNREADABLE;
}

const UNREADABLE: Recorded = { id: 'line', funcs: [{ jited_hex: '00' }] };

function differing(recorded: Recorded, answer: Answer, syntax: Syntax): Difference[] {
  const id = `${recorded.id} (${recorded.kernel ?? '6.12'} ${recorded.profile ?? 'base'})`;
  const theirs = recorded.funcs ?? [];
  const ours = answer.funcs ?? [];
  const whole = (what: string): Difference[] => [
    { id, func: 0, what, offset: null, faultline: null, linux: null },
  ];
  if (ours.length === 0) return whole(answer.error?.message ?? `refused: ${complaint(answer.log ?? '')}`);
  if (ours.length !== theirs.length) return whole(`${ours.length} functions, ${theirs.length} recorded`);
  const tailCalls = hasTailCall(recorded.insns_hex ?? '');
  return theirs.flatMap((linux, func) => {
    const found = compareFunc(ours[func], linux, tailCalls, syntax);
    return found === null ? [] : [{ id, func, ...found }];
  });
}

function compareFunc(
  ours: RecordedFunc,
  linux: RecordedFunc,
  tailCalls: boolean,
  syntax: Syntax,
): Omit<Difference, 'id' | 'func'> | null {
  const code = hexBytes('jited_hex', ours.jited_hex);
  const recorded = hexBytes('funcs[].jited_hex', linux.jited_hex);
  const address = BigInt(linux.ksym_addr ?? ours.ksym_addr ?? 0);
  const found = imageDifference(code, recorded, address, { tailCalls, syntax });
  if (found)
    return {
      what: `${code.length} bytes of code, ${recorded.length} recorded; first difference at +0x${found.offset.toString(16)}`,
      offset: found.offset,
      faultline: shown(found.ours),
      linux: shown(found.theirs),
    };
  const table = { ours: ours.extable_hex ?? '', linux: linux.extable_hex ?? ours.extable_hex ?? '' };
  if (table.ours === table.linux && (ours.num_exentries ?? 0) === (linux.num_exentries ?? 0)) return null;
  return {
    what: `${ours.num_exentries ?? 0} exception entries, ${linux.num_exentries ?? 0} recorded, or others than those`,
    offset: null,
    faultline: table.ours,
    linux: table.linux,
  };
}

/** The verifier's last words but its statistics. */
function complaint(log: string): string {
  const said = log
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^(processed|verification|stack depth)/.test(line));
  return said.at(-1)?.trim() ?? 'the verifier says nothing';
}

/** bpf_tail_call() in the program as it was given. */
function hasTailCall(insnsHex: string): boolean {
  for (let at = 0; at < insnsHex.length; at += 16)
    if (/^85.0.{4}0c000000$/.test(insnsHex.slice(at, at + 16))) return true;
  return false;
}

function shown(line: X86Line | null): string {
  if (line === null) return 'end of the image';
  const bytes = Buffer.from(line.bytes)
    .toString('hex')
    .replace(/..(?=.)/g, '$& ');
  return `+0x${line.offset.toString(16)}  ${bytes.padEnd(30)} ${line.text}`;
}

function described({ id, func, what, faultline, linux }: Difference): string {
  const sides = faultline === null ? '' : `  faultline  ${faultline}\n  linux      ${linux}\n`;
  return `${id}, function ${func}: ${what}\n${sides}`;
}
