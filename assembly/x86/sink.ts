// Appending bytes: each function writes at `p` and returns where the next byte goes. put3 may scribble over one
// byte behind it, so a buffer needs one spare byte.

export function put1(p: usize, b: u32): usize {
  store<u8>(p, b);
  return p + 1;
}

export function put2(p: usize, bytes: u32): usize {
  store<u16>(p, bytes);
  return p + 2;
}

export function put3(p: usize, bytes: u32): usize {
  store<u32>(p, bytes);
  return p + 3;
}

export function put4(p: usize, bytes: u32): usize {
  store<u32>(p, bytes);
  return p + 4;
}

export function put8(p: usize, bytes: u64): usize {
  store<u64>(p, bytes);
  return p + 8;
}

/** Whether a signed value is an imm8 or disp8. */
export function fits8(value: i32): bool {
  return value === <i32>(<i8>value);
}
