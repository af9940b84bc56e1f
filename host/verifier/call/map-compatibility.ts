/** Helpers that work on maps of certain types only, and map types that only certain helpers take (bpf.h numbers). */
const HELPER_NEEDS: Record<number, readonly number[]> = {
  12: [3],
  22: [4],
  25: [4],
  55: [4],
  111: [4],
  121: [4],
  27: [7],
  37: [8],
  33: [8],
  51: [14, 25, 16, 17],
  52: [15],
  53: [15],
  60: [15],
  70: [18],
  71: [18],
  72: [18],
  81: [19, 21],
  82: [20, 15, 18],
  87: [22, 23, 30],
  88: [22, 23],
  89: [22, 23, 30],
  107: [24],
  108: [24],
  130: [27],
  131: [27],
  134: [27],
  198: [27],
  209: [31],
  145: [28],
  146: [28],
  156: [29],
  157: [29],
  195: [6, 5, 10],
  210: [32],
  211: [32],
};
const LOOKUP = 1;
const UPDATE = 2;
const DELETE = 3;
const TYPE_TAKES: Record<number, readonly number[]> = {
  3: [12],
  4: [22, 25, 55, 111, 121],
  7: [27],
  8: [33, 37],
  14: [51, LOOKUP],
  25: [51, LOOKUP],
  16: [51],
  17: [51, LOOKUP],
  12: [LOOKUP],
  13: [LOOKUP],
  15: [52, 53, 60, 82, LOOKUP],
  18: [72, 70, 71, 82, LOOKUP],
  19: [81],
  21: [81],
  20: [82],
  22: [88, 89, 87],
  23: [88, 89, 87],
  24: [107, 108, 194],
  27: [130, 131, 134, 198],
  28: [145, 146, 194],
  29: [156, 157, 194],
  30: [87, 89],
  31: [209],
  32: [210, 211],
};

const SOCKMAPS = new Set([15, 18]);
/** Programs that may change sockmaps directly. */
const SOCKMAP_UPDATERS = new Set([1, 3, 4, 6, 21, 22, 30, 14, 16]);
const SOCK_OPS = 13;

/** Whether a call changes a sockmap from a program that may not. */
export function refusesSockmapChange(mapType: number, helper: number, programType: number): boolean {
  if (!SOCKMAPS.has(mapType) || (helper !== UPDATE && helper !== DELETE)) return false;
  // Programs that see sockets come and go take them out; they put them in by helpers of their own.
  if (helper === DELETE && programType === SOCK_OPS) return false;
  return !SOCKMAP_UPDATERS.has(programType);
}

/** Whether the helper may be given a map of this type; changes of sockmaps depend on the program type. */
export function mapFits(mapType: number, helper: number, programType: number): boolean {
  const needs = HELPER_NEEDS[helper];
  if (needs !== undefined && !needs.includes(mapType)) return false;
  const takes = TYPE_TAKES[mapType];
  if (takes === undefined || takes.includes(helper)) return true;
  const isChange = SOCKMAPS.has(mapType) && (helper === UPDATE || helper === DELETE);
  return isChange && !refusesSockmapChange(mapType, helper, programType);
}
