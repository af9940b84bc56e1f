import { Code, Decoder, DecoderOptions, type Instruction, Mnemonic, OpKind, Register } from 'iced-x86';
import type { JitImage } from '../../../host/jit/jit-image.js';
import type { Case } from './case.js';

const LEGACY_PREFIXES = new Set([0x65, 0x66, 0xf0, 0xf2, 0xf3]);

/** The x86 instruction as the encoder sees it: opcode, kind of memory operand, which registers need a prefix bit. */
function encoderForm(x86: Instruction, bytes: Uint8Array): string {
  return `${Code[x86.code]}${memoryForm(x86)}${prefixForm(bytes)}`;
}

function memoryForm(x86: Instruction): string {
  let isMemory = false;
  for (let operand = 0; operand < x86.opCount; operand++)
    if (x86.opKind(operand) === OpKind.Memory) isMemory = true;
  if (!isMemory) return '';
  if (x86.memoryBase === Register.RIP) return ' [rip]';
  const index = x86.memoryIndex === Register.None ? '' : '+index';
  const base = x86.memoryBase === Register.None ? 'none' : 'base';
  return ` [${base}${index}+disp${8 * displacementSize(x86)}]`;
}

const displacementSize = (x86: Instruction): number => (x86.memoryDisplSize > 1 ? 4 : x86.memoryDisplSize);

/** Bits R, X and B of REX or VEX. */
function prefixForm(bytes: Uint8Array): string {
  let at = 0;
  while (LEGACY_PREFIXES.has(bytes[at])) at++;
  let bits = 0;
  if ((bytes[at] & 0xf0) === 0x40) bits = bytes[at] & 7;
  else if (bytes[at] === 0xc4) bits = (~bytes[at + 1] >> 5) & 7;
  return bits === 0 ? '' : ` ${(bits & 4 ? 'R' : '') + (bits & 2 ? 'X' : '') + (bits & 1 ? 'B' : '')}`;
}

function* decode(code: Uint8Array): Generator<{ form: string; mnemonic: string }> {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  try {
    let at = 0;
    while (decoder.canDecode) {
      const x86 = decoder.decode();
      const bytes = code.subarray(at, at + x86.length);
      yield { form: encoderForm(x86, bytes), mnemonic: Mnemonic[x86.mnemonic].toLowerCase() };
      at += x86.length;
      x86.free();
    }
  } finally {
    decoder.free();
  }
}

/** Instructions behind a jump or return, which only stop speculation. */
const NEVER_RUN = /^(Int3|Ud2)/;

/** Which encoder forms and which BPF instructions have run, of those there are. */
export class Coverage {
  /** Encoder form to how often it ran; a mnemonic to its forms. */
  readonly #x86 = new Map<string, number>();
  readonly #mnemonics = new Map<string, Set<string>>();
  readonly #bpf = new Map<string, number>();
  #missing = 0;

  /** Adds what a sweep over all instructions emits. */
  expect(images: readonly JitImage[], forms: Iterable<string>): void {
    for (const image of images)
      for (const { form, mnemonic } of decode(image.code)) {
        if (NEVER_RUN.test(form) || this.#x86.has(form)) continue;
        this.#x86.set(form, 0);
        const all = this.#mnemonics.get(mnemonic) ?? new Set();
        this.#mnemonics.set(mnemonic, all.add(form));
        this.#missing++;
      }
    for (const form of forms) if (!this.#bpf.has(form)) this.#bpf.set(form, 0);
  }

  /** Counts what a case that no fault ended surely ran. */
  add({ forms, unsure, images, stops }: Case): void {
    for (const { form } of forms) this.#bpf.set(form.name, (this.#bpf.get(form.name) ?? 0) + 1);
    if (this.#missing === 0) return;
    const [{ code, offsets }] = images;
    this.#count(code.subarray(0, offsets[0]));
    for (const { from, to } of forms)
      for (let slot = from; slot < to; slot++)
        if (unsure[slot] === 0) this.#count(code.subarray(offsets[slot], offsets[slot + 1]));
    const slots = offsets.length - 1;
    if (!stops) this.#count(code.subarray(offsets[slots - 1], offsets[slots]));
    for (const sub of images.slice(1)) this.#count(sub.code.subarray(0, sub.offsets[0]));
  }

  #count(code: Uint8Array): void {
    for (const { form } of decode(code)) {
      const before = this.#x86.get(form);
      if (before === undefined) continue;
      if (before === 0) this.#missing--;
      this.#x86.set(form, before + 1);
    }
  }

  /** Forms that never ran. */
  missing(): string[] {
    return [...this.#x86, ...this.#bpf].filter(([, count]) => count === 0).map(([form]) => form);
  }

  table(): string {
    const lines = [`${'BPF instruction'.padEnd(28)}${'cases'.padStart(10)}`];
    for (const [form, count] of [...this.#bpf].sort())
      lines.push(`${form.padEnd(28)}${String(count).padStart(10)}`);
    lines.push('', `${'x86 encoder forms'.padEnd(28)}${'reached'.padStart(10)}${'of'.padStart(6)}`);
    let reached = 0;
    for (const [mnemonic, forms] of [...this.#mnemonics].sort()) {
      const ran = [...forms].filter((form) => (this.#x86.get(form) ?? 0) > 0).length;
      reached += ran;
      lines.push(`${mnemonic.padEnd(28)}${String(ran).padStart(10)}${String(forms.size).padStart(6)}`);
    }
    const share = ((100 * reached) / this.#x86.size).toFixed(1);
    lines.push(
      `${'all'.padEnd(28)}${String(reached).padStart(10)}${String(this.#x86.size).padStart(6)}  ${share} %`,
    );
    return lines.join('\n');
  }
}
