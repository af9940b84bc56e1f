import { ProgramError, UsageError } from '../errors.js';
import type { BpfMap } from '../maps/bpf-map.js';
import type { ObjectSpec, ProgramSpec } from '../program/program-spec.js';
import type { Kernel, LoadOptions } from './kernel.js';
import type { LoadedProgram } from './loaded-program.js';

/** An object in a kernel: its maps, and its programs, which are loaded when first asked for. */
export class LoadedObject {
  readonly maps: readonly BpfMap[];
  readonly #programs = new Map<string, LoadedProgram>();

  constructor(
    private readonly kernel: Kernel,
    readonly spec: ObjectSpec,
    private readonly options: LoadOptions,
  ) {
    this.maps = spec.maps.map((map) => kernel.createMap(map));
    this.#fillSlots();
  }

  /** Names of the object's programs. */
  get programNames(): string[] {
    return this.spec.programs.map(({ name }) => name);
  }

  /**
   * The program of this name, loaded now if it was not.
   *
   * @throws UsageError USAGE_PROGRAM for an unknown name; VerifierError when it is rejected.
   */
  program(name: string): LoadedProgram {
    const known = this.#programs.get(name);
    if (known) return known;
    const loaded = this.kernel.load(this.#spec(name), this.maps, this.options);
    this.#programs.set(name, loaded);
    return loaded;
  }

  /** Every program of the object, loaded. */
  programs(): LoadedProgram[] {
    return this.programNames.map((name) => this.program(name));
  }

  /** The map of this name. @throws UsageError USAGE_MAP. */
  map(name: string): BpfMap {
    const found = this.maps.find((map) => map.spec.name === name);
    if (found) return found;
    const names = this.maps.map((map) => map.spec.name).join(', ');
    throw new UsageError(
      'USAGE_MAP',
      `object ${this.spec.name}: expected one of the maps ${names}, found "${name}"`,
    );
  }

  /** Unloads programs and maps and gives their memory back. */
  close(): void {
    for (const program of this.#programs.values()) program.close();
    this.#programs.clear();
    for (const map of this.maps) this.kernel.closeMap(map);
  }

  #spec(name: string): ProgramSpec {
    const found = this.spec.programs.find((program) => program.name === name);
    if (found) return found;
    throw new UsageError(
      'USAGE_PROGRAM',
      `object ${this.spec.name}: expected one of the programs ${this.programNames.join(', ')}, found "${name}"`,
    );
  }

  /** Elements that the object's definitions set: inner maps at once, programs by loading them. */
  #fillSlots(): void {
    for (const [at, map] of this.maps.entries()) {
      for (const { index, map: inner, program } of this.spec.maps[at]!.contents ?? []) {
        if (inner !== undefined) {
          const target = this.maps[inner];
          if (!target)
            throw new ProgramError(
              'PROGRAM_MAP',
              `map "${map.spec.name}"[${index}]: expected a map of the object, found index ${inner}`,
            );
          map.update(index, target);
        } else if (program !== undefined) map.update(index, this.program(program));
      }
    }
  }
}
