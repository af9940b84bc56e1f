/** What a program's comment says of it: `ok`, or errno and message; `*d` stands for a number, `*s` for any text. */
export type Expected = Readonly<Partial<Record<'6.12' | '6.1', RegExp>>> & {
  /** What it returns, run on the sample of its type; undefined = not said. */
  readonly result: number | undefined;
};

const COMMENT = /^\/\/(:|6\.1:|=) (.*)$/;
const NAME = /\bBPF_\w+\((\w+)|(\w+)\s*\(/;

/**
 * The verdicts that a BPF C source expects of its programs: in the lines before each SEC(), `//: !13 message` for both
 * kernels, `//6.1: ...` where 6.1 says another thing, `//= 7` for what an accepted one returns. A source that says `no 6.1` is not for that kernel.
 */
export function expectedVerdicts(source: string): ReadonlyMap<string, Expected> {
  const found = new Map<string, Expected>();
  const only612 = source.includes('no 6.1');
  let about: string | undefined;
  let about61: string | undefined;
  let result: number | undefined;
  const lines = source.split('\n');
  for (const [at, line] of lines.entries()) {
    const comment = COMMENT.exec(line);
    if (comment !== null) {
      if (comment[1] === ':') about = comment[2];
      else if (comment[1] === '=') result = Number(comment[2]);
      else about61 = comment[2];
      continue;
    }
    if (!line.startsWith('SEC(') || about === undefined) continue;
    const name = NAME.exec(lines[at + 1]!)!;
    const older = only612 ? {} : { '6.1': pattern(about61 ?? about) };
    found.set(name[1] ?? name[2]!, { '6.12': pattern(about), ...older, result });
    about = about61 = result = undefined;
  }
  return found;
}

function pattern(text: string): RegExp {
  const escaped = text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*d', '\\d+').replaceAll('*s', '[\\s\\S]*')}$`);
}
