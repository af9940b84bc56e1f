import { type Conversion, loadThrough } from './conversion.js';

/** Offsets in struct bpf_perf_event_data, bytes: struct pt_regs first. */
export const Perf = { SAMPLE_PERIOD: 168, ADDR: 176, SIZE: 184 } as const;

/** struct bpf_perf_event_data is a struct bpf_perf_event_data_kern. */
export function convertPerfEvent(access: Conversion): number {
  const { offsets } = access;
  const data = (): number => offsets.of('bpf_perf_event_data_kern', 'data');
  switch (access.offset) {
    case Perf.SAMPLE_PERIOD:
      return loadThrough(access, 8, data(), offsets.of('perf_sample_data', 'period'));
    case Perf.ADDR:
      return loadThrough(access, 8, data(), offsets.of('perf_sample_data', 'addr'));
    default:
      return loadThrough(access, 8, offsets.of('bpf_perf_event_data_kern', 'regs'), access.offset);
  }
}
