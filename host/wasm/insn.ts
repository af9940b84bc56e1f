import { INSN_SIZE } from '../../assembly/isa.js';
import type { InsnIndex } from '../quantities.js';

/** One instruction slot, read in place. */
export class Insn {
  slot: InsnIndex = 0;
  opcode = 0;
  dst = 0;
  src = 0;
  off = 0;
  imm = 0;

  constructor(private readonly view: DataView) {}

  at(slot: InsnIndex): this {
    const at = slot * INSN_SIZE;
    const registers = this.view.getUint8(at + 1);
    this.slot = slot;
    this.opcode = this.view.getUint8(at);
    this.dst = registers & 15;
    this.src = registers >> 4;
    this.off = this.view.getInt16(at + 2, true);
    this.imm = this.view.getInt32(at + 4, true);
    return this;
  }

  /** The upper half of ld_imm64. */
  get nextImm(): number {
    return this.view.getInt32((this.slot + 1) * INSN_SIZE + 4, true);
  }

  get klass(): number {
    return this.opcode & 7;
  }

  get operation(): number {
    return this.opcode & 0xf0;
  }

  get mode(): number {
    return this.opcode & 0xe0;
  }

  /** The operand is a register. */
  get isX(): boolean {
    return (this.opcode & 8) !== 0;
  }

  /** Log2 of the bytes that a load or store moves. */
  get widthLog(): number {
    return WIDTHS[(this.opcode >> 3) & 3];
  }
}

const WIDTHS = [2, 1, 0, 3];
