export { bootKernel, type BootOptions } from './runtime/boot.js';
export { Kernel, type LoadOptions } from './runtime/kernel.js';
export { LoadedObject } from './runtime/loaded-object.js';
export { LoadedProgram, type RunOptions } from './runtime/loaded-program.js';
export type { ContextFactory, SkbOptions } from './runtime/contexts.js';
export type { Addressed, ProgramContext } from './runtime/context/program-context.js';
export type { SkbContext } from './runtime/context/skb.js';
export type { TracingArgument, TracingContext, TracingOptions } from './runtime/context/tracing.js';
export type { XdpContext } from './runtime/context/xdp.js';
export { testRunContext, type TestRun, type TestSubject } from './runtime/test-run.js';
export type { Engine, FaultKind, FaultRecord, OopsRecord, RunResult } from './runtime/run-result.js';

export { KernelObject, type FieldInput, type FieldValue } from './mm/kernel-object.js';
export { GuestMemory, type Region, type RegionName } from './mm/guest-memory.js';

export { BpfMap, type MapKey, type MapValue } from './maps/bpf-map.js';
export { ArenaMap } from './maps/arena-map.js';
export { RingbufMap } from './maps/ringbuf-map.js';
export { SampleMap } from './maps/sample-map.js';
export { BPF_ANY, BPF_EXIST, BPF_NOEXIST, MapType } from './program/map-types.js';
export { Errno, errnoName } from './maps/errno.js';

export type { Helper, HelperEnvironment, RunScope } from './helpers/helper.js';
export { helperNames } from './helpers/registry.js';

export { type KsymHit, KsymTable, type Ksym } from './kallsyms/ksym-table.js';

export {
  FAULT_MISS,
  FaultIndex,
  type FaultImage,
  type FaultIndexOptions,
  type FaultSite,
  type LookupPath,
} from './lookup/fault-index.js';
export { FaultBatch, type FaultResults } from './lookup/fault-batch.js';
export { FaultReader, type FaultReaderPass } from './lookup/fault-reader.js';

export type { ExtableEntry, JitImage, JitInput } from './jit/jit-image.js';
export { compile } from './jit/compile.js';

export type { VerifiedFunction, VerifiedProgram } from './verifier/verified-program.js';
export { verify } from './verifier/verify.js';
export { VerifierError } from './verifier/verifier-error.js';

export { PROFILE_NAMES, PROFILE_VARIANTS, profile } from './profiles/profiles.js';
export type { JitKnobs, KernelVersion, Profile, SymbolTable } from './profiles/profile.js';

export { readObjectSpec, type ObjectOptions } from './program/object-spec.js';
export {
  type AttachTarget,
  type FuncInfo,
  type LineInfo,
  MAP_FD_BASE,
  type MapSpec,
  type ObjectSpec,
  type ProgramSpec,
} from './program/program-spec.js';

export { Btf } from './btf/btf.js';
export * from './btf/types.js';
export { ObjectFile } from './elf/object-file.js';

export { Core, type CoreSource } from './core/core.js';
export * from './errors.js';
export type * from './quantities.js';
