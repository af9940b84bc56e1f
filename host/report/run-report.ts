import type { BpfMap } from '../maps/bpf-map.js';
import type { LoadedProgram } from '../runtime/loaded-program.js';
import type { FaultRecord, RunResult } from '../runtime/run-result.js';
import { userEntries } from '../runtime/user-view.js';
import { btfValue, hex, renderValue } from './btf-value.js';
import type { BtfValue } from './btf-value.js';
import { sourceLineOf } from './listing.js';

/** One repaired fault, resolved to where it happened. */
export interface FaultReport {
  readonly kind: FaultRecord['kind'];
  readonly address: string;
  readonly ip: string | null;
  readonly symbol: string;
  readonly insn: number;
  readonly source: { readonly file: string; readonly line: number; readonly text: string } | null;
  readonly entry: number | null;
  readonly register: string | null;
  readonly skipped: number;
  readonly resume: string | null;
}

/** One run of one program. */
export interface RunReport {
  readonly engine: string;
  /** Engines that ran and agreed. */
  readonly engines: readonly string[];
  readonly note: string;
  readonly r0: string;
  readonly retval: number;
  readonly steps: number;
  readonly faults: readonly FaultReport[];
  readonly oops: readonly string[] | null;
}

/** One program: how it was loaded, and its runs. */
export interface ProgramReport {
  readonly program: string;
  readonly section: string;
  readonly verifiedInsns: number;
  readonly probeLoads: number;
  readonly image: {
    readonly address: string;
    readonly size: number;
    readonly extableOffset: number;
    readonly entries: number;
  } | null;
  /** Why the program has no image. */
  readonly fallback: string | null;
  readonly runs: readonly RunReport[];
}

export interface MapReport {
  readonly map: string;
  readonly entries: readonly { readonly key: BtfValue; readonly value: BtfValue }[];
}

const address = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

export function programReport(program: LoadedProgram, runs: readonly RunReport[]): ProgramReport {
  const [image] = program.images;
  return {
    program: program.name,
    section: program.verified.spec.section,
    verifiedInsns: program.verified.verifiedInsns,
    probeLoads: program.verified.numExentries,
    image: image
      ? {
          address: address(image.entry),
          size: image.code.length,
          extableOffset: image.extableOffset,
          entries: image.entries.length,
        }
      : null,
    fallback: program.jitError?.message ?? null,
    runs,
  };
}

export function runReport(
  program: LoadedProgram,
  result: RunResult,
  engines: readonly string[],
  note: string,
): RunReport {
  return {
    engine: result.engine,
    engines,
    note,
    r0: `0x${result.r0.toString(16)}`,
    retval: result.retval,
    steps: Number(result.steps),
    faults: result.faults.map((fault) => faultReport(program, fault)),
    oops: result.oops?.lines ?? null,
  };
}

function faultReport(program: LoadedProgram, fault: FaultRecord): FaultReport {
  const image = program.images[fault.func];
  const func = program.verified.functions[fault.func];
  const line = sourceLineOf(program.verified, fault.insn);
  const symbol = `bpf_prog_${func.tag}_${func.name}`;
  return {
    kind: fault.kind,
    address: address(fault.address),
    ip: image ? address(image.address + BigInt(fault.ipOffset)) : null,
    symbol: image ? `${symbol}+0x${fault.ipOffset.toString(16)}/0x${image.code.length.toString(16)}` : symbol,
    insn: fault.insn,
    source: line && { file: line.file, line: line.line, text: line.source.trim() },
    entry: fault.entry < 0 ? null : fault.entry,
    register: fault.register,
    skipped: fault.length,
    resume: image && fault.entry >= 0 ? address(image.address + BigInt(fault.ipOffset + fault.length)) : null,
  };
}

/** A map's entries, typed where its definition has types; entries of zeros are left out of arrays. */
export function mapReport(program: LoadedProgram, map: BpfMap): MapReport {
  const { btf } = program.verified.spec;
  const { keyType, valueType, name } = map.spec;
  const typed = (type: number | undefined, bytes: Uint8Array) =>
    btf && type ? btfValue(btf, type, bytes) : hex(bytes);
  return {
    map: name,
    entries: [...userEntries(map, btf)]
      .filter(([, value]) => value.some((byte) => byte !== 0))
      .map(([key, value]) => ({ key: typed(keyType, key), value: typed(valueType, value) })),
  };
}

const KINDS = { pf: '#PF', gp: '#GP', guard: 'guard' } as const;

/** At most `shown` faults of each run are spelled out. */
export function renderProgram(report: ProgramReport, shown: number): string {
  const out = [`${report.program} (${report.section})`];
  out.push(`  verified  ${report.verifiedInsns} instructions processed, ${report.probeLoads} PROBE loads`);
  if (report.image) {
    const { address: at, size, entries, extableOffset } = report.image;
    out.push(
      `  jited     ${size} bytes at ${at}, ${entries} exception entries at +0x${extableOffset.toString(16)}`,
    );
  }
  if (report.fallback !== null) {
    out.push(`  not jited ${report.fallback}`);
    out.push('            the program runs in the interpreter');
  }
  for (const run of report.runs) out.push(...renderRun(run, shown));
  return `${out.join('\n')}\n`;
}

function renderRun(run: RunReport, shown: number): string[] {
  const out = [`  run       on ${listed(run.engines)}${run.note ? `: ${run.note}` : ''}`];
  run.faults.slice(0, shown).forEach((fault, index) => out.push(...renderFault(fault, index + 1)));
  if (run.faults.length > shown)
    out.push(`    and ${run.faults.length - shown} more (--faults ${run.faults.length})`);
  if (run.oops) out.push(...run.oops.map((line) => `    ${line}`));
  const repaired = run.faults.filter(({ kind }) => kind !== 'guard').length;
  const refused = run.faults.length - repaired;
  const counts = [
    `${repaired} faults repaired`,
    ...(refused > 0 ? [`${refused} loads refused by the guard`] : []),
  ];
  const unit = run.engine === 'x86' ? 'x86 instructions' : 'BPF instructions';
  const agree = run.engines.length > 1 ? '; the engines agree on r0, faults and maps' : '';
  out.push(`    r0 = ${run.r0} after ${run.steps} ${unit}, ${counts.join(', ')}${agree}`);
  return out;
}

function renderFault(fault: FaultReport, number: number): string[] {
  const out: string[] = [];
  const where = fault.ip === null ? `insn ${fault.insn}` : `ip ${fault.ip}`;
  out.push(`    fault ${number}: ${KINDS[fault.kind]} reading ${fault.address}, ${where}, ${fault.symbol}`);
  if (fault.source) out.push(`      ${fault.source.file}:${fault.source.line}: ${fault.source.text}`);
  if (fault.kind === 'guard') out.push(`      refused before the load: ${fault.register} = 0`);
  else if (fault.entry !== null)
    out.push(
      `      extable[${fault.entry}]: ${fault.register ?? 'nothing'} = 0, ${fault.skipped} bytes skipped` +
        (fault.resume === null ? '' : `, resumed at ${fault.resume}`),
    );
  else out.push(`      ${fault.register} = 0`);
  return out;
}

export function renderMap(report: MapReport): string {
  const lines = report.entries.map(({ key, value }) => `    [${renderValue(key)}] ${renderValue(value)}`);
  return `  map ${report.map}\n${lines.length > 0 ? lines.join('\n') : '    (zeros)'}\n`;
}

/** a, b and c. */
function listed(names: readonly string[]): string {
  const [last, ...others] = [...names].reverse();
  return others.length === 0 ? last : `${others.reverse().join(', ')} and ${last}`;
}
