import { writeFileSync } from 'node:fs';
import { parityText } from '../tests/support/parity.js';

writeFileSync(new URL('../docs/parity.md', import.meta.url), await parityText());
