import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Request } from './protocol.js';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
/** The area the tests need may be taken where the kernel has put things at random; another process is luckier. */
const ATTEMPTS = 8;

/** Why the CPU of this computer cannot be asked; null when it can. */
export function obstacle(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs x86-64 Linux';
  try {
    createRequire(import.meta.url)('koffi');
    return null;
  } catch (error) {
    return `koffi cannot be loaded: ${(error as Error).message.split('\n')[0]}`;
  }
}

/** This computer's CPU has BMI2. */
export const hasBmi2 = (): boolean => / bmi2 /.test(readFileSync('/proc/cpuinfo', 'utf8'));

/** A child process that runs images. It dies with the first thing it did not expect. */
export class NativeCpu {
  private constructor(readonly child: ChildProcess) {}

  static async start(): Promise<NativeCpu> {
    for (let attempt = 1; ; attempt++) {
      const cpu = new NativeCpu(
        fork(CHILD, {
          serialization: 'advanced',
          execArgv: ['--import', 'tsx'],
          stdio: ['ignore', 1, 'pipe', 'ipc'],
        }),
      );
      try {
        await cpu.#reply();
        return cpu;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** One request at a time. */
  ask<T>(request: Request): Promise<T> {
    this.child.send(request);
    return this.#reply<T>();
  }

  close(): void {
    this.child.disconnect();
  }

  #reply<T>(): Promise<T> {
    const { child } = this;
    let errors = '';
    const note = (chunk: Buffer): void => void (errors += chunk.toString());
    return new Promise<T>((resolve, reject) => {
      const message = (value: unknown): void => {
        done();
        resolve(value as T);
      };
      const exit = (code: number | null, signal: string | null): void => {
        done();
        reject(new Error(`native process: ended with ${signal ?? code}: ${errors.trim().slice(-600)}`));
      };
      const done = (): void => {
        child.off('message', message).off('close', exit);
        child.stderr?.off('data', note);
      };
      child.on('message', message).on('close', exit);
      child.stderr?.on('data', note);
    });
  }
}
