export const MAX_FRAMES = 8;
/** Bytes of a stack slot. */
export const SLOT_BYTES = 8;

/** What is looked for while walking back: registers and slots, a mask per frame. */
export class Wanted {
  readonly regs = new Int32Array(MAX_FRAMES);
  readonly slotsLow = new Int32Array(MAX_FRAMES);
  readonly slotsHigh = new Int32Array(MAX_FRAMES);
  frame = 0;

  /** Nothing is wanted, of any frame up to `frame`. */
  clear(frame: number): void {
    this.frame = frame;
    this.regs.fill(0);
    this.slotsLow.fill(0);
    this.slotsHigh.fill(0);
  }

  get empty(): boolean {
    for (let i = 0; i <= this.frame; i++) {
      if (this.regs[i] !== 0 || this.slotsLow[i] !== 0 || this.slotsHigh[i] !== 0) return false;
    }
    return true;
  }

  get noSlots(): boolean {
    return this.slotsLow[this.frame] === 0 && this.slotsHigh[this.frame] === 0;
  }

  has(reg: number): boolean {
    return ((this.regs[this.frame] >> reg) & 1) !== 0;
  }

  add(reg: number): void {
    this.regs[this.frame] |= 1 << reg;
  }

  drop(reg: number): void {
    this.regs[this.frame] &= ~(1 << reg);
  }

  hasSlot(frame: number, slot: number): boolean {
    return (
      (slot < 32 ? (this.slotsLow[frame] >> slot) & 1 : (this.slotsHigh[frame] >> (slot - 32)) & 1) !== 0
    );
  }

  /** Lowest slot wanted, from `slot` on; -1 = none. */
  nextSlot(frame: number, slot: number): number {
    if (slot < 32) {
      const low = this.slotsLow[frame] & (-1 << slot);
      if (low !== 0) return 31 - Math.clz32(low & -low);
      slot = 32;
    }
    const high = slot < 64 ? this.slotsHigh[frame] & (-1 << (slot - 32)) : 0;
    return high !== 0 ? 63 - Math.clz32(high & -high) : -1;
  }

  addSlot(frame: number, slot: number): void {
    if (slot < 32) this.slotsLow[frame] |= 1 << slot;
    else this.slotsHigh[frame] |= 1 << (slot - 32);
  }

  dropSlot(frame: number, slot: number): void {
    if (slot < 32) this.slotsLow[frame] &= ~(1 << slot);
    else this.slotsHigh[frame] &= ~(1 << (slot - 32));
  }

  regsText(frame: number): string {
    const names: string[] = [];
    for (let i = 0; i < 11; i++) if ((this.regs[frame] >> i) & 1) names.push(`r${i}`);
    return names.join(',');
  }

  slotsText(frame: number): string {
    const names: string[] = [];
    for (let i = 0; i < 64; i++) if (this.hasSlot(frame, i)) names.push(`-${(i + 1) * SLOT_BYTES}`);
    return names.join(',');
  }
}
