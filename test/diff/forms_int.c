/* forms_int.c - forms on general registers. Source of the encodings: Intel SDM volume 2. */
#include "form.h"

enum { A = 1, C = 2, D = 4, B = 8, SP = 16, BP = 32 };

/* Byte, word-and-up, both directions, accumulator, and the three immediate groups. */
#define ALU(name, mr8, mr, rm8, rm, al, ax, digit, dst, lock)   \
	{ name, mr8 " /r", dst "Eb,Gb", lock },                 \
	{ name, mr " /r", dst "Ev,Gv", lock },                  \
	{ name, rm8 " /r", dst "Gb,Eb" },                       \
	{ name, rm " /r", dst "Gv,Ev" },                        \
	{ name, al, "$al,Ib", 0, A },                           \
	{ name, ax, "$eax,Iz", 0, A },                          \
	{ name, "80 " digit, dst "Eb,Ib", lock },               \
	{ name, "81 " digit, dst "Ev,Iz", lock },               \
	{ name, "83 " digit, dst "Ev,Ib", lock },               \
	{ name, "82 " digit, dst "Eb,Ib", lock | FM_32 }

#define SHIFT(name, digit)                            \
	{ name, "c0 " digit, "+Eb,Ib" },              \
	{ name, "c1 " digit, "+Ev,Ib" },              \
	{ name, "d0 " digit, "+Eb,$1" },              \
	{ name, "d1 " digit, "+Ev,$1" },              \
	{ name, "d2 " digit, "+Eb,$cl" },             \
	{ name, "d3 " digit, "+Ev,$cl" }

#define CC(suffix, n)                                    \
	{ "set" suffix, "0f 9" n " /r", "=Eb" },         \
	{ "cmov" suffix, "0f 4" n " /r", "+Gv,Ev" }

#define BT(name, op, digit, dst, lock)                            \
	{ name, "0f " op " /r", dst "Ev,Gv", lock | FM_BITS },     \
	{ name, "0f ba " digit, dst "Ev,Ib", lock }

const struct form forms_int[] = {
	ALU("add", "00", "01", "02", "03", "04", "05", "/0", "+", FM_LOCK),
	ALU("or", "08", "09", "0a", "0b", "0c", "0d", "/1", "+", FM_LOCK),
	ALU("adc", "10", "11", "12", "13", "14", "15", "/2", "+", FM_LOCK),
	ALU("sbb", "18", "19", "1a", "1b", "1c", "1d", "/3", "+", FM_LOCK),
	ALU("and", "20", "21", "22", "23", "24", "25", "/4", "+", FM_LOCK),
	ALU("sub", "28", "29", "2a", "2b", "2c", "2d", "/5", "+", FM_LOCK),
	ALU("xor", "30", "31", "32", "33", "34", "35", "/6", "+", FM_LOCK),
	ALU("cmp", "38", "39", "3a", "3b", "3c", "3d", "/7", "", 0),
	{ "test", "84 /r", "Eb,Gb" },
	{ "test", "85 /r", "Ev,Gv" },
	{ "test", "a8", "$al,Ib" },
	{ "test", "a9", "$eax,Iz" },
	{ "test", "f6 /0", "Eb,Ib" },
	{ "test", "f7 /0", "Ev,Iz" },
	{ "test", "f6 /1", "Eb,Ib" },
	{ "test", "f7 /1", "Ev,Iz" },
	{ "not", "f6 /2", "+Eb", FM_LOCK },
	{ "not", "f7 /2", "+Ev", FM_LOCK },
	{ "neg", "f6 /3", "+Eb", FM_LOCK },
	{ "neg", "f7 /3", "+Ev", FM_LOCK },
	{ "mul", "f6 /4", "Eb", 0, A },
	{ "mul", "f7 /4", "Ev", 0, A | D },
	{ "imul", "f6 /5", "Eb", 0, A },
	{ "imul", "f7 /5", "Ev", 0, A | D },
	{ "imul", "0f af /r", "+Gv,Ev" },
	{ "imul", "6b /r", "=Gv,Ev,Ib" },
	{ "imul", "69 /r", "=Gv,Ev,Iz" },
	{ "div", "f6 /6", "Eb", FM_DIV, A },
	{ "div", "f7 /6", "Ev", FM_DIV, A | D },
	{ "idiv", "f6 /7", "Eb", FM_DIV, A },
	{ "idiv", "f7 /7", "Ev", FM_DIV, A | D },
	{ "inc", "fe /0", "+Eb", FM_LOCK },
	{ "inc", "ff /0", "+Ev", FM_LOCK },
	{ "dec", "fe /1", "+Eb", FM_LOCK },
	{ "dec", "ff /1", "+Ev", FM_LOCK },
	{ "inc", "40 +r", "+Zv", FM_32 },
	{ "dec", "48 +r", "+Zv", FM_32 },

	SHIFT("rol", "/0"), SHIFT("ror", "/1"), SHIFT("rcl", "/2"), SHIFT("rcr", "/3"),
	SHIFT("shl", "/4"), SHIFT("shr", "/5"), SHIFT("shl", "/6"), SHIFT("sar", "/7"),
	{ "shld", "0f a4 /r", "+Ev,Gv,Ib" },
	{ "shld", "0f a5 /r", "+Ev,Gv,$cl" },
	{ "shrd", "0f ac /r", "+Ev,Gv,Ib" },
	{ "shrd", "0f ad /r", "+Ev,Gv,$cl" },

	CC("o", "0"), CC("no", "1"), CC("b", "2"), CC("nb", "3"), CC("z", "4"), CC("nz", "5"),
	CC("be", "6"), CC("nbe", "7"), CC("s", "8"), CC("ns", "9"), CC("p", "a"), CC("np", "b"),
	CC("l", "c"), CC("nl", "d"), CC("le", "e"), CC("nle", "f"),

	BT("bt", "a3", "/4", "", 0), BT("bts", "ab", "/5", "+", FM_LOCK),
	BT("btr", "b3", "/6", "+", FM_LOCK), BT("btc", "bb", "/7", "+", FM_LOCK),
	{ "bsf", "0f bc /r", "+Gv,Ev" },
	{ "bsr", "0f bd /r", "+Gv,Ev" },
	{ "bswap", "0f c8 +r", "+Zy" },
	{ "popcnt", "f3 0f b8 /r", "=Gv,Ev", 0, 0, FT_POPCNT },
	{ "lzcnt", "f3 0f bd /r", "=Gv,Ev", 0, 0, FT_LZCNT },
	{ "tzcnt", "f3 0f bc /r", "=Gv,Ev", 0, 0, FT_BMI1 },
	{ "movbe", "0f 38 f0 /r", "=Gv,Mv", 0, 0, FT_MOVBE },
	{ "movbe", "0f 38 f1 /r", "=Mv,Gv", 0, 0, FT_MOVBE },
	{ "crc32", "f2 0f 38 f0 /r", "+Gy,Eb", 0, 0, FT_SSE42 },
	{ "crc32", "f2 0f 38 f1 /r", "+Gy,Ev", 0, 0, FT_SSE42 },
	{ "adcx", "66 0f 38 f6 /r", "+Gy,Ey", 0, 0, FT_ADX },
	{ "adox", "f3 0f 38 f6 /r", "+Gy,Ey", 0, 0, FT_ADX },
	{ "andn", "v128 0f 38 f2 /r", "=Gy,By,Ey", 0, 0, FT_BMI1 },
	{ "bextr", "v128 0f 38 f7 /r", "=Gy,Ey,By", 0, 0, FT_BMI1 },
	{ "blsr", "v128 0f 38 f3 /1", "=By,Ey", 0, 0, FT_BMI1 },
	{ "blsmsk", "v128 0f 38 f3 /2", "=By,Ey", 0, 0, FT_BMI1 },
	{ "blsi", "v128 0f 38 f3 /3", "=By,Ey", 0, 0, FT_BMI1 },
	{ "bzhi", "v128 0f 38 f5 /r", "=Gy,Ey,By", 0, 0, FT_BMI2 },
	{ "pext", "v128 f3 0f 38 f5 /r", "=Gy,By,Ey", 0, 0, FT_BMI2 },
	{ "pdep", "v128 f2 0f 38 f5 /r", "=Gy,By,Ey", 0, 0, FT_BMI2 },
	{ "mulx", "v128 f2 0f 38 f6 /r", "=Gy,=By,Ey", 0, 0, FT_BMI2 },
	{ "rorx", "v128 f2 0f 3a f0 /r", "=Gy,Ey,Ib", 0, 0, FT_BMI2 },
	{ "shlx", "v128 66 0f 38 f7 /r", "=Gy,Ey,By", 0, 0, FT_BMI2 },
	{ "shrx", "v128 f2 0f 38 f7 /r", "=Gy,Ey,By", 0, 0, FT_BMI2 },
	{ "sarx", "v128 f3 0f 38 f7 /r", "=Gy,Ey,By", 0, 0, FT_BMI2 },

	{ "mov", "88 /r", "=Eb,Gb" },
	{ "mov", "89 /r", "=Ev,Gv" },
	{ "mov", "8a /r", "=Gb,Eb" },
	{ "mov", "8b /r", "=Gv,Ev" },
	{ "mov", "b0 +r", "=Zb,Ib" },
	{ "mov", "b8 +r", "=Zv,Iv" },
	{ "mov", "c6 /0", "=Eb,Ib" },
	{ "mov", "c7 /0", "=Ev,Iz" },
	{ "mov", "a0", "$al,Ob", 0, A },
	{ "mov", "a1", "$eax,Ov", 0, A },
	{ "mov", "a2", "=Ob,$al" },
	{ "mov", "a3", "=Ov,$eax" },
	{ "movzx", "0f b6 /r", "=Gv,Eb" },
	{ "movzx", "0f b7 /r", "=Gv,Ew" },
	{ "movsx", "0f be /r", "=Gv,Eb" },
	{ "movsx", "0f bf /r", "=Gv,Ew" },
	{ "movsxd", "63 /r", "=Gy,Ed", FM_64 },
	{ "movnti", "0f c3 /r", "=My,Gy" },
	{ "lea", "8d /r", "=Gv,M1", FM_ADDR },
	{ "xchg", "86 /r", "+Eb,+Gb", FM_LOCK },
	{ "xchg", "87 /r", "+Ev,+Gv", FM_LOCK },
	{ "xchg", "90 +r", "+Zv,$eax", 0, A },
	{ "xadd", "0f c0 /r", "+Eb,+Gb", FM_LOCK },
	{ "xadd", "0f c1 /r", "+Ev,+Gv", FM_LOCK },
	{ "cmpxchg", "0f b0 /r", "+Eb,Gb", FM_LOCK, A },
	{ "cmpxchg", "0f b1 /r", "+Ev,Gv", FM_LOCK, A },
	{ "cmpxchg8b", "0f c7 /1", "+M8", FM_LOCK, A | D },
	{ "cmpxchg16b", "0f c7 /1 rex.w", "+M16", FM_LOCK | FM_ALIGN | FM_64, A | D, FT_CX16 },
	{ "cbw", "66 98", "", 0, A },
	{ "cwde", "98", "", 0, A },
	{ "cdqe", "98 rex.w", "", 0, A },
	{ "cwd", "66 99", "", 0, D },
	{ "cdq", "99", "", 0, D },
	{ "cqo", "99 rex.w", "", 0, D },
	{ "lahf", "9f", "", 0, A, FT_LAHF },
	{ "sahf", "9e", "", 0, 0, FT_LAHF },
	{ "clc", "f8", "" },
	{ "stc", "f9", "" },
	{ "cmc", "f5", "" },
	{ "cld", "fc", "" },
	{ "std", "fd", "" },
	{ "xlat", "d7", "", FM_BX, A },
	{ "salc", "d6", "", FM_32, A },
	{ "daa", "27", "", FM_32 | FM_WIPED, A },
	{ "das", "2f", "", FM_32 | FM_WIPED, A },
	{ "aaa", "37", "", FM_32 | FM_WIPED, A },
	{ "aas", "3f", "", FM_32 | FM_WIPED, A },
	{ "aam", "d4", "Ib", FM_32 | FM_WIPED, A },
	{ "aad", "d5", "Ib", FM_32 | FM_WIPED, A },
	{ "bound", "62 /r", "Gv,Ma", FM_32 },
	{ "arpl", "63 /r", "+Ew,Gw", FM_32 },

	{ "nop", "90", "" },
	{ "pause", "f3 90", "" },
	{ "nop", "0f 1f /0", "Ev", FM_ADDR },
	{ "nop", "0f 19 /0", "Ev", FM_ADDR },
	{ "endbr64", "f3 0f 1e fa", "" },
	{ "endbr32", "f3 0f 1e fb", "" },
	{ "lfence", "0f ae e8", "" },
	{ "mfence", "0f ae f0", "" },
	{ "sfence", "0f ae f8", "" },
	{ "prefetchnta", "0f 18 /0", "M1", FM_NOFAULT },
	{ "prefetcht0", "0f 18 /1", "M1", FM_NOFAULT },
	{ "prefetcht1", "0f 18 /2", "M1", FM_NOFAULT },
	{ "prefetcht2", "0f 18 /3", "M1", FM_NOFAULT },
	{ "prefetch", "0f 0d /0", "M1", FM_NOFAULT, 0, FT_PREFETCHW },
	{ "prefetchw", "0f 0d /1", "M1", FM_NOFAULT, 0, FT_PREFETCHW },
	{ "prefetchwt1", "0f 0d /2", "M1", FM_NOFAULT, 0, FT_PREFETCHW },
	{ "clzero", "0f 01 fc", "", FM_AX, 0, FT_CLZERO },
	{ "clflush", "0f ae /7", "M1" },
	{ "clflushopt", "66 0f ae /7", "M1", 0, 0, FT_CLFLUSHOPT },
	{ "clwb", "66 0f ae /6", "M1", 0, 0, FT_CLWB },

	{ "push", "50 +r", "Zv", FM_D64 },
	{ "push", "ff /6", "Ev", FM_D64 },
	{ "push", "6a", "Ib", 0 },
	{ "push", "68", "Iz", FM_D64 },
	{ "pop", "58 +r", "=Zv", FM_D64 },
	{ "pop", "8f /0", "=Ev", FM_D64 | FM_POP },
	{ "pusha", "66 60", "", FM_32 },
	{ "pushad", "60", "", FM_32 },
	{ "popa", "66 61", "", FM_32 | FM_ALL },
	{ "popad", "61", "", FM_32 | FM_ALL },
	{ "pushf", "66 9c", "" },
	{ "pushfq", "9c", "", FM_64 },
	{ "pushfd", "9c", "", FM_32 },
	{ "popf", "66 9d", "", FM_FLAGS },
	{ "popfq", "9d", "", FM_64 | FM_FLAGS },
	{ "popfd", "9d", "", FM_32 | FM_FLAGS },
	{ "enter", "c8", "Iw,Ib", FM_FRAME, BP },
	{ "enter", "66 c8", "Iw,Ib", FM_FRAME, BP },
	{ "leave", "c9", "", FM_FRAME, BP },
	{ "leave", "66 c9", "", FM_FRAME, BP },
};
const unsigned forms_int_n = ARRAY_SIZE(forms_int);

#define JCC(name, n)                              \
	{ name, "7" n, "Jb" },                    \
	{ name, "0f 8" n, "Jz" }

const struct form forms_flow[] = {
	JCC("jo", "0"), JCC("jno", "1"), JCC("jb", "2"), JCC("jnb", "3"), JCC("jz", "4"),
	JCC("jnz", "5"), JCC("jbe", "6"), JCC("jnbe", "7"), JCC("js", "8"), JCC("jns", "9"),
	JCC("jp", "a"), JCC("jnp", "b"), JCC("jl", "c"), JCC("jnl", "d"), JCC("jle", "e"),
	JCC("jnle", "f"),
	{ "jmp", "eb", "Jb" },
	{ "jmp", "e9", "Jz" },
	{ "jmp", "ff /4", "Ev", FM_TARGET | FM_D64 | FM_NO66 },
	{ "call", "e8", "Jz" },
	{ "call", "ff /2", "Ev", FM_TARGET | FM_D64 | FM_NO66 },
	{ "ret", "c3", "", FM_RET },
	{ "ret", "c2", "Iw", FM_RET },
	{ "loop", "e2", "Jb", 0, C },
	{ "loope", "e1", "Jb", 0, C },
	{ "loopne", "e0", "Jb", 0, C },
	{ "jrcxz", "e3", "Jb", FM_64 },
	{ "jecxz", "e3", "Jb", FM_32 },
	{ "jecxz", "67 e3", "Jb", FM_64 },
	{ "jcxz", "67 e3", "Jb", FM_32 },
};
const unsigned forms_flow_n = ARRAY_SIZE(forms_flow);

enum { SI = 1 << 6, DI = 1 << 7 };

#define STRING(b, w, d, q, opb, op, flags, clob)                  \
	{ b, opb, "", flags, clob },                              \
	{ w, "66 " op, "", flags, clob },                         \
	{ d, op, "", flags, clob },                               \
	{ q, op " rex.w", "", flags, clob }

const struct form forms_string[] = {
	STRING("movsb", "movsw", "movsd", "movsq", "a4", "a5", FM_REP | FM_SI | FM_DI, C | SI | DI),
	STRING("cmpsb", "cmpsw", "cmpsd", "cmpsq", "a6", "a7", FM_REPZ | FM_SI | FM_DI, C | SI | DI),
	STRING("stosb", "stosw", "stosd", "stosq", "aa", "ab", FM_REP | FM_DI, C | DI),
	STRING("lodsb", "lodsw", "lodsd", "lodsq", "ac", "ad", FM_REP | FM_SI, A | C | SI),
	STRING("scasb", "scasw", "scasd", "scasq", "ae", "af", FM_REPZ | FM_DI, C | DI),
};
const unsigned forms_string_n = ARRAY_SIZE(forms_string);
