import { disassemble } from '../asm/kernel-dialect.js';
import type { JitImage } from '../jit/jit-image.js';
import type { LineInfo, ProgramSpec } from '../program/program-spec.js';
import type { GuestAddress } from '../quantities.js';
import type { VerifiedFunction, VerifiedProgram } from '../verifier/verified-program.js';
import type { Kernel } from '../runtime/kernel.js';
import type { LoadedProgram } from '../runtime/loaded-program.js';
import type { Syntax, X86Disassembler } from './x86.js';

/** x86 register names by number. */
export const X86_REGISTERS = [
  'rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15',
]; // prettier-ignore

/** One BPF instruction with what it became. */
export interface ListingRow {
  readonly insn: number;
  readonly bpf: string;
  readonly source: LineInfo | null;
  readonly x86: readonly { readonly offset: number; readonly bytes: string; readonly text: string }[];
  readonly entries: readonly {
    readonly index: number;
    readonly offset: number;
    readonly length: number;
    readonly register: string | null;
  }[];
}

export interface ListingFunction {
  readonly symbol: string;
  readonly entry: GuestAddress;
  readonly length: number;
  readonly passes: number;
  readonly extableOffset: number;
  readonly prologue: ListingRow['x86'];
  readonly rows: readonly ListingRow[];
}

export interface ListingOptions {
  readonly disassemble: X86Disassembler;
  readonly syntax: Syntax;
  readonly symbol: (address: GuestAddress) => string | undefined;
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** Line records by the slot of the rewritten program at which each begins. */
export function sourceLines(program: VerifiedProgram): Map<number, LineInfo> {
  const byOrigin = new Map(program.spec.lineInfo.map((info) => [info.insn, info]));
  const lines = new Map<number, LineInfo>();
  let last = -1;
  program.origin.forEach((origin, insn) => {
    const info = origin === last ? undefined : byOrigin.get(origin);
    last = origin;
    if (info) lines.set(insn, info);
  });
  return lines;
}

/** The line record that covers a slot of the submitted program. */
export function sourceLineOfOrigin(spec: ProgramSpec, origin: number): LineInfo | null {
  let best: LineInfo | null = null;
  for (const info of spec.lineInfo) if (info.insn <= origin && (!best || info.insn >= best.insn)) best = info;
  return best;
}

/** The line record that covers a slot of the rewritten program. */
export function sourceLineOf(program: VerifiedProgram, insn: number): LineInfo | null {
  return sourceLineOfOrigin(program.spec, program.origin[insn]);
}

/** Names of the addresses that code of a kernel calls and jumps to. */
export function symbolNames(kernel: Kernel): (address: GuestAddress) => string | undefined {
  return (address) => {
    const hit = kernel.lookup(address);
    if (hit) return hit.offset === 0 ? hit.ksym.name : undefined;
    return kernel.profile.symbols.name(address) ?? kernel.text.name(address);
  };
}

/** The listings of a program's functions; none when the JIT refused it. */
export function listProgram(program: LoadedProgram, options: ListingOptions): ListingFunction[] {
  const { verified, images } = program;
  if (images.length === 0) return [];
  return verified.functions.map((func, index) => listFunction(verified, func, images[index], options));
}

/** Brings BPF, x86 and exception entries of one function together. */
export function listFunction(
  program: VerifiedProgram,
  func: VerifiedFunction,
  image: JitImage,
  options: ListingOptions,
): ListingFunction {
  const x86 = options.disassemble(image.code, image.entry, options.syntax, options.symbol).map((line) => ({
    offset: line.offset,
    bytes: hex(line.bytes),
    text: line.text,
  }));
  const between = (from: number, to: number) => x86.filter((line) => line.offset >= from && line.offset < to);
  const lines = sourceLines(program);
  const rows: ListingRow[] = [];
  for (let slot = 0; slot < func.end - func.start; slot++) {
    const insn = func.start + slot;
    const wide = program.insns[insn * 8] === 0x18;
    rows.push({
      insn,
      bpf: disassemble(program.insns, insn),
      source: lines.get(insn) ?? null,
      x86: between(image.offsets[slot], image.offsets[slot + (wide ? 2 : 1)]),
      entries: image.entries
        .map((entry, index) => ({ entry, index }))
        .filter(({ entry }) => entry.insn === slot)
        .map(({ entry, index }) => ({
          index,
          offset: entry.ipOffset,
          length: entry.length,
          register: entry.register === null ? null : X86_REGISTERS[entry.register],
        })),
    });
    if (wide) slot++;
  }
  return {
    symbol: `bpf_prog_${func.tag}_${func.name}`,
    entry: image.entry,
    length: image.code.length,
    passes: image.passes,
    extableOffset: image.extableOffset,
    prologue: between(0, image.offsets[0]),
    rows,
  };
}

const LEFT = 46;

/** The listing as text: BPF on the left, x86 on the right, exception entries and source lines between. */
export function renderListing(listing: ListingFunction, bytes: boolean): string {
  const out: string[] = [];
  const entries = listing.rows.reduce((sum, row) => sum + row.entries.length, 0);
  out.push(
    `${listing.symbol}: 0x${listing.entry.toString(16)}, ${listing.length} bytes, ${listing.passes} passes, ` +
      `${entries} exception ${entries === 1 ? 'entry' : 'entries'} at +0x${listing.extableOffset.toString(16)}`,
  );
  const line = (left: string, x86?: ListingRow['x86'][number]) => {
    const right = x86
      ? `+0x${x86.offset.toString(16).padEnd(4)} ${bytes ? `${x86.bytes.padEnd(30)} ` : ''}${x86.text}`
      : '';
    out.push(`${left.padEnd(LEFT)}${right}`.trimEnd());
  };
  listing.prologue.forEach((x86, at) => line(at === 0 ? '      (prologue)' : '', x86));
  for (const row of listing.rows) {
    if (row.source) out.push(`; ${row.source.source.trim()}  (${row.source.file}:${row.source.line})`);
    const left = `${String(row.insn).padStart(5)}: ${row.bpf}`;
    if (row.x86.length === 0) line(left);
    row.x86.forEach((x86, at) => {
      line(at === 0 ? left : '', x86);
      for (const entry of row.entries)
        if (entry.offset === x86.offset)
          out.push(
            `${''.padEnd(LEFT)}       extable[${entry.index}]: on a fault ` +
              `${entry.register === null ? 'nothing' : entry.register} = 0, skip ${entry.length} bytes, ` +
              `resume at +0x${(entry.offset + entry.length).toString(16)}`,
          );
    });
  }
  return `${out.join('\n')}\n`;
}
