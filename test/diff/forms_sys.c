/* forms_sys.c - instructions that fault, trap or touch system state as far as CPL 3 may, and the
 * list of what is left out. Source of the encodings: Intel SDM volume 2. */
#include "form.h"

enum { A = 1, C = 2, D = 4 };

const struct form forms_sys[] = {
	{ "ud2", "0f 0b", "", FM_ENDS },
	{ "ud1", "0f b9 /r", "Gv,Ev", FM_ENDS | FM_ADDR },
	{ "int3", "cc", "", FM_ENDS },
	{ "int1", "f1", "", FM_ENDS },
	{ "int", "cd", "In", FM_ENDS },
	{ "into", "ce", "", FM_32 },
	{ "hlt", "f4", "", FM_ENDS },
	{ "cli", "fa", "", FM_ENDS },
	{ "sti", "fb", "", FM_ENDS },
	{ "in", "e4", "$al,Ib", FM_ENDS },
	{ "in", "ed", "", FM_ENDS },
	{ "out", "e6", "Ib,$al", FM_ENDS },
	{ "out", "ee", "", FM_ENDS },
	{ "insb", "6c", "", FM_ENDS | FM_DI },
	{ "outsb", "6e", "", FM_ENDS | FM_SI },
	{ "clts", "0f 06", "", FM_ENDS },
	{ "invd", "0f 08", "", FM_ENDS },
	{ "wbinvd", "0f 09", "", FM_ENDS },
	{ "rdmsr", "0f 32", "", FM_ENDS },
	{ "wrmsr", "0f 30", "", FM_ENDS },
	{ "sysret", "0f 07", "", FM_ENDS },
	{ "swapgs", "0f 01 f8", "", FM_ENDS | FM_64 },
	{ "lgdt", "0f 01 /2", "M10", FM_ENDS },
	{ "lidt", "0f 01 /3", "M10", FM_ENDS },
	{ "invlpg", "0f 01 /7", "M1", FM_ENDS },
	{ "lldt", "0f 00 /2", "Ew", FM_ENDS },
	{ "ltr", "0f 00 /3", "Ew", FM_ENDS },
	{ "rdfsbase", "f3 0f ae /0", "=Ry", FM_64, 0, FT_FSGSBASE },
	{ "rdgsbase", "f3 0f ae /1", "=Ry", FM_64, 0, FT_FSGSBASE },
	{ "wrfsbase", "f3 0f ae /2", "Ry", FM_64 | FM_BASE, 0, FT_FSGSBASE },
	{ "wrgsbase", "f3 0f ae /3", "Ry", FM_64 | FM_BASE, 0, FT_FSGSBASE },
	{ "lar", "0f 02 /r", "+Gv,Rv", FM_SEL },
	{ "lsl", "0f 03 /r", "+Gv,Rv", FM_SEL },
	{ "verr", "0f 00 /4", "Rw", FM_SEL },
	{ "verw", "0f 00 /5", "Rw", FM_SEL },
	{ "mov", "8c /r", "=Rv,S" },
	{ "mov", "8c /r", "=Mw,S" },
	{ "mov", "8e /r", "=S,Rw", FM_SEL },
	{ "push", "0f a0", "", FM_64 },
	{ "push", "0f a8", "" },
	{ "push", "1e", "", FM_32 },
	{ "push", "06", "", FM_32 },
	{ "push", "0e", "", FM_32 },
	{ "push", "16", "", FM_32 },
	{ "fxsave", "0f ae /0", "=M512", FM_FXSAVE | FM_ALIGN },
	{ "fxrstor", "0f ae /1", "M512", FM_SEED | FM_ALIGN },
	{ "fxsave64", "0f ae /0 rex.w", "=M512", FM_FXSAVE | FM_ALIGN | FM_64 },
	{ "fxrstor64", "0f ae /1 rex.w", "M512", FM_SEED | FM_ALIGN | FM_64 },
};
const unsigned forms_sys_n = ARRAY_SIZE(forms_sys);

const struct form_excluded forms_excluded[] = {
	{ "rdtsc rdtscp", "time differs from run to run" },
	{ "rdrand rdseed", "random by definition" },
};
const unsigned forms_excluded_n = ARRAY_SIZE(forms_excluded);
