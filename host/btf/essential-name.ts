/**
 * A name without its CO-RE flavour: `task_struct` of `task_struct___old`. The suffix starts at the last `___` that
 * has other characters than `_` on both sides.
 */
export function essentialName(name: string): string {
  for (let at = name.length - 5; at >= 0; at--) {
    if (name[at] !== '_' && name.startsWith('___', at + 1) && name[at + 4] !== '_')
      return name.slice(0, at + 1);
  }
  return name;
}
