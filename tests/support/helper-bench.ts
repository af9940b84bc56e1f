import assert from 'node:assert/strict';
import { findHelper } from '../../host/helpers/registry.js';
import { RunEnvironment, runScope } from '../../host/runtime/environment.js';
import type { Kernel } from '../../host/runtime/kernel.js';
import { testKernel } from './kernel.js';

/** Calls helpers as a program would, without a program. */
export class HelperBench {
  /** What callbacks were called with, and what they answer. */
  readonly callbacks: (readonly bigint[])[] = [];
  answer: (args: readonly bigint[]) => bigint = () => 0n;
  readonly env: RunEnvironment;

  private constructor(readonly kernel: Kernel) {
    this.env = new RunEnvironment(
      {
        memory: kernel.memory,
        btf: kernel.btf,
        text: kernel.text,
        objects: { at: (type: string, address: bigint) => kernel.at(type, address) } as never,
        perCpuOffset: 0x1000n,
        currentTask: kernel.current.address,
        trace: kernel.trace,
        mapAt: (address) => kernel.mapAt(address),
      },
      runScope(kernel.context.tracing([]), 0n, 0n),
      (_, args) => {
        this.callbacks.push(args);
        return this.answer(args);
      },
      1,
    );
  }

  static async open(): Promise<HelperBench> {
    return new HelperBench(await testKernel());
  }

  /** R0 as a signed number. */
  call(name: string, ...args: (bigint | number)[]): bigint {
    const helper = findHelper(name);
    assert.ok(helper, `${name} exists`);
    const registers = args.map((arg) => BigInt.asUintN(64, BigInt(arg)));
    while (registers.length < 5) registers.push(0n);
    return BigInt.asIntN(64, helper(this.env, registers));
  }

  /** The same as an address. */
  pointer(name: string, ...args: (bigint | number)[]): bigint {
    return BigInt.asUintN(64, this.call(name, ...args));
  }

  /** Address of bytes, or of text with its NUL. */
  place(value: string | Uint8Array): bigint {
    const content = typeof value === 'string' ? new TextEncoder().encode(`${value}\0`) : value;
    const address = this.kernel.memory.alloc('direct', Math.max(content.length, 1));
    this.kernel.memory.write(address, content);
    return address;
  }

  room(size: number): bigint {
    return this.kernel.memory.alloc('direct', size);
  }

  text(address: bigint, size: number): string {
    const content = this.kernel.memory.read(address, size);
    const end = content.indexOf(0);
    return new TextDecoder().decode(content.subarray(0, end < 0 ? size : end));
  }

  word(address: bigint, size: 1 | 2 | 4 | 8 = 8): bigint {
    return this.kernel.memory.readUint(address, size);
  }
}
