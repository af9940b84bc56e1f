import { code, insn } from './interp.js';

/** Place in a program that jumps and calls name before it is known. */
export type Label = symbol;

interface Reference {
  readonly slot: number;
  readonly label: Label;
  /** Where the distance goes: jump offset, or immediate of calls and function addresses. */
  readonly field: 'off' | 'imm';
}

/** Instructions with labels. */
export class ProgramBuilder {
  private readonly parts: Uint8Array[] = [];
  private readonly places = new Map<Label, number>();
  private readonly references: Reference[] = [];
  private slots = 0;

  label(): Label {
    return Symbol('label');
  }

  emit(...parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      this.parts.push(part);
      this.slots += part.length / 8;
    }
  }

  place(label: Label): void {
    this.places.set(label, this.slots);
  }

  /** Slot of a label that has been placed. */
  slotOf(label: Label): number | undefined {
    return this.places.get(label);
  }

  jump(opcode: number, dst: number, src: number, imm: number, label: Label): void {
    this.references.push({ slot: this.slots, label, field: 'off' });
    this.emit(insn(opcode, dst, src, 0, imm));
  }

  call(label: Label): void {
    this.references.push({ slot: this.slots, label, field: 'imm' });
    this.emit(insn(0x85, 0, 1));
  }

  /** `dst` = address of a function. */
  functionAddress(dst: number, label: Label): void {
    this.references.push({ slot: this.slots, label, field: 'imm' });
    this.emit(insn(0x18, dst, 4), insn(0));
  }

  build(): Uint8Array {
    const bytes = code(...this.parts);
    const view = new DataView(bytes.buffer);
    for (const { slot, label, field } of this.references) {
      const distance = this.places.get(label)! - slot - 1;
      if (field === 'off') view.setInt16(slot * 8 + 2, distance, true);
      else view.setInt32(slot * 8 + 4, distance, true);
    }
    return bytes;
  }
}
