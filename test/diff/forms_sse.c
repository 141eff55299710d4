/* forms_sse.c - MMX, SSE to SSE4.2, SSE4A, AES, PCLMULQDQ, SHA and GFNI forms in their legacy
 * encoding. Source of the encodings: Intel SDM volume 2; AMD APM volume 4 for SSE4A. */
#include "form.h"

#define RR(name, enc, ops) { name, enc " /r", ops }
#define RF(name, enc, ops, flags, feat) { name, enc " /r", ops, flags, 0, feat }

/* ps pd ss sd */
#define FP4(name, op)                                   \
	RR(name "ps", "0f " op, "+V,W16"),              \
	RR(name "pd", "66 0f " op, "+V,W16"),           \
	RR(name "ss", "f3 0f " op, "+V,W4"),            \
	RR(name "sd", "f2 0f " op, "+V,W8")
/* ps pd */
#define FP2(name, op)                                   \
	RR(name "ps", "0f " op, "+V,W16"),              \
	RR(name "pd", "66 0f " op, "+V,W16")
/* MMX and SSE2 */
#define MX(name, op)                                    \
	RR(name, "0f " op, "+P,Q8"),                    \
	RR(name, "66 0f " op, "+V,W16")
/* SSSE3: MMX and xmm */
#define S3(name, op)                                    \
	RF(name, "0f 38 " op, "+P,Q8", 0, FT_SSSE3),    \
	RF(name, "66 0f 38 " op, "+V,W16", 0, FT_SSSE3)
#define S41(name, op, ops) RF(name, "66 0f 38 " op, ops, 0, FT_SSE41)
#define SHIFTS(name, op, imm, digit)                            \
	MX(name, op),                                           \
	{ name, "0f " imm " " digit, "+N,Ib" },                 \
	{ name, "66 0f " imm " " digit, "+U,Ib" }

const struct form forms_sse[] = {
	FP4("add", "58"), FP4("mul", "59"), FP4("sub", "5c"), FP4("min", "5d"), FP4("div", "5e"),
	FP4("max", "5f"), FP4("sqrt", "51"),
	RR("rsqrtps", "0f 52", "=V,W16"), RR("rsqrtss", "f3 0f 52", "+V,W4"),
	RR("rcpps", "0f 53", "=V,W16"), RR("rcpss", "f3 0f 53", "+V,W4"),
	FP2("and", "54"), FP2("andn", "55"), FP2("or", "56"), FP2("xor", "57"),
	FP2("unpckl", "14"), FP2("unpckh", "15"),
	RR("cmpps", "0f c2", "+V,W16,Ib"), RR("cmppd", "66 0f c2", "+V,W16,Ib"),
	RR("cmpss", "f3 0f c2", "+V,W4,Ib"), RR("cmpsd", "f2 0f c2", "+V,W8,Ib"),
	RR("shufps", "0f c6", "+V,W16,Ib"), RR("shufpd", "66 0f c6", "+V,W16,Ib"),
	RR("ucomiss", "0f 2e", "V,W4"), RR("ucomisd", "66 0f 2e", "V,W8"),
	RR("comiss", "0f 2f", "V,W4"), RR("comisd", "66 0f 2f", "V,W8"),
	RF("haddps", "f2 0f 7c", "+V,W16", 0, FT_SSE3), RF("haddpd", "66 0f 7c", "+V,W16", 0, FT_SSE3),
	RF("hsubps", "f2 0f 7d", "+V,W16", 0, FT_SSE3), RF("hsubpd", "66 0f 7d", "+V,W16", 0, FT_SSE3),
	RF("addsubps", "f2 0f d0", "+V,W16", 0, FT_SSE3),
	RF("addsubpd", "66 0f d0", "+V,W16", 0, FT_SSE3),
	RF("movsldup", "f3 0f 12", "=V,W16", 0, FT_SSE3),
	RF("movshdup", "f3 0f 16", "=V,W16", 0, FT_SSE3),
	RF("movddup", "f2 0f 12", "=V,W8", 0, FT_SSE3),
	RF("lddqu", "f2 0f f0", "=V,M16", FM_UNAL, FT_SSE3),

	RR("cvtpi2ps", "0f 2a", "+V,Q8"), RR("cvtpi2pd", "66 0f 2a", "=V,Q8"),
	RR("cvtsi2ss", "f3 0f 2a", "+V,Ey"), RR("cvtsi2sd", "f2 0f 2a", "+V,Ey"),
	RR("cvttps2pi", "0f 2c", "=P,W8"), RR("cvttpd2pi", "66 0f 2c", "=P,W16"),
	RR("cvttss2si", "f3 0f 2c", "=Gy,W4"), RR("cvttsd2si", "f2 0f 2c", "=Gy,W8"),
	RR("cvtps2pi", "0f 2d", "=P,W8"), RR("cvtpd2pi", "66 0f 2d", "=P,W16"),
	RR("cvtss2si", "f3 0f 2d", "=Gy,W4"), RR("cvtsd2si", "f2 0f 2d", "=Gy,W8"),
	RR("cvtps2pd", "0f 5a", "=V,W8"), RR("cvtpd2ps", "66 0f 5a", "=V,W16"),
	RR("cvtss2sd", "f3 0f 5a", "+V,W4"), RR("cvtsd2ss", "f2 0f 5a", "+V,W8"),
	RR("cvtdq2ps", "0f 5b", "=V,W16"), RR("cvtps2dq", "66 0f 5b", "=V,W16"),
	RR("cvttps2dq", "f3 0f 5b", "=V,W16"), RR("cvttpd2dq", "66 0f e6", "=V,W16"),
	RR("cvtdq2pd", "f3 0f e6", "=V,W8"), RR("cvtpd2dq", "f2 0f e6", "=V,W16"),

	{ "movups", "0f 10 /r", "=V,W16", FM_UNAL }, { "movups", "0f 11 /r", "=W16,V", FM_UNAL },
	{ "movupd", "66 0f 10 /r", "=V,W16", FM_UNAL }, { "movupd", "66 0f 11 /r", "=W16,V", FM_UNAL },
	RR("movss", "f3 0f 10", "+V,W4"), RR("movss", "f3 0f 11", "+W4,V"),
	RR("movsd", "f2 0f 10", "+V,W8"), RR("movsd", "f2 0f 11", "+W8,V"),
	RR("movaps", "0f 28", "=V,W16"), RR("movaps", "0f 29", "=W16,V"),
	RR("movapd", "66 0f 28", "=V,W16"), RR("movapd", "66 0f 29", "=W16,V"),
	RR("movlps", "0f 12", "+V,M8"), RR("movhlps", "0f 12", "+V,U"), RR("movlps", "0f 13", "=M8,V"),
	RR("movlpd", "66 0f 12", "+V,M8"), RR("movlpd", "66 0f 13", "=M8,V"),
	RR("movhps", "0f 16", "+V,M8"), RR("movlhps", "0f 16", "+V,U"), RR("movhps", "0f 17", "=M8,V"),
	RR("movhpd", "66 0f 16", "+V,M8"), RR("movhpd", "66 0f 17", "=M8,V"),
	RR("movntps", "0f 2b", "=M16,V"), RR("movntpd", "66 0f 2b", "=M16,V"),
	RR("movntdq", "66 0f e7", "=M16,V"), RR("movntq", "0f e7", "=M8,P"),
	RF("movntdqa", "66 0f 38 2a", "=V,M16", 0, FT_SSE41),
	RR("movmskps", "0f 50", "=Gy,U"), RR("movmskpd", "66 0f 50", "=Gy,U"),
	{ "movd", "0f 6e /r w0", "=P,Ed" }, { "movd", "66 0f 6e /r w0", "=V,Ed" },
	{ "movq", "0f 6e /r rex.w", "=P,Eq" }, { "movq", "66 0f 6e /r rex.w", "=V,Eq" },
	{ "movd", "0f 7e /r w0", "=Ed,P" }, { "movd", "66 0f 7e /r w0", "=Ed,V" },
	{ "movq", "0f 7e /r rex.w", "=Eq,P" }, { "movq", "66 0f 7e /r rex.w", "=Eq,V" },
	RR("movq", "0f 6f", "=P,Q8"), RR("movq", "0f 7f", "=Q8,P"),
	RR("movq", "f3 0f 7e", "=V,W8"), RR("movq", "66 0f d6", "=W8,V"),
	RR("movq2dq", "f3 0f d6", "=V,N"), RR("movdq2q", "f2 0f d6", "=P,U"),
	RR("movdqa", "66 0f 6f", "=V,W16"), RR("movdqa", "66 0f 7f", "=W16,V"),
	{ "movdqu", "f3 0f 6f /r", "=V,W16", FM_UNAL }, { "movdqu", "f3 0f 7f /r", "=W16,V", FM_UNAL },
	{ "maskmovq", "0f f7 /r", "P,N", FM_DI | FM_MASKED },
	{ "maskmovdqu", "66 0f f7 /r", "V,U", FM_DI | FM_MASKED },
	RR("pmovmskb", "0f d7", "=Gy,N"), RR("pmovmskb", "66 0f d7", "=Gy,U"),
	RR("pinsrw", "0f c4", "+P,Kw,Ib"), RR("pinsrw", "66 0f c4", "+V,Kw,Ib"),
	RR("pextrw", "0f c5", "=Gy,N,Ib"), RR("pextrw", "66 0f c5", "=Gy,U,Ib"),
	{ "ldmxcsr", "0f ae /2", "M4", FM_MXCSR }, { "stmxcsr", "0f ae /3", "=M4" },

	MX("punpcklbw", "60"), MX("punpcklwd", "61"), MX("punpckldq", "62"), MX("packsswb", "63"),
	MX("pcmpgtb", "64"), MX("pcmpgtw", "65"), MX("pcmpgtd", "66"), MX("packuswb", "67"),
	MX("punpckhbw", "68"), MX("punpckhwd", "69"), MX("punpckhdq", "6a"), MX("packssdw", "6b"),
	RR("punpcklqdq", "66 0f 6c", "+V,W16"), RR("punpckhqdq", "66 0f 6d", "+V,W16"),
	RR("pshufw", "0f 70", "=P,Q8,Ib"), RR("pshufd", "66 0f 70", "=V,W16,Ib"),
	RR("pshufhw", "f3 0f 70", "=V,W16,Ib"), RR("pshuflw", "f2 0f 70", "=V,W16,Ib"),
	MX("pcmpeqb", "74"), MX("pcmpeqw", "75"), MX("pcmpeqd", "76"),
	SHIFTS("psrlw", "d1", "71", "/2"), SHIFTS("psraw", "e1", "71", "/4"),
	SHIFTS("psllw", "f1", "71", "/6"), SHIFTS("psrld", "d2", "72", "/2"),
	SHIFTS("psrad", "e2", "72", "/4"), SHIFTS("pslld", "f2", "72", "/6"),
	SHIFTS("psrlq", "d3", "73", "/2"), SHIFTS("psllq", "f3", "73", "/6"),
	{ "psrldq", "66 0f 73 /3", "+U,Ib" }, { "pslldq", "66 0f 73 /7", "+U,Ib" },
	MX("paddq", "d4"), MX("pmullw", "d5"), MX("psubusb", "d8"), MX("psubusw", "d9"),
	MX("pminub", "da"), MX("pand", "db"), MX("paddusb", "dc"), MX("paddusw", "dd"),
	MX("pmaxub", "de"), MX("pandn", "df"), MX("pavgb", "e0"), MX("pavgw", "e3"),
	MX("pmulhuw", "e4"), MX("pmulhw", "e5"), MX("psubsb", "e8"), MX("psubsw", "e9"),
	MX("pminsw", "ea"), MX("por", "eb"), MX("paddsb", "ec"), MX("paddsw", "ed"),
	MX("pmaxsw", "ee"), MX("pxor", "ef"), MX("pmuludq", "f4"), MX("pmaddwd", "f5"),
	MX("psadbw", "f6"), MX("psubb", "f8"), MX("psubw", "f9"), MX("psubd", "fa"),
	MX("psubq", "fb"), MX("paddb", "fc"), MX("paddw", "fd"), MX("paddd", "fe"),

	S3("pshufb", "00"), S3("phaddw", "01"), S3("phaddd", "02"), S3("phaddsw", "03"),
	S3("pmaddubsw", "04"), S3("phsubw", "05"), S3("phsubd", "06"), S3("phsubsw", "07"),
	S3("psignb", "08"), S3("psignw", "09"), S3("psignd", "0a"), S3("pmulhrsw", "0b"),
	S3("pabsb", "1c"), S3("pabsw", "1d"), S3("pabsd", "1e"),
	RF("palignr", "0f 3a 0f", "+P,Q8,Ib", 0, FT_SSSE3),
	RF("palignr", "66 0f 3a 0f", "+V,W16,Ib", 0, FT_SSSE3),

	S41("pblendvb", "10", "+V,W16"), S41("blendvps", "14", "+V,W16"), S41("blendvpd", "15", "+V,W16"),
	S41("ptest", "17", "V,W16"), S41("pmovsxbw", "20", "=V,W8"), S41("pmovsxbd", "21", "=V,W4"),
	S41("pmovsxbq", "22", "=V,W2"), S41("pmovsxwd", "23", "=V,W8"), S41("pmovsxwq", "24", "=V,W4"),
	S41("pmovsxdq", "25", "=V,W8"), S41("pmuldq", "28", "+V,W16"), S41("pcmpeqq", "29", "+V,W16"),
	S41("packusdw", "2b", "+V,W16"), S41("pmovzxbw", "30", "=V,W8"), S41("pmovzxbd", "31", "=V,W4"),
	S41("pmovzxbq", "32", "=V,W2"), S41("pmovzxwd", "33", "=V,W8"), S41("pmovzxwq", "34", "=V,W4"),
	S41("pmovzxdq", "35", "=V,W8"), S41("pminsb", "38", "+V,W16"), S41("pminsd", "39", "+V,W16"),
	S41("pminuw", "3a", "+V,W16"), S41("pminud", "3b", "+V,W16"), S41("pmaxsb", "3c", "+V,W16"),
	S41("pmaxsd", "3d", "+V,W16"), S41("pmaxuw", "3e", "+V,W16"), S41("pmaxud", "3f", "+V,W16"),
	S41("pmulld", "40", "+V,W16"), S41("phminposuw", "41", "=V,W16"),
	RF("roundps", "66 0f 3a 08", "=V,W16,Ib", 0, FT_SSE41),
	RF("roundpd", "66 0f 3a 09", "=V,W16,Ib", 0, FT_SSE41),
	RF("roundss", "66 0f 3a 0a", "+V,W4,Ib", 0, FT_SSE41),
	RF("roundsd", "66 0f 3a 0b", "+V,W8,Ib", 0, FT_SSE41),
	RF("blendps", "66 0f 3a 0c", "+V,W16,Ib", 0, FT_SSE41),
	RF("blendpd", "66 0f 3a 0d", "+V,W16,Ib", 0, FT_SSE41),
	RF("pblendw", "66 0f 3a 0e", "+V,W16,Ib", 0, FT_SSE41),
	RF("pextrb", "66 0f 3a 14", "=Kb,V,Ib", 0, FT_SSE41),
	RF("pextrw", "66 0f 3a 15", "=Kw,V,Ib", 0, FT_SSE41),
	{ "pextrd", "66 0f 3a 16 /r w0", "=Ed,V,Ib", 0, 0, FT_SSE41 },
	{ "pextrq", "66 0f 3a 16 /r rex.w", "=Eq,V,Ib", 0, 0, FT_SSE41 },
	{ "extractps", "66 0f 3a 17 /r", "=Ed,V,Ib", 0, 0, FT_SSE41 },
	RF("pinsrb", "66 0f 3a 20", "+V,Kb,Ib", 0, FT_SSE41),
	RF("insertps", "66 0f 3a 21", "+V,W4,Ib", 0, FT_SSE41),
	{ "pinsrd", "66 0f 3a 22 /r w0", "+V,Ed,Ib", 0, 0, FT_SSE41 },
	{ "pinsrq", "66 0f 3a 22 /r rex.w", "+V,Eq,Ib", 0, 0, FT_SSE41 },
	RF("dpps", "66 0f 3a 40", "+V,W16,Ib", 0, FT_SSE41),
	RF("dppd", "66 0f 3a 41", "+V,W16,Ib", 0, FT_SSE41),
	RF("mpsadbw", "66 0f 3a 42", "+V,W16,Ib", 0, FT_SSE41),
	{ "pcmpestrm", "66 0f 3a 60 /r", "V,W16,Ib", FM_UNAL, 0, FT_SSE42 },
	{ "pcmpestri", "66 0f 3a 61 /r", "V,W16,Ib", FM_UNAL, 1 << 1, FT_SSE42 },
	{ "pcmpistrm", "66 0f 3a 62 /r", "V,W16,Ib", FM_UNAL, 0, FT_SSE42 },
	{ "pcmpistri", "66 0f 3a 63 /r", "V,W16,Ib", FM_UNAL, 1 << 1, FT_SSE42 },
	RF("pcmpgtq", "66 0f 38 37", "+V,W16", 0, FT_SSE42),

	RF("aesimc", "66 0f 38 db", "=V,W16", 0, FT_AES), RF("aesenc", "66 0f 38 dc", "+V,W16", 0, FT_AES),
	RF("aesenclast", "66 0f 38 dd", "+V,W16", 0, FT_AES),
	RF("aesdec", "66 0f 38 de", "+V,W16", 0, FT_AES),
	RF("aesdeclast", "66 0f 38 df", "+V,W16", 0, FT_AES),
	RF("aeskeygenassist", "66 0f 3a df", "=V,W16,Ib", 0, FT_AES),
	RF("pclmulqdq", "66 0f 3a 44", "+V,W16,Ib", 0, FT_PCLMUL),
	RF("sha1nexte", "0f 38 c8", "+V,W16", 0, FT_SHA), RF("sha1msg1", "0f 38 c9", "+V,W16", 0, FT_SHA),
	RF("sha1msg2", "0f 38 ca", "+V,W16", 0, FT_SHA),
	RF("sha256rnds2", "0f 38 cb", "+V,W16", 0, FT_SHA),
	RF("sha256msg1", "0f 38 cc", "+V,W16", 0, FT_SHA),
	RF("sha256msg2", "0f 38 cd", "+V,W16", 0, FT_SHA),
	RF("sha1rnds4", "0f 3a cc", "+V,W16,Ib", 0, FT_SHA),
	RF("gf2p8mulb", "66 0f 38 cf", "+V,W16", 0, FT_GFNI),
	RF("gf2p8affineqb", "66 0f 3a ce", "+V,W16,Ib", 0, FT_GFNI),
	RF("gf2p8affineinvqb", "66 0f 3a cf", "+V,W16,Ib", 0, FT_GFNI),

	{ "extrq", "66 0f 79 /r", "+V,U", 0, 0, FT_SSE4A },
	{ "insertq", "f2 0f 79 /r", "+V,U", 0, 0, FT_SSE4A },
	{ "extrq", "66 0f 78 /0", "+U,Ib,Ib", 0, 0, FT_SSE4A },
	{ "insertq", "f2 0f 78 /r", "+V,U,Ib,Ib", 0, 0, FT_SSE4A },
	{ "movntss", "f3 0f 2b /r", "=M4,V", 0, 0, FT_SSE4A },
	{ "movntsd", "f2 0f 2b /r", "=M8,V", 0, 0, FT_SSE4A },
};
const unsigned forms_sse_n = ARRAY_SIZE(forms_sse);
