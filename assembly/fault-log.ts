// What faulted and was repaired, shared by all engines; the record is drawn in layout/fault-log.ts.
import { heapAlloc } from './heap';
import {
  FAULT_ADDRESS,
  FAULT_CAPACITY,
  FAULT_COUNT,
  FAULT_ENTRY,
  FAULT_IP,
  FAULT_KIND_AT,
  FAULT_LENGTH,
  FAULT_RECORDS,
  FAULT_REGISTER,
  FAULT_SIZE,
} from './layout/fault-log';

let log: usize = 0;

/** Empties the log. Answers false when linear memory is exhausted: nothing is logged then. */
export function faultLogReset(): bool {
  if (log === 0) {
    log = heapAlloc(FAULT_RECORDS + FAULT_CAPACITY * FAULT_SIZE);
    if (log === 0) return false;
  }
  store<u64>(log + FAULT_COUNT, 0);
  return true;
}

/** Address of the log's header; 0 before the first reset. */
export function faultLog(): usize {
  return log;
}

export function faultLogPush(ip: u64, address: u64, kind: u32, register: u32, entry: u32, length: u32): void {
  if (log === 0 && !faultLogReset()) return;
  const count = load<u64>(log + FAULT_COUNT);
  store<u64>(log + FAULT_COUNT, count + 1);
  const record = log + FAULT_RECORDS + ((<usize>count) & (FAULT_CAPACITY - 1)) * FAULT_SIZE;
  store<u64>(record + FAULT_IP, ip);
  store<u64>(record + FAULT_ADDRESS, address);
  store<u32>(record + FAULT_KIND_AT, kind);
  store<u32>(record + FAULT_REGISTER, register);
  store<u32>(record + FAULT_ENTRY, entry);
  store<u32>(record + FAULT_LENGTH, length);
}
