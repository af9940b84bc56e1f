import { disassemble } from '../host/asm/kernel-dialect.js';
import { UsageError } from '../host/errors.js';
import { sourceLines, symbolNames } from '../host/report/listing.js';
import { sceneRuns } from '../host/report/scene.js';
import type { Syntax } from '../host/report/x86.js';
import type { Breakpoint, DebugCpu, TraceStep } from '../host/runtime/debug-cpu.js';
import type { LinkedProgram } from '../host/runtime/linked-program.js';
import type { FaultRecord } from '../host/runtime/run-result.js';
import { machine, MACHINE_HELP, MACHINE_OPTIONS } from './machine.js';
import { readScene, sceneBeside } from './scene-file.js';
import { Exit, integer, oneOf, parseOptions } from './usage.js';
import { disassembleX86 } from './x86.js';

export const help = `usage: faultline step [options] FILE

Runs a program on the emulated CPU one x86 instruction at a time and shows each, with the BPF instruction it was made
from and the registers it changed. A helper is one step.

${MACHINE_HELP}  --scene FILE           kernel objects and runs (default: FILE with .scene.json for .bpf.o, else samples)
  --run N                which of the program's runs (default 1)
  --break WHERE          start at BPF instruction N, or at address 0x...; may be given again
  --count N              instructions to show after each stop (default: to the end, or 20 with --break)
  --registers            all registers at each stop
  --syntax intel|att     of the x86 (default intel)

example: faultline step --break 19 --count 30 examples/task_walk.bpf.o
`;

const OPTIONS = {
  ...MACHINE_OPTIONS,
  scene: { type: 'string' },
  run: { type: 'string', default: '1' },
  break: { type: 'string', multiple: true },
  count: { type: 'string' },
  registers: { type: 'boolean', default: false },
  syntax: { type: 'string', default: 'intel' },
} as const;

const AFTER_STOP = 20;

export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS);
  const syntax = oneOf('syntax', values.syntax, ['intel', 'att']);
  const breaks = (values.break ?? []).map(breakpoint);
  const shown = values.count === undefined ? undefined : integer('count', values.count);
  const nth = integer('run', values.run);
  const [path] = positionals;
  const { kernel, object, programs } = await machine(path, values);
  const file = values.scene ?? sceneBeside(path);
  const scene = file === undefined ? undefined : await readScene(file);
  const name = programs[0];
  if (name === undefined) throw new UsageError('USAGE_PROGRAM', `${path}: no program`);
  const program = object.program(name);
  const runs = [...sceneRuns(kernel, [program.verified.spec], scene, file)];
  const chosen = runs[nth - 1];
  if (!chosen) throw new UsageError('USAGE_OPTION', `--run: expected 1 to ${runs.length}, found ${nth}`);

  const cpu = program.debug(chosen.context);
  for (const at of breaks) cpu.break(at);
  const out = values.json ? new JsonSteps() : new TextSteps(syntax, symbolNames(kernel), values.registers);
  try {
    out.begin(name, chosen.note);
    while (cpu.result === null) {
      if (breaks.length > 0 && cpu.continue() === 'end') break;
      out.stop(cpu);
      let left = shown ?? (breaks.length > 0 ? AFTER_STOP : Infinity);
      if (left === 0) continue;
      for (const step of cpu.trace()) {
        out.step(step);
        if (--left === 0) break;
      }
      if (breaks.length === 0) break;
    }
    out.end(cpu);
    return cpu.result?.oops ? Exit.REFUSED : Exit.DONE;
  } finally {
    cpu.close();
  }
}

function breakpoint(text: string): Breakpoint {
  if (/^0x[0-9a-f]+$/i.test(text)) return BigInt(text);
  return { insn: integer('break', text) };
}

interface Steps {
  begin(program: string, note: string): void;
  stop(cpu: DebugCpu): void;
  step(step: TraceStep): void;
  end(cpu: DebugCpu): void;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const write = (text: string): void => void process.stdout.write(text);

class JsonSteps implements Steps {
  begin(): void {}
  stop(): void {}

  step({ place, ...step }: TraceStep): void {
    this.#write({
      ...step,
      program: place?.program.verified.spec.name ?? null,
      offset: place?.offset ?? null,
    });
  }

  end({ result }: DebugCpu): void {
    if (result) this.#write({ r0: result.r0, steps: result.steps, faults: result.faults, oops: result.oops });
  }

  #write(value: unknown): void {
    write(
      `${JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? hex(field) : field))}\n`,
    );
  }
}

const FLAGS = [
  [1n, 'CF'], [4n, 'PF'], [16n, 'AF'], [64n, 'ZF'], [128n, 'SF'], [2048n, 'OF'],
] as const; // prettier-ignore

/** Flags as gdb writes them. */
const flagNames = (flags: bigint): string =>
  `[ ${FLAGS.map(([bit, name]) => ((flags & bit) !== 0n ? `${name} ` : '')).join('')}]`;

const CODE_WIDTH = 44;

class TextSteps implements Steps {
  readonly #code = new Map<bigint, string>();
  readonly #listed = new Set<LinkedProgram>();
  readonly #lines = new Map<LinkedProgram, ReturnType<typeof sourceLines>>();
  #last = '';

  constructor(
    private readonly syntax: Syntax,
    private readonly symbol: (address: bigint) => string | undefined,
    private readonly registers: boolean,
  ) {}

  begin(program: string, note: string): void {
    write(`${program}: ${note}\n`);
  }

  stop(cpu: DebugCpu): void {
    this.#last = '';
    if (cpu.breakpoints.length > 0) write(`\nstopped at ${hex(cpu.ip)} after ${cpu.steps} instructions\n`);
    if (!this.registers) return;
    const rows = Object.entries(cpu.registers()).map(([name, value]) => `${name.padEnd(4)} ${hex(value)}`);
    write(`${[...rows, `flags ${flagNames(cpu.flags)}`].join('\n')}\n`);
  }

  step({ ip, place, insn, changed, flags, faults }: TraceStep): void {
    if (place) this.#heading(place.program, insn);
    const where = place ? `<+0x${place.offset.toString(16)}>` : '';
    const after = [
      ...Object.entries(changed).map(([name, value]) => `${name}=${hex(value)}`),
      ...(flags === null ? [] : [`flags=${flagNames(flags)}`]),
    ].join(' ');
    const text = `${hex(ip)} ${where.padEnd(9)} ${this.#codeAt(ip, place?.program)}`;
    write(`${after === '' ? text : `${text.padEnd(CODE_WIDTH + 28)} ${after}`}`.trimEnd() + '\n');
    for (const fault of faults) write(`    ${faultText(fault)}\n`);
  }

  end({ result, steps }: DebugCpu): void {
    if (!result) return write(`stopped after ${steps} instructions\n`);
    if (result.oops) write(`${result.oops.lines.join('\n')}\n`);
    write(
      `r0 = ${hex(result.r0)} after ${result.steps} instructions, ${result.faults.length} loads that faulted\n`,
    );
  }

  #heading(program: LinkedProgram, insn: number): void {
    const key = `${program.id} ${insn}`;
    if (insn < 0 || key === this.#last) return;
    this.#last = key;
    const { verified } = program;
    let lines = this.#lines.get(program);
    if (!lines) this.#lines.set(program, (lines = sourceLines(verified)));
    const line = lines.get(insn);
    if (line) write(`; ${line.source.trim()}  (${line.file}:${line.line})\n`);
    write(`${String(insn).padStart(5)}: ${disassemble(verified.insns, insn)}\n`);
  }

  #codeAt(ip: bigint, program: LinkedProgram | undefined): string {
    if (program && !this.#listed.has(program)) {
      this.#listed.add(program);
      for (const { address, code } of program.images)
        for (const { offset, text } of disassembleX86(code, address, this.syntax, this.symbol))
          this.#code.set(address + BigInt(offset), text);
    }
    return this.#code.get(ip) ?? this.symbol(ip) ?? '';
  }
}

function faultText({ kind, address, register, entry, length }: FaultRecord): string {
  if (kind === 'guard') return `guard: ${hex(address)} is refused, ${register} = 0`;
  const repair = register === null ? 'nothing zeroed' : `${register} = 0`;
  return `#${kind.toUpperCase()} at ${hex(address)}: extable[${entry}]: ${repair}, ${length} bytes skipped`;
}
