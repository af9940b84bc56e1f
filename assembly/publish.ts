// Stores that readers on other threads may meet: atomic there, so that all of them happen in the order written.

export function publish8(at: usize, value: u32): void {
  if (ASC_FEATURE_THREADS) atomic.store<u8>(at, <u8>value);
  else store<u8>(at, value);
}

export function publish32(at: usize, value: u32): void {
  if (ASC_FEATURE_THREADS) atomic.store<u32>(at, value);
  else store<u32>(at, value);
}

export function publish64(at: usize, value: u64): void {
  if (ASC_FEATURE_THREADS) atomic.store<u64>(at, value);
  else store<u64>(at, value);
}
