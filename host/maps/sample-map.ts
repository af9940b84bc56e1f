import { PointerArrayMap } from './pointer-array-map.js';

/** BPF_MAP_TYPE_PERF_EVENT_ARRAY: what programs output is kept for the host. */
export class SampleMap extends PointerArrayMap {
  #samples: Uint8Array[] = [];

  output(data: Uint8Array): void {
    this.#samples.push(data);
  }

  /** Takes the samples that programs output since the last call. */
  consume(): Uint8Array[] {
    const samples = this.#samples;
    this.#samples = [];
    return samples;
  }

  override snapshot(): () => void {
    const samples = [...this.#samples];
    return () => {
      this.#samples = [...samples];
    };
  }
}
