// Where decoded micro-ops live: chunks that hold the records, and for every page of code the record of each byte
// offset an instruction starts at. All of it is dropped together when the bytes or rights of a decoded page change.
//
//   page record   0        8          16                        16 + 4 * 4096
//                 +--------+----+-----+---------------------------+
//                 |page u64|next|chain| micro-op of offset 0..4095|    0 = not decoded
//                 +--------+----+-----+---------------------------+
import { heapAlloc, heapFree } from '../heap';
import { codeEpoch, pageOf } from '../mm/page-table';
import { forgetRegions } from './regions';
import { UOP } from './uop';

export const BUCKETS: usize = memory.data(4096, 16);
export const BUCKET_MASK: u64 = 1023;
export const RECORD_OPS: usize = 16;
const RECORD_NEXT: usize = 8;
const RECORD_CHAIN: usize = 12;
const RECORD_BYTES: usize = 16 + 4 * 4096;
const BUCKET_BYTES: usize = 4096;

// Chunk: next chunk u32, padding to 16 bytes, records.
const CHUNK_HEADER: usize = 16;
/** Micro-ops of one chunk; a straight run does not leave its chunk. */
const CHUNK_OPS: usize = 2047;
const CHUNK_MAX: u32 = 1024;

let records: usize = 0;
let chunks: usize = 0;
let chunkCount: u32 = 0;
/** Next free micro-op and the end of its chunk. */
let top: usize = 0;
let limit: usize = 0;
let epoch: u32 = 0;
/** Counts how often everything decoded was dropped. */
let codeGeneration: u32 = 0;

export function cpuCodeGeneration(): u32 {
  return codeGeneration;
}

/** Head of the hash chain of page records that `ip` falls in. */
export function bucketOf(ip: u64): usize {
  return BUCKETS + ((<usize>((ip >> 12) & BUCKET_MASK)) << 2);
}

/** Page record of `ip`, 0 when none of its page was decoded. */
export function pageRecord(ip: u64): usize {
  let record = <usize>load<u32>(bucketOf(ip));
  while (record !== 0 && load<u64>(record) !== pageOf(ip)) record = load<u32>(record + RECORD_CHAIN);
  return record;
}

/** Micro-op decoded for the instruction at `ip`, or 0. */
export function decodedAt(ip: u64): usize {
  const record = pageRecord(ip);
  return record === 0 ? 0 : <usize>load<u32>(record + RECORD_OPS + ((<usize>(ip & 4095)) << 2));
}

/** Notes the micro-op of the instruction at `ip`; false when linear memory is exhausted. */
export function setDecoded(ip: u64, u: usize): bool {
  let record = pageRecord(ip);
  if (record === 0) {
    record = heapAlloc(RECORD_BYTES);
    if (record === 0) return false;
    memory.fill(record, 0, RECORD_BYTES);
    store<u64>(record, pageOf(ip));
    store<u32>(record + RECORD_NEXT, <u32>records);
    records = record;
    const bucket = bucketOf(ip);
    store<u32>(record + RECORD_CHAIN, load<u32>(bucket));
    store<u32>(bucket, <u32>record);
  }
  store<u32>(record + RECORD_OPS + ((<usize>(ip & 4095)) << 2), <u32>u);
  return true;
}

/** Makes room for at least `count` micro-ops in one chunk; answers the first, or 0. */
export function reserveOps(count: u32): usize {
  if (limit - top >= <usize>count * UOP) return top;
  const chunk = heapAlloc(CHUNK_HEADER + CHUNK_OPS * UOP);
  if (chunk === 0) return 0;
  store<u32>(chunk, <u32>chunks);
  chunks = chunk;
  chunkCount++;
  top = chunk + CHUNK_HEADER;
  limit = top + CHUNK_OPS * UOP;
  return top;
}

/** Micro-ops left in the chunk being filled. */
export function opsLeft(): u32 {
  return <u32>((limit - top) / UOP);
}

/** Takes the record that reserveOps() promised. */
export function takeOp(): usize {
  const u = top;
  top += UOP;
  return u;
}

/** Drops everything decoded when a decoded page changed, or when there is too much of it. */
export function refreshCode(): void {
  if (epoch === codeEpoch && chunkCount <= CHUNK_MAX) return;
  epoch = codeEpoch;
  codeGeneration++;
  forgetRegions();
  memory.fill(BUCKETS, 0, BUCKET_BYTES);
  while (records !== 0) {
    const next = <usize>load<u32>(records + RECORD_NEXT);
    heapFree(records);
    records = next;
  }
  while (chunks !== 0) {
    const next = <usize>load<u32>(chunks);
    heapFree(chunks);
    chunks = next;
  }
  chunkCount = 0;
  top = 0;
  limit = 0;
}
