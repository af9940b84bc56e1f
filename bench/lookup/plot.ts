import type { BenchRow } from '../ratio.js';

interface Series {
  readonly label: string;
  readonly colour: string;
  /** Row names are `${kind} ${size} ${distribution}`; of several kinds the best counts. */
  readonly kinds: readonly string[];
}

const SERIES: readonly Series[] = [
  { label: 'fault map, batched', colour: '#0b6e4f', kinds: ['map batch'] },
  { label: 'fault map, one call from JS', colour: '#2a9d8f', kinds: ['map single'] },
  { label: 'faithful path, batched', colour: '#3d5a80', kinds: ['faithful batch'] },
  { label: 'the same map in plain JS', colour: '#e07a1f', kinds: ['js-fault-map batch'] },
  {
    label: 'best of the npm trees',
    colour: '#b02a37',
    kinds: ['bintrees batch', 'functional-red-black-tree batch', 'sorted-btree batch', 'js-sdsl batch'],
  },
];
const PANELS = ['uniform', 'zipf'] as const;

const LEFT = 56;
const WIDTH = 640;
const HEIGHT = 260;
const GAP = 64;
const TOP = 92;
const LOWEST = 0.1;
const HIGHEST = 100;

const decades = Math.log10(HIGHEST / LOWEST);
const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Draws the ratios of a run of the lookup suite as SVG. `made` says which command and machine made it. */
export function lookupPlot(rows: readonly BenchRow[], made: string): string {
  const sizes = [...new Set(rows.flatMap(({ name }) => name.match(/^map batch (\S+) /)?.[1] ?? []))];
  const byName = new Map(rows.map((row) => [row.name, row]));
  const x = (i: number): number => LEFT + ((i + 0.5) * WIDTH) / sizes.length;
  const y = (panel: number, ratio: number): number => {
    const clamped = Math.min(HIGHEST, Math.max(LOWEST, ratio));
    return TOP + panel * (HEIGHT + GAP) + HEIGHT * (1 - Math.log10(clamped / LOWEST) / decades);
  };
  const out: string[] = [];
  const text = (at: number, top: number, content: string, more = ''): void => {
    out.push(`<text x="${at.toFixed(1)}" y="${top.toFixed(1)}" ${more}>${escape(content)}</text>`);
  };
  const line = (x1: number, y1: number, x2: number, y2: number, more: string): void => {
    const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1));
    out.push(`<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" ${more}/>`);
  };

  text(LEFT, 24, 'Fault lookup: times as fast as a red-black tree and binary search in C', 'font-size="16"');
  SERIES.forEach(({ label, colour }, i) => {
    const at = LEFT + (i % 3) * 215;
    const top = 46 + Math.floor(i / 3) * 18;
    out.push(`<circle cx="${at + 5}" cy="${top - 4}" r="4" fill="${colour}"/>`);
    text(at + 14, top, label);
  });

  for (const [panel, distribution] of PANELS.entries()) {
    for (const ratio of [0.1, 1, 10, 100]) {
      const at = y(panel, ratio);
      line(LEFT, at, LEFT + WIDTH, at, ratio === 1 ? 'stroke="#333"' : 'stroke="#ddd"');
      text(LEFT - 6, at + 4, `${ratio}x`, 'text-anchor="end"');
    }
    text(LEFT + WIDTH - 4, y(panel, HIGHEST) + 14, `${distribution} addresses`, 'text-anchor="end"');
    sizes.forEach((size, i) => text(x(i), y(panel, LOWEST) + 16, size, 'text-anchor="middle"'));
    for (const { colour, kinds } of SERIES) {
      let before: { x: number; y: number } | null = null;
      for (const [i, size] of sizes.entries()) {
        const found = kinds.flatMap((kind) => byName.get(`${kind} ${size} ${distribution}`) ?? []);
        if (found.length === 0) continue;
        const best = found.reduce((a, b) => (b.ratio.median > a.ratio.median ? b : a));
        const { min, median, max } = best.ratio;
        const here = { x: x(i), y: y(panel, median) };
        line(here.x, y(panel, min), here.x, y(panel, max), `stroke="${colour}" stroke-opacity="0.5"`);
        if (before !== null)
          line(before.x, before.y, here.x, here.y, `stroke="${colour}" stroke-opacity="0.35"`);
        out.push(
          `<circle cx="${here.x.toFixed(1)}" cy="${here.y.toFixed(1)}" r="4" fill="${colour}">` +
            `<title>${escape(best.name)}: ${median.toFixed(2)}x, ${best.value.toPrecision(3)} ns</title></circle>`,
        );
        before = here;
      }
    }
  }
  const bottom = TOP + PANELS.length * (HEIGHT + GAP);
  text(
    LEFT,
    bottom - 16,
    'programs x exception entries of each; dot: median of the rounds, bar: least to most',
  );
  text(LEFT, bottom + 2, made, 'fill="#666"');
  const width = LEFT + WIDTH + 24;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom + 16}" ` +
    `viewBox="0 0 ${width} ${bottom + 16}" font-family="sans-serif" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="#fff"/>\n${out.join('\n')}\n</svg>\n`
  );
}
