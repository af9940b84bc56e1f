/** One instruction of a function body: its opcode and, of a call, the function. */
export interface WasmOp {
  readonly opcode: number;
  readonly callee: number | null;
}

/** Bodies of a module's functions, those imported not counted. */
export function bodiesOf(module: Uint8Array): WasmOp[][] {
  let at = 8;
  const u32 = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  };
  const bodies: WasmOp[][] = [];
  while (at < module.length) {
    const id = module[at++];
    const size = u32();
    const end = at + size;
    if (id === 10)
      for (let count = u32(); count > 0; count--) {
        const length = u32();
        const last = at + length;
        for (let groups = u32(); groups > 0; groups--) {
          u32();
          at++;
        }
        const ops: WasmOp[] = [];
        while (at < last) {
          const opcode = module[at++];
          ops.push({ opcode, callee: opcode === 0x10 ? u32() : null });
          skipImmediates(opcode);
        }
        bodies.push(ops);
      }
    at = end;
  }
  return bodies;

  function skipImmediates(opcode: number): void {
    if (opcode === 0x02 || opcode === 0x03 || opcode === 0x04) at++;
    else if (opcode === 0x0c || opcode === 0x0d || (opcode >= 0x20 && opcode <= 0x24)) u32();
    else if (opcode === 0x0e) for (let targets = u32() + 1; targets > 0; targets--) u32();
    else if (opcode === 0x11 || (opcode >= 0x28 && opcode <= 0x3e)) {
      u32();
      u32();
    } else if (opcode === 0x41 || opcode === 0x42) while (module[at++] >= 0x80);
    else if (opcode === 0xfd) {
      const vector = u32();
      if (vector === 12) at += 16;
      else if (vector === 29) at++;
      else if (vector !== 14 && vector !== 18) throw new Error(`vector instruction ${vector}`);
    }
  }
}
