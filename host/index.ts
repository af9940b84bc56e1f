export { bootKernel, type BootOptions, loadCore } from './runtime/boot.js';
export { Kernel, type LoadOptions } from './runtime/kernel.js';
export { LoadedObject } from './runtime/loaded-object.js';
export { LoadedProgram, type RunOptions } from './runtime/loaded-program.js';
export type { CodePlace } from './runtime/program-table.js';
export {
  type Breakpoint,
  CPU_REGISTERS,
  type CpuRegister,
  type CpuStop,
  DebugCpu,
  type TraceStep,
} from './runtime/debug-cpu.js';
export { RawMachine, type RawMachineOptions } from './runtime/raw-machine.js';
export type { RawRun, RawRunOptions } from './runtime/raw-run.js';
export { type GateHandler, ProgramUnwind } from './runtime/engine.js';
export type { ContextFactory, SkbOptions } from './runtime/contexts.js';
export type { Addressed, ProgramContext } from './runtime/context/program-context.js';
export type { SkbContext } from './runtime/context/skb.js';
export type { TracingArgument, TracingContext, TracingOptions } from './runtime/context/tracing.js';
export type { XdpContext } from './runtime/context/xdp.js';
export type { LinkedProgram } from './runtime/linked-program.js';
export { Snapshot } from './runtime/snapshot.js';
export { testRunContext, type TestRun, type TestSubject } from './runtime/test-run.js';
export type { Engine, FaultKind, FaultRecord, OopsRecord, RunResult } from './runtime/run-result.js';

export { type ObjectReport, renderObject, runObject, type RunObjectOptions } from './report/run-object.js';
export {
  type FaultReport,
  type MapReport,
  mapReport,
  type ProgramReport,
  programReport,
  renderMap,
  renderProgram,
  type RunReport,
  runReport,
} from './report/run-report.js';
export { parseScene, type PreparedRun, type Scene, type SceneRun, sceneRuns } from './report/scene.js';
export { renderVerdict, type Verdict, verdictOf } from './report/verdict.js';
export {
  type ListingFunction,
  type ListingOptions,
  type ListingRow,
  listFunction,
  listProgram,
  renderListing,
  sourceLines,
  symbolNames,
  X86_REGISTERS,
} from './report/listing.js';
export {
  type IcedModule,
  icedDisassembler,
  type Syntax,
  type X86Disassembler,
  type X86Line,
} from './report/x86.js';
export { type BtfValue, btfValue, renderValue } from './report/btf-value.js';

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
export { countExentries } from './jit/exentries.js';
export type { ImagePlacement, ImageSource } from './jit/image-source.js';

export type { VerifiedFunction, VerifiedProgram } from './verifier/verified-program.js';
export { verify } from './verifier/verify.js';
export type { VerifyOptions } from './verifier/options.js';
export { VerifierError } from './verifier/verifier-error.js';
export type { KernelView, LoadedMap, TargetProgram } from './verifier/kernel-view.js';
export { LOG_LEVEL1, LOG_LEVEL2, LOG_STATS, type LogRecord, logText } from './verifier/log.js';
export {
  type CausalStep,
  explain,
  type ExplainedPlace,
  type Explanation,
  renderExplanation,
} from './verifier/explain.js';

export { PROFILE_NAMES, PROFILE_VARIANTS, profile } from './profiles/profiles.js';
export type { JitKnobs, KernelVersion, Profile, SymbolTable } from './profiles/profile.js';
export { KernelSymbols, type SymbolPlace } from './profiles/symbol-table.js';

export { readObjectSpec, type ObjectOptions } from './program/object-spec.js';
export {
  type AttachTarget,
  type FdEntry,
  type FuncInfo,
  type LineInfo,
  MAP_FD_BASE,
  type MapSpec,
  type ObjectSpec,
  type ProgramSpec,
} from './program/program-spec.js';

export { assemble } from './asm/assembler.js';
export { disassemble, disassembleAll, type InsnNames } from './asm/kernel-dialect.js';
export { disassembleLlvm, listLlvm, type LlvmListingOptions } from './asm/llvm-dialect.js';
export { Btf } from './btf/btf.js';
export * from './btf/types.js';
export { ObjectFile } from './elf/object-file.js';

export { Core, type CoreSource } from './core/core.js';
export * from './errors.js';
export type * from './quantities.js';
