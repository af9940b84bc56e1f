// Marks the build as complete; scripts/setup.js compares this with the sources.
import { writeFileSync } from 'node:fs';

writeFileSync('dist/.built', '');
