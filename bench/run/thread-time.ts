import koffi from 'koffi';

const CLOCK_THREAD_CPUTIME_ID = 3;

/** Milliseconds of processor time that this thread took: neither other processes nor the engine's threads count. */
export const threadMs: () => number = open();

function open(): () => number {
  try {
    const clock = koffi.load('libc.so.6').func('int clock_gettime(int, void *)');
    const time = new BigInt64Array(2);
    return () => {
      clock(CLOCK_THREAD_CPUTIME_ID, time);
      return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
    };
  } catch {
    return () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    };
  }
}
