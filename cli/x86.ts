import * as iced from 'iced-x86';
import { icedDisassembler } from '../host/report/x86.js';

export const disassembleX86 = icedDisassembler(iced);
