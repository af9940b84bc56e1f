/*
 * ELF64 (System V ABI, "Object Files"), the part that a relocatable BPF object uses.
 *
 * File header:    0 ident 16 | type 2 | machine 2 | version 4 | entry 8 | phoff 8 | shoff 8 (at 40) | flags 4
 *                 | ehsize 2 | phentsize 2 | phnum 2 | shentsize 2 (at 58) | shnum 2 | shstrndx 2
 * Section header: 0 name 4 | type 4 | flags 8 | addr 8 | offset 8 (at 24) | size 8 | link 4 (at 40) | info 4 | align 8 | entsize 8
 * Symbol:         0 name 4 | info 1 (binding:4 type:4) | other 1 | shndx 2 | value 8 | size 8
 * Rel:            0 offset 8 | info 8 (symbol:32 type:32)
 */
export const HEADER_SIZE = 64;
export const SECTION_HEADER_SIZE = 64;
export const SYMBOL_SIZE = 24;
export const REL_SIZE = 16;

/** Read big-endian. */
export const MAGIC = 0x7f454c46;
export const CLASS_64 = 2;
export const DATA_LITTLE = 1;
export const ET_REL = 1;
export const EM_NONE = 0;
export const EM_BPF = 247;

export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHF_EXECINSTR = 4;

export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_XINDEX = 0xffff;

export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STB_LOCAL = 0;
export const STB_WEAK = 2;
