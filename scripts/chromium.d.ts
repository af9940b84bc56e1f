/** What to do where there is no Chromium. */
export declare const ADVICE: string;
/** Path of a Chromium or Chrome: the one CHROMIUM names, or one on the PATH; undefined when there is none. */
export declare function findChromium(): string | undefined;
