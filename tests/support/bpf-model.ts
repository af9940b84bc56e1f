// An independent model of the BPF instruction set in BigInt, written from RFC 9669: slow and plain. It knows no
// calls; memory is a map of bytes.

const MASK = (1n << 64n) - 1n;
const MASK32 = (1n << 32n) - 1n;

const signed = (value: bigint, bits: number): bigint => BigInt.asIntN(bits, value);

const abs = (value: bigint): bigint => (value < 0n ? -value : value);

/** Result of an ALU operation (opcode & 0xf0) in `bits` bits; `off` selects the variant. */
export function modelAlu(op: number, bits: 32 | 64, dst: bigint, src: bigint, off: number): bigint {
  const mask = bits === 64 ? MASK : MASK32;
  const a = dst & mask;
  const b = src & mask;
  const sa = signed(a, bits);
  const sb = signed(b, bits);
  const shift = b & BigInt(bits - 1);
  const compute = (): bigint => {
    switch (op) {
      case 0x00:
        return a + b;
      case 0x10:
        return a - b;
      case 0x20:
        return a * b;
      case 0x30: {
        if (b === 0n) return 0n;
        if (off !== 1) return a / b;
        const quotient = abs(sa) / abs(sb);
        return sa < 0n !== sb < 0n ? -quotient : quotient;
      }
      case 0x40:
        return a | b;
      case 0x50:
        return a & b;
      case 0x60:
        return a << shift;
      case 0x70:
        return a >> shift;
      case 0x80:
        return -a;
      case 0x90: {
        if (b === 0n) return a;
        if (off !== 1) return a % b;
        const remainder = abs(sa) % abs(sb);
        return sa < 0n ? -remainder : remainder;
      }
      case 0xa0:
        return a ^ b;
      case 0xb0:
        return off === 0 ? b : signed(b, off);
      case 0xc0:
        return sa >> shift;
      default:
        throw new Error(`no ALU operation ${op}`);
    }
  };
  return compute() & mask;
}

/** Bytes of the low `bits` bits in reverse order. */
export function modelSwap(value: bigint, bits: number): bigint {
  let result = 0n;
  for (let at = 0; at < bits; at += 8) result = (result << 8n) | ((value >> BigInt(at)) & 0xffn);
  return result;
}

/** Whether a jump (opcode & 0xf0) is taken. */
export function modelJump(op: number, bits: 32 | 64, dst: bigint, src: bigint): boolean {
  const mask = bits === 64 ? MASK : MASK32;
  const a = dst & mask;
  const b = src & mask;
  const sa = signed(a, bits);
  const sb = signed(b, bits);
  switch (op) {
    case 0x00:
      return true;
    case 0x10:
      return a === b;
    case 0x20:
      return a > b;
    case 0x30:
      return a >= b;
    case 0x40:
      return (a & b) !== 0n;
    case 0x50:
      return a !== b;
    case 0x60:
      return sa > sb;
    case 0x70:
      return sa >= sb;
    case 0xa0:
      return a < b;
    case 0xb0:
      return a <= b;
    case 0xc0:
      return sa < sb;
    case 0xd0:
      return sa <= sb;
    default:
      throw new Error(`no jump ${op}`);
  }
}

/** New value in memory and value the source (or R0) gets; null = it keeps its own. */
export function modelAtomic(
  imm: number,
  bits: 32 | 64,
  old: bigint,
  src: bigint,
  r0: bigint,
): { memory: bigint; fetched: bigint | null } {
  const mask = bits === 64 ? MASK : MASK32;
  if (imm === 0xe1) return { memory: src & mask, fetched: old };
  if (imm === 0xf1) return { memory: old === (r0 & mask) ? src & mask : old, fetched: old };
  return {
    memory: modelAlu(imm & 0xf0, bits, old, src, 0),
    fetched: (imm & 1) === 1 ? old : null,
  };
}

/** Memory of the model: bytes by address. */
export class ModelMemory {
  readonly bytes = new Map<bigint, number>();

  read(address: bigint, size: number): bigint {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--)
      value = (value << 8n) | BigInt(this.bytes.get((address + BigInt(i)) & MASK) ?? 0);
    return value;
  }

  write(address: bigint, size: number, value: bigint): void {
    for (let i = 0; i < size; i++)
      this.bytes.set((address + BigInt(i)) & MASK, Number((value >> BigInt(8 * i)) & 0xffn));
  }
}

const SIZES = [4, 2, 1, 8];

/** Runs instructions without calls from slot 0 until exit; answers R0 to R9. `observe` sees what each one meets. */
export function modelRun(
  insns: Uint8Array,
  registers: bigint[],
  memory: ModelMemory,
  observe?: (pc: number, registers: readonly bigint[]) => void,
): bigint[] {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const r = registers;
  for (let pc = 0, steps = 0; ; pc++) {
    if (++steps > 100_000) throw new Error('model: no end');
    observe?.(pc, r);
    const at = pc * 8;
    const opcode = view.getUint8(at);
    const dst = view.getUint8(at + 1) & 15;
    const src = view.getUint8(at + 1) >> 4;
    const off = view.getInt16(at + 2, true);
    const imm = view.getInt32(at + 4, true);
    const size = SIZES[(opcode >> 3) & 3];
    const isX = (opcode & 8) !== 0;
    const operand = isX ? r[src] : BigInt.asUintN(64, BigInt(imm));
    const op = opcode & 0xf0;
    switch (opcode & 7) {
      case 0:
        r[dst] = BigInt(view.getUint32(at + 4, true)) | (BigInt(view.getUint32(at + 12, true)) << 32n);
        pc++;
        break;
      case 1: {
        const value = memory.read((r[src] + BigInt(off)) & MASK, size);
        const isSigned = (opcode & 0xe0) === 0x80;
        r[dst] = isSigned ? signed(value, size * 8) & MASK : value;
        break;
      }
      case 2:
        memory.write((r[dst] + BigInt(off)) & MASK, size, operandOf(imm));
        break;
      case 3: {
        const address = (r[dst] + BigInt(off)) & MASK;
        if ((opcode & 0xe0) !== 0xc0) {
          memory.write(address, size, r[src]);
          break;
        }
        const bits = size === 8 ? 64 : 32;
        const result = modelAtomic(imm, bits, memory.read(address, size), r[src], r[0]);
        memory.write(address, size, result.memory);
        if (result.fetched !== null) r[imm === 0xf1 ? 0 : src] = result.fetched;
        break;
      }
      case 4:
      case 7: {
        const bits = (opcode & 7) === 7 ? 64 : 32;
        if (op !== 0xd0) r[dst] = modelAlu(op, bits, r[dst], operand, off);
        else if (bits === 64 || isX) r[dst] = modelSwap(r[dst], imm);
        else r[dst] &= (1n << BigInt(imm)) - 1n;
        break;
      }
      default: {
        if (opcode === 0x95) return r.slice(0, 10);
        const bits = (opcode & 7) === 5 ? 64 : 32;
        if (modelJump(op, bits, r[dst], operand)) pc += opcode === 0x06 ? imm : off;
      }
    }
  }
}

const operandOf = (imm: number): bigint => BigInt.asUintN(64, BigInt(imm));
