import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** What a real kernel answered for one program (tests/fixtures/goldens/README.md). */
export interface Golden {
  id: string;
  kernel: '6.12' | '6.1';
  profile: string;
  prog_type: number;
  prog_type_name: string;
  expected_attach_type: number;
  attach: { kind: string; target: string; btf_id: number } | null;
  prog_flags: number;
  insns_hex: string;
  maps?: GoldenMap[];
  map_fixups?: [number, number][];
  map_ids?: Record<string, number>;
  btf_hex?: string;
  func_info_hex?: string;
  verdict: 'accept' | 'reject';
  errno: number;
  log_tail?: string;
  log_len?: number;
  verified_insns?: number;
  tag?: string;
  xlated_hex?: string;
  funcs?: GoldenFunction[];
  jit_input?: GoldenJitInput;
  test_run?: {
    kind: string;
    data_in_hex?: string;
    errno?: number | null;
    retval?: number | null;
    map_dump_hex?: Record<string, string>;
    bogus_ptr?: string;
    volatile?: boolean;
  };
  note?: string;
  tags?: string[];
  expect?: { bogus?: string; unsupported_fixups?: boolean };
}

export interface GoldenMap {
  type: number;
  key: number;
  value: number;
  max: number;
  flags?: number;
  extra?: number;
  /** Key and value of one preloaded element, hex, one after the other. */
  pop?: string;
  inner?: number | null;
  mflags?: number;
}

export interface GoldenFunction {
  ksym_addr: string;
  len: number;
  jited_hex: string;
  stack_depth: number;
  num_exentries: number;
  extable_off?: number;
  extable_hex?: string;
  entries?: [number, number, string | null, number][];
  image_tail_hex?: string;
}

export interface GoldenJitInput {
  insns_hex: string;
  num_exentries?: number;
  stack_depth?: number;
  tail_call_reachable?: boolean | number;
  exception_boundary?: boolean | number;
  arena_kern?: string;
  arena_user?: string;
  direct_sites?: number[];
}

const folder = new URL('../fixtures/goldens/', import.meta.url);

/** Records of one corpus, e.g. goldens('6.12', 'probe', 'base'); empty when there is no such file. */
export function goldens(kernel: string, corpus: string, profile: string): Golden[] {
  const file = new URL(`${kernel}-${corpus}-${profile}.jsonl.gz`, folder);
  if (!existsSync(file)) return [];
  return gunzipSync(readFileSync(file))
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Golden);
}

/** The full vmlinux BTF of a kernel. */
export function vmlinuxBtf(kernel: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(new URL(`vmlinux-${kernel}.btf.gz`, folder))));
}

/** Addresses and names of the kernel's symbols. */
export function goldenSymbols(kernel: string): Record<string, string> {
  const all = JSON.parse(readFileSync(new URL('symbols.json', folder), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  return all[kernel];
}
