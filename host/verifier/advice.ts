/** What a message of the verifier means and what usually mends it. */
export interface Advice {
  /** One line: what is wrong. */
  readonly what: string;
  /** What usually mends it; null = nothing in general. */
  readonly mend: string | null;
}

type Words = (...found: readonly string[]) => string;

interface Rule {
  readonly pattern: RegExp;
  readonly what: Words;
  readonly mend: string | null;
}

const rule = (pattern: RegExp, what: Words, mend: string | null): Rule => ({ pattern, what, mend });

const NULL_CHECK = 'compare the pointer with NULL and use it only where it is not';
const BOUND = 'compare the value with its limit as an unsigned number (or mask it with &) before it is used';
const PACKET =
  'compare the pointer plus the bytes it reads with data_end, and read only where it is not beyond';
const PROBE = 'read it with bpf_probe_read_kernel() or BPF_CORE_READ()';

/** First match wins: particular messages come before general ones. */
const RULES: readonly Rule[] = [
  rule(
    /^R(\d+) invalid mem access '(map_value|mem|sock\w*|tcp_sock\w*|ptr_|rdonly_mem|alloc_mem|ringbuf_mem)\w*_or_null'/,
    (reg, type) => `r${reg} may be NULL (${type}): nothing on this path has shown that it is not`,
    NULL_CHECK,
  ),
  rule(
    /^R(\d+) invalid mem access '(\w*)_or_null_?'/,
    (reg) => `r${reg} may be NULL: nothing on this path has shown that it is not`,
    NULL_CHECK,
  ),
  rule(
    /^R(\d+) invalid mem access '(scalar|inv)'/,
    (reg) =>
      `r${reg} is a plain number and not a pointer the verifier knows, and memory is accessed through it`,
    `${PROBE}; or keep the pointer's type: arithmetic and stores of part of it make it a number`,
  ),
  rule(
    /^R(\d+) invalid mem access '(\w+)'/,
    (reg, type) => `r${reg} is a ${type}, which memory may not be accessed through`,
    null,
  ),
  rule(
    /^R(\d+) !read_ok/,
    (reg) => `r${reg} is read and has no value: it was never set, or a call has made it unusable`,
    'set it on every path; values that must outlive a call belong in r6 to r9 or on the stack',
  ),
  rule(
    /^R(\d+) unbounded memory access|^R(\d+) unbounded/,
    (a, b) => `r${a ?? b} adds an offset or size without an upper limit`,
    BOUND,
  ),
  rule(
    /^R(\d+) min value is (negative|outside of the allowed memory range)/,
    (reg, how) => `r${reg} may be ${how === 'negative' ? 'negative' : 'before the start of the memory'}`,
    `${BOUND}; a signed variable also needs a check that it is not below 0`,
  ),
  rule(
    /^R(\d+) max value is outside of the allowed memory range/,
    (reg) => `r${reg} may be past the end of the memory`,
    BOUND,
  ),
  rule(
    /^invalid access to map value, value_size=(-?\d+) off=(-?\d+) size=(-?\d+)/,
    (value, off, size) =>
      `bytes ${off} to ${Number(off) + Number(size)} of a map value of ${value} bytes are accessed`,
    BOUND,
  ),
  rule(
    /^invalid access to packet, off=(-?\d+) size=(-?\d+), R(\d+)\(.*r=(\d+)\)/,
    (off, size, reg, range) =>
      `${size} bytes at offset ${off} of packet pointer r${reg} are accessed; ${range} bytes are known to be there`,
    PACKET,
  ),
  rule(
    /^invalid access to (memory|packet|map key|context)/,
    (what) => `the access leaves the ${what === 'memory' ? 'memory it points into' : what}`,
    BOUND,
  ),
  rule(
    /^invalid bpf_context access off=(-?\d+) size=(\d+)/,
    (off, size) =>
      `the context has no field of ${size} bytes at offset ${off} that this type of program may access so`,
    'access the field with its own type and size; some fields are for other program types, or for reading only',
  ),
  rule(
    /^dereference of modified (\w+) ptr R(\d+)/,
    (type, reg) =>
      `r${reg} is a ${type} pointer that something was added to, and must be used as it was given`,
    'use the original pointer with a constant offset',
  ),
  rule(
    /^invalid read from stack.* off (-?\d+)\+(\d+) size (\d+)/,
    (off, byte) => `stack byte fp${Number(off) + Number(byte)} is read and was never written`,
    'initialise the whole variable, padding included (= {} or __builtin_memset)',
  ),
  rule(
    /^invalid( unbounded)?( variable-offset)? (read from|write to|indirect access to) stack/,
    (_a, _b, how) => `the ${how.split(' ')[0]} leaves the stack frame of 512 bytes`,
    BOUND,
  ),
  rule(
    /^invalid (indirect )?(read from|access to) stack R(\d+)/,
    (_how, _what, reg) => `the helper would read stack bytes through r${reg} that were never written`,
    'initialise the whole variable, padding included (= {} or __builtin_memset)',
  ),
  rule(
    /^combined stack size of (\d+) calls is (\d+)/,
    (calls, size) => `the stacks of ${calls} functions that call one another take ${size} of 512 bytes`,
    'move large variables into a per-CPU array map',
  ),
  rule(
    /^R(\d+) type=(\S+) expected=(.*)$/,
    (reg, type, expected) => `argument r${reg} is a ${type}, and the call takes ${expected}`,
    'pass the address of such an object; look at the declaration of the helper or kfunc',
  ),
  rule(
    /^R(\d+) is ptr_(\w+) (invalid negative access|access)/,
    (reg, type) => `r${reg} points to struct ${type}, which has nothing at that offset`,
    'let CO-RE compute the offset, and read what it points into with its own type',
  ),
  rule(
    /^access beyond struct (\w+) at off (\d+) size (\d+)/,
    (type, off) => `offset ${off} lies behind the end of struct ${type}`,
    'use the type that the pointer has, or bpf_core_cast() to the one it should have',
  ),
  rule(
    /^R(\d+) must be (a )?(referenced|a rcu pointer|.*trusted)/,
    (reg) => `r${reg} may point to an object that is gone: the call needs a pointer that is held or trusted`,
    'acquire the object first (bpf_task_acquire and the like), or stay inside bpf_rcu_read_lock()',
  ),
  rule(
    /^Unreleased reference id=(\d+) alloc_insn=(\d+)/,
    (_id, insn) => `what instruction ${insn} acquired is not released on this path`,
    'call the release function (bpf_sk_release, bpf_ringbuf_submit or discard, ...) on every path, error paths included',
  ),
  rule(
    /^(At program exit|At .* return) the register R(\d+)/,
    (_where, reg) => `the program returns in r${reg} a value that its type of program may not return`,
    'return one of the values that this hook takes',
  ),
  rule(
    /^back-edge from insn (\d+) to (\d+)/,
    (from, to) => `instruction ${from} jumps back to ${to}: loops need privileges`,
    'unroll the loop, or load with CAP_BPF',
  ),
  rule(
    /^infinite loop detected at insn (\d+)/,
    (insn) => `the loop through instruction ${insn} comes back in the same state: it may never end`,
    'count rounds against a constant limit; or use bpf_loop(), bpf_for() or may_goto',
  ),
  rule(
    /^BPF program is too large\. Processed (\d+) insn/,
    (count) => `following all paths takes more than ${Number(count) - 1} instructions`,
    'use bpf_loop() or bpf_for() for loops, and global functions, which are verified once, for large parts',
  ),
  rule(
    /^The sequence of (\d+) jumps is too complex/,
    (count) => `${count} branches wait to be followed`,
    'split the function, use global functions, or a loop instead of unrolled code',
  ),
  rule(
    /^the call stack of (\d+) frames is too deep/,
    (count) => `functions call one another ${count} deep; 8 is the limit`,
    'inline small functions, or do it in rounds',
  ),
  rule(
    /^(\w+) uses reserved fields|^unknown opcode (\w+)/,
    (form, opcode) =>
      form === undefined
        ? `opcode ${opcode} is none that this kernel knows`
        : `${form} has a field set that this kernel wants to be 0: it may be an instruction of later kernels`,
    'compile for an older instruction set (clang -mcpu=v3), or load on a newer kernel',
  ),
  rule(
    /^unreachable insn (\d+)/,
    (insn) => `nothing leads to instruction ${insn}`,
    'remove it; compilers do so by themselves, so look at hand-written instructions',
  ),
  rule(
    /^jump out of range from insn (\d+) to (-?\d+)/,
    (from, to) => `instruction ${from} jumps to ${to}, which is not in the function`,
    null,
  ),
  rule(
    /^(program of this type cannot use helper|unknown func) (\w+)#(\d+)/,
    (_text, name) => `helper ${name} cannot be called from this type of program on this kernel`,
    'use another program type, or a helper that does the same for this one',
  ),
  rule(
    /^calling kernel function (\w+) is not allowed/,
    (name) => `kernel function ${name} may not be called from this type of program`,
    'use another program type, or a helper that does the same for this one',
  ),
  rule(
    /^cannot call GPL-restricted function from non-GPL compatible program/,
    () => 'the helper is for programs under the GPL only',
    'declare the licence: char LICENSE[] SEC("license") = "GPL";',
  ),
  rule(
    /^R(\d+) pointer arithmetic (on (\w+) )?prohibited/,
    (reg, _on, type) =>
      `r${reg}${type === undefined ? '' : `, a ${type},`} takes part in arithmetic that pointers may not`,
    'compute with numbers first and add the result to the pointer; check for NULL before adding',
  ),
  rule(
    /^R(\d+) (tried to )?(subtract|subtraction)/,
    (reg) => `a pointer is subtracted from, or by, r${reg}`,
    'add numbers to pointers instead',
  ),
  rule(
    /^math between (\w+) pointer and (.+?) is not allowed/,
    (type, what) =>
      what.startsWith('register')
        ? `a ${type} pointer and a ${what} are added: the result may be outside of anything`
        : `a ${type} pointer and ${what} are added: the result is outside of anything`,
    BOUND,
  ),
  rule(
    /^misaligned (\w+) access/,
    (what) => `a ${what} access is not aligned to its size`,
    'access it in smaller parts, or align the type',
  ),
  rule(
    /^cannot write into (\w+)|^R(\d+) cannot write into (\S+)|only read from (\w+) is supported/,
    (a, _reg, b, c) => `${a ?? b ?? c} may only be read`,
    'write to a copy on the stack or in a map',
  ),
  rule(
    /bpf_spin_(un)?lock|lock/,
    () => 'a lock is not taken and released as the rules ask',
    'take one lock at a time, release it on every path, and call nothing in between that may not be called under it',
  ),
];

/** What a message means; null when nothing more than itself is known. */
export function adviceFor(message: string): Advice | null {
  for (const { pattern, what, mend } of RULES) {
    const found = pattern.exec(message);
    if (found !== null) return { what: what(...found.slice(1)), mend };
  }
  return null;
}
