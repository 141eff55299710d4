/* forms_avx.c - VEX-encoded vector forms: AVX, AVX2, FMA, F16C, VAES and relatives.
 * Source of the encodings: Intel SDM volume 2. */
#include "form.h"

#define R(name, enc, ops) { name, enc " /r", ops, 0, 0, FT_AVX }
#define R2(name, enc, ops) { name, enc " /r", ops, 0, 0, FT_AVX2 }
#define RF(name, enc, ops, flags, feat) { name, enc " /r", ops, flags, 0, feat }

#define FP4(name, op)                                      \
	R(name "ps", "vx 0f " op, "=V,H,Wx"),              \
	R(name "pd", "vx 66 0f " op, "=V,H,Wx"),           \
	R(name "ss", "vl f3 0f " op, "=V,H,W4"),           \
	R(name "sd", "vl f2 0f " op, "=V,H,W8")
#define FP2(name, op)                                      \
	R(name "ps", "vx 0f " op, "=V,H,Wx"),              \
	R(name "pd", "vx 66 0f " op, "=V,H,Wx")
/* Integer three-operand: 128 bits is AVX, 256 bits AVX2. */
#define I3(name, op)                                       \
	R(name, "v128 66 0f " op, "=V,H,Wx"),              \
	R2(name, "v256 66 0f " op, "=V,H,Wx")
#define I38(name, op)                                      \
	R(name, "v128 66 0f 38 " op, "=V,H,Wx"),           \
	R2(name, "v256 66 0f 38 " op, "=V,H,Wx")
#define I2(name, enc, ops)                                 \
	R(name, "v128 " enc, ops),                         \
	R2(name, "v256 " enc, ops)
#define SH(name, op, imm, digit)                                             \
	R(name, "v128 66 0f " op, "=V,H,W16"),                               \
	R2(name, "v256 66 0f " op, "=V,H,W16"),                              \
	{ name, "v128 66 0f " imm " " digit, "=H,U,Ib", 0, 0, FT_AVX },      \
	{ name, "v256 66 0f " imm " " digit, "=H,U,Ib", 0, 0, FT_AVX2 }
#define FMA_PS(name, op)                                                     \
	{ name "ps", "vx 66 0f 38 " op " /r w0", "+V,H,Wx", 0, 0, FT_FMA },  \
	{ name "pd", "vx 66 0f 38 " op " /r w1", "+V,H,Wx", 0, 0, FT_FMA }
#define FMA_SS(name, op)                                                     \
	{ name "ss", "vl 66 0f 38 " op " /r w0", "+V,H,W4", 0, 0, FT_FMA },  \
	{ name "sd", "vl 66 0f 38 " op " /r w1", "+V,H,W8", 0, 0, FT_FMA }
#define FMA(name, a, b, c)                                                   \
	FMA_PS(name "132", a), FMA_PS(name "213", b), FMA_PS(name "231", c)
#define FMAS(name, a, b, c)                                                  \
	FMA_SS(name "132", a), FMA_SS(name "213", b), FMA_SS(name "231", c)
#define GATHER(name, op, w, size)                                            \
	{ name, "vx 66 0f 38 " op " /r " w, "+V,X" size ",+H", FM_MASKED, 0, FT_AVX2 }

const struct form forms_avx[] = {
	FP4("vadd", "58"), FP4("vmul", "59"), FP4("vsub", "5c"), FP4("vmin", "5d"),
	FP4("vdiv", "5e"), FP4("vmax", "5f"),
	R("vsqrtps", "vx 0f 51", "=V,Wx"), R("vsqrtpd", "vx 66 0f 51", "=V,Wx"),
	R("vsqrtss", "vl f3 0f 51", "=V,H,W4"), R("vsqrtsd", "vl f2 0f 51", "=V,H,W8"),
	R("vrsqrtps", "vx 0f 52", "=V,Wx"), R("vrsqrtss", "vl f3 0f 52", "=V,H,W4"),
	R("vrcpps", "vx 0f 53", "=V,Wx"), R("vrcpss", "vl f3 0f 53", "=V,H,W4"),
	FP2("vand", "54"), FP2("vandn", "55"), FP2("vor", "56"), FP2("vxor", "57"),
	FP2("vunpckl", "14"), FP2("vunpckh", "15"),
	R("vcmpps", "vx 0f c2", "=V,H,Wx,Ib"), R("vcmppd", "vx 66 0f c2", "=V,H,Wx,Ib"),
	R("vcmpss", "vl f3 0f c2", "=V,H,W4,Ib"), R("vcmpsd", "vl f2 0f c2", "=V,H,W8,Ib"),
	R("vshufps", "vx 0f c6", "=V,H,Wx,Ib"), R("vshufpd", "vx 66 0f c6", "=V,H,Wx,Ib"),
	R("vucomiss", "vl 0f 2e", "V,W4"), R("vucomisd", "vl 66 0f 2e", "V,W8"),
	R("vcomiss", "vl 0f 2f", "V,W4"), R("vcomisd", "vl 66 0f 2f", "V,W8"),
	R("vhaddps", "vx f2 0f 7c", "=V,H,Wx"), R("vhaddpd", "vx 66 0f 7c", "=V,H,Wx"),
	R("vhsubps", "vx f2 0f 7d", "=V,H,Wx"), R("vhsubpd", "vx 66 0f 7d", "=V,H,Wx"),
	R("vaddsubps", "vx f2 0f d0", "=V,H,Wx"), R("vaddsubpd", "vx 66 0f d0", "=V,H,Wx"),
	R("vmovsldup", "vx f3 0f 12", "=V,Wx"), R("vmovshdup", "vx f3 0f 16", "=V,Wx"),
	R("vmovddup", "v128 f2 0f 12", "=V,W8"), R("vmovddup", "v256 f2 0f 12", "=V,W32"),
	R("vlddqu", "vx f2 0f f0", "=V,Mx"),
	R("vcvtsi2ss", "vl f3 0f 2a", "=V,H,Ey"), R("vcvtsi2sd", "vl f2 0f 2a", "=V,H,Ey"),
	R("vcvttss2si", "vl f3 0f 2c", "=Gy,W4"), R("vcvttsd2si", "vl f2 0f 2c", "=Gy,W8"),
	R("vcvtss2si", "vl f3 0f 2d", "=Gy,W4"), R("vcvtsd2si", "vl f2 0f 2d", "=Gy,W8"),
	R("vcvtps2pd", "vx 0f 5a", "=V,Wh"), R("vcvtpd2ps", "vx 66 0f 5a", "=V,Wx"),
	R("vcvtss2sd", "vl f3 0f 5a", "=V,H,W4"), R("vcvtsd2ss", "vl f2 0f 5a", "=V,H,W8"),
	R("vcvtdq2ps", "vx 0f 5b", "=V,Wx"), R("vcvtps2dq", "vx 66 0f 5b", "=V,Wx"),
	R("vcvttps2dq", "vx f3 0f 5b", "=V,Wx"), R("vcvttpd2dq", "vx 66 0f e6", "=V,Wx"),
	R("vcvtdq2pd", "vx f3 0f e6", "=V,Wh"), R("vcvtpd2dq", "vx f2 0f e6", "=V,Wx"),
	{ "vcvtph2ps", "vx 66 0f 38 13 /r w0", "=V,Wh", 0, 0, FT_F16C },
	{ "vcvtps2ph", "vx 66 0f 3a 1d /r w0", "=Wh,V,Ib", 0, 0, FT_F16C },

	R("vmovups", "vx 0f 10", "=V,Wx"), R("vmovups", "vx 0f 11", "=Wx,V"),
	R("vmovupd", "vx 66 0f 10", "=V,Wx"), R("vmovupd", "vx 66 0f 11", "=Wx,V"),
	R("vmovss", "vl f3 0f 10", "=V,M4"), R("vmovss", "vl f3 0f 11", "=M4,V"),
	R("vmovss", "vl f3 0f 10", "=V,H,U"), R("vmovss", "vl f3 0f 11", "=U,H,V"),
	R("vmovsd", "vl f2 0f 10", "=V,M8"), R("vmovsd", "vl f2 0f 11", "=M8,V"),
	R("vmovsd", "vl f2 0f 10", "=V,H,U"), R("vmovsd", "vl f2 0f 11", "=U,H,V"),
	RF("vmovaps", "vx 0f 28", "=V,Wx", FM_ALIGN, FT_AVX), RF("vmovaps", "vx 0f 29", "=Wx,V", FM_ALIGN, FT_AVX),
	RF("vmovapd", "vx 66 0f 28", "=V,Wx", FM_ALIGN, FT_AVX),
	RF("vmovapd", "vx 66 0f 29", "=Wx,V", FM_ALIGN, FT_AVX),
	RF("vmovdqa", "vx 66 0f 6f", "=V,Wx", FM_ALIGN, FT_AVX),
	RF("vmovdqa", "vx 66 0f 7f", "=Wx,V", FM_ALIGN, FT_AVX),
	R("vmovdqu", "vx f3 0f 6f", "=V,Wx"), R("vmovdqu", "vx f3 0f 7f", "=Wx,V"),
	RF("vmovntps", "vx 0f 2b", "=Mx,V", FM_ALIGN, FT_AVX),
	RF("vmovntpd", "vx 66 0f 2b", "=Mx,V", FM_ALIGN, FT_AVX),
	RF("vmovntdq", "vx 66 0f e7", "=Mx,V", FM_ALIGN, FT_AVX),
	RF("vmovntdqa", "v128 66 0f 38 2a", "=V,Mx", FM_ALIGN, FT_AVX),
	RF("vmovntdqa", "v256 66 0f 38 2a", "=V,Mx", FM_ALIGN, FT_AVX2),
	R("vmovlps", "v128 0f 12", "=V,H,M8"), R("vmovhlps", "v128 0f 12", "=V,H,U"),
	R("vmovlps", "v128 0f 13", "=M8,V"), R("vmovlpd", "v128 66 0f 12", "=V,H,M8"),
	R("vmovlpd", "v128 66 0f 13", "=M8,V"), R("vmovhps", "v128 0f 16", "=V,H,M8"),
	R("vmovlhps", "v128 0f 16", "=V,H,U"), R("vmovhps", "v128 0f 17", "=M8,V"),
	R("vmovhpd", "v128 66 0f 16", "=V,H,M8"), R("vmovhpd", "v128 66 0f 17", "=M8,V"),
	R("vmovmskps", "vx 0f 50", "=Gd,U"), R("vmovmskpd", "vx 66 0f 50", "=Gd,U"),
	{ "vmovd", "v128 66 0f 6e /r w0", "=V,Ed", 0, 0, FT_AVX },
	{ "vmovd", "v128 66 0f 7e /r w0", "=Ed,V", 0, 0, FT_AVX },
	{ "vmovq", "v128 66 0f 6e /r w1", "=V,Eq", FM_64, 0, FT_AVX },
	{ "vmovq", "v128 66 0f 7e /r w1", "=Eq,V", FM_64, 0, FT_AVX },
	R("vmovq", "v128 f3 0f 7e", "=V,W8"), R("vmovq", "v128 66 0f d6", "=W8,V"),
	RF("vmaskmovdqu", "v128 66 0f f7", "V,U", FM_DI | FM_MASKED, FT_AVX),
	I2("vpmovmskb", "66 0f d7", "=Gd,U"),
	R("vpinsrw", "v128 66 0f c4", "=V,H,Kw,Ib"), R("vpextrw", "v128 66 0f c5", "=Gd,U,Ib"),
	{ "vldmxcsr", "v128 0f ae /2", "M4", FM_MXCSR, 0, FT_AVX },
	{ "vstmxcsr", "v128 0f ae /3", "=M4", 0, 0, FT_AVX },
	{ "vzeroupper", "v128 0f 77", "", 0, 0, FT_AVX },
	{ "vzeroall", "v256 0f 77", "", 0, 0, FT_AVX },

	I3("vpunpcklbw", "60"), I3("vpunpcklwd", "61"), I3("vpunpckldq", "62"), I3("vpacksswb", "63"),
	I3("vpcmpgtb", "64"), I3("vpcmpgtw", "65"), I3("vpcmpgtd", "66"), I3("vpackuswb", "67"),
	I3("vpunpckhbw", "68"), I3("vpunpckhwd", "69"), I3("vpunpckhdq", "6a"), I3("vpackssdw", "6b"),
	I3("vpunpcklqdq", "6c"), I3("vpunpckhqdq", "6d"),
	I2("vpshufd", "66 0f 70", "=V,Wx,Ib"), I2("vpshufhw", "f3 0f 70", "=V,Wx,Ib"),
	I2("vpshuflw", "f2 0f 70", "=V,Wx,Ib"),
	I3("vpcmpeqb", "74"), I3("vpcmpeqw", "75"), I3("vpcmpeqd", "76"),
	SH("vpsrlw", "d1", "71", "/2"), SH("vpsraw", "e1", "71", "/4"), SH("vpsllw", "f1", "71", "/6"),
	SH("vpsrld", "d2", "72", "/2"), SH("vpsrad", "e2", "72", "/4"), SH("vpslld", "f2", "72", "/6"),
	SH("vpsrlq", "d3", "73", "/2"), SH("vpsllq", "f3", "73", "/6"),
	{ "vpsrldq", "v128 66 0f 73 /3", "=H,U,Ib", 0, 0, FT_AVX },
	{ "vpsrldq", "v256 66 0f 73 /3", "=H,U,Ib", 0, 0, FT_AVX2 },
	{ "vpslldq", "v128 66 0f 73 /7", "=H,U,Ib", 0, 0, FT_AVX },
	{ "vpslldq", "v256 66 0f 73 /7", "=H,U,Ib", 0, 0, FT_AVX2 },
	I3("vpaddq", "d4"), I3("vpmullw", "d5"), I3("vpsubusb", "d8"), I3("vpsubusw", "d9"),
	I3("vpminub", "da"), I3("vpand", "db"), I3("vpaddusb", "dc"), I3("vpaddusw", "dd"),
	I3("vpmaxub", "de"), I3("vpandn", "df"), I3("vpavgb", "e0"), I3("vpavgw", "e3"),
	I3("vpmulhuw", "e4"), I3("vpmulhw", "e5"), I3("vpsubsb", "e8"), I3("vpsubsw", "e9"),
	I3("vpminsw", "ea"), I3("vpor", "eb"), I3("vpaddsb", "ec"), I3("vpaddsw", "ed"),
	I3("vpmaxsw", "ee"), I3("vpxor", "ef"), I3("vpmuludq", "f4"), I3("vpmaddwd", "f5"),
	I3("vpsadbw", "f6"), I3("vpsubb", "f8"), I3("vpsubw", "f9"), I3("vpsubd", "fa"),
	I3("vpsubq", "fb"), I3("vpaddb", "fc"), I3("vpaddw", "fd"), I3("vpaddd", "fe"),
	I38("vpshufb", "00"), I38("vphaddw", "01"), I38("vphaddd", "02"), I38("vphaddsw", "03"),
	I38("vpmaddubsw", "04"), I38("vphsubw", "05"), I38("vphsubd", "06"), I38("vphsubsw", "07"),
	I38("vpsignb", "08"), I38("vpsignw", "09"), I38("vpsignd", "0a"), I38("vpmulhrsw", "0b"),
	I2("vpabsb", "66 0f 38 1c", "=V,Wx"), I2("vpabsw", "66 0f 38 1d", "=V,Wx"),
	I2("vpabsd", "66 0f 38 1e", "=V,Wx"), I2("vpalignr", "66 0f 3a 0f", "=V,H,Wx,Ib"),
	{ "vpermilps", "vx 66 0f 38 0c /r w0", "=V,H,Wx", 0, 0, FT_AVX },
	{ "vpermilpd", "vx 66 0f 38 0d /r w0", "=V,H,Wx", 0, 0, FT_AVX },
	{ "vpermilps", "vx 66 0f 3a 04 /r w0", "=V,Wx,Ib", 0, 0, FT_AVX },
	{ "vpermilpd", "vx 66 0f 3a 05 /r w0", "=V,Wx,Ib", 0, 0, FT_AVX },
	{ "vtestps", "vx 66 0f 38 0e /r w0", "V,Wx", 0, 0, FT_AVX },
	{ "vtestpd", "vx 66 0f 38 0f /r w0", "V,Wx", 0, 0, FT_AVX },
	R("vptest", "vx 66 0f 38 17", "V,Wx"),
	{ "vpermps", "v256 66 0f 38 16 /r w0", "=V,H,Wx", 0, 0, FT_AVX2 },
	{ "vpermd", "v256 66 0f 38 36 /r w0", "=V,H,Wx", 0, 0, FT_AVX2 },
	{ "vpermq", "v256 66 0f 3a 00 /r w1", "=V,Wx,Ib", 0, 0, FT_AVX2 },
	{ "vpermpd", "v256 66 0f 3a 01 /r w1", "=V,Wx,Ib", 0, 0, FT_AVX2 },
	{ "vpblendd", "vx 66 0f 3a 02 /r w0", "=V,H,Wx,Ib", 0, 0, FT_AVX2 },
	{ "vperm2f128", "v256 66 0f 3a 06 /r w0", "=V,H,Wx,Ib", 0, 0, FT_AVX },
	{ "vperm2i128", "v256 66 0f 3a 46 /r w0", "=V,H,Wx,Ib", 0, 0, FT_AVX2 },
	{ "vbroadcastss", "vx 66 0f 38 18 /r w0", "=V,M4", 0, 0, FT_AVX },
	{ "vbroadcastss", "vx 66 0f 38 18 /r w0", "=V,U", 0, 0, FT_AVX2 },
	{ "vbroadcastsd", "v256 66 0f 38 19 /r w0", "=V,M8", 0, 0, FT_AVX },
	{ "vbroadcastsd", "v256 66 0f 38 19 /r w0", "=V,U", 0, 0, FT_AVX2 },
	{ "vbroadcastf128", "v256 66 0f 38 1a /r w0", "=V,M16", 0, 0, FT_AVX },
	{ "vbroadcasti128", "v256 66 0f 38 5a /r w0", "=V,M16", 0, 0, FT_AVX2 },
	{ "vpbroadcastb", "vx 66 0f 38 78 /r w0", "=V,W1", 0, 0, FT_AVX2 },
	{ "vpbroadcastw", "vx 66 0f 38 79 /r w0", "=V,W2", 0, 0, FT_AVX2 },
	{ "vpbroadcastd", "vx 66 0f 38 58 /r w0", "=V,W4", 0, 0, FT_AVX2 },
	{ "vpbroadcastq", "vx 66 0f 38 59 /r w0", "=V,W8", 0, 0, FT_AVX2 },
	{ "vinsertf128", "v256 66 0f 3a 18 /r w0", "=V,H,W16,Ib", 0, 0, FT_AVX },
	{ "vextractf128", "v256 66 0f 3a 19 /r w0", "=W16,V,Ib", 0, 0, FT_AVX },
	{ "vinserti128", "v256 66 0f 3a 38 /r w0", "=V,H,W16,Ib", 0, 0, FT_AVX2 },
	{ "vextracti128", "v256 66 0f 3a 39 /r w0", "=W16,V,Ib", 0, 0, FT_AVX2 },
	I2("vpmovsxbw", "66 0f 38 20", "=V,Wh"), I2("vpmovsxbd", "66 0f 38 21", "=V,Wr"),
	I2("vpmovsxbq", "66 0f 38 22", "=V,We"), I2("vpmovsxwd", "66 0f 38 23", "=V,Wh"),
	I2("vpmovsxwq", "66 0f 38 24", "=V,Wr"), I2("vpmovsxdq", "66 0f 38 25", "=V,Wh"),
	I2("vpmovzxbw", "66 0f 38 30", "=V,Wh"), I2("vpmovzxbd", "66 0f 38 31", "=V,Wr"),
	I2("vpmovzxbq", "66 0f 38 32", "=V,We"), I2("vpmovzxwd", "66 0f 38 33", "=V,Wh"),
	I2("vpmovzxwq", "66 0f 38 34", "=V,Wr"), I2("vpmovzxdq", "66 0f 38 35", "=V,Wh"),
	I38("vpmuldq", "28"), I38("vpcmpeqq", "29"), I38("vpackusdw", "2b"), I38("vpcmpgtq", "37"),
	I38("vpminsb", "38"), I38("vpminsd", "39"), I38("vpminuw", "3a"), I38("vpminud", "3b"),
	I38("vpmaxsb", "3c"), I38("vpmaxsd", "3d"), I38("vpmaxuw", "3e"), I38("vpmaxud", "3f"),
	I38("vpmulld", "40"), R("vphminposuw", "v128 66 0f 38 41", "=V,W16"),
	{ "vmaskmovps", "vx 66 0f 38 2c /r w0", "=V,H,Mx", FM_MASKED, 0, FT_AVX },
	{ "vmaskmovpd", "vx 66 0f 38 2d /r w0", "=V,H,Mx", FM_MASKED, 0, FT_AVX },
	{ "vmaskmovps", "vx 66 0f 38 2e /r w0", "+Mx,H,V", FM_MASKED, 0, FT_AVX },
	{ "vmaskmovpd", "vx 66 0f 38 2f /r w0", "+Mx,H,V", FM_MASKED, 0, FT_AVX },
	{ "vpmaskmovd", "vx 66 0f 38 8c /r w0", "=V,H,Mx", FM_MASKED, 0, FT_AVX2 },
	{ "vpmaskmovq", "vx 66 0f 38 8c /r w1", "=V,H,Mx", FM_MASKED, 0, FT_AVX2 },
	{ "vpmaskmovd", "vx 66 0f 38 8e /r w0", "+Mx,H,V", FM_MASKED, 0, FT_AVX2 },
	{ "vpmaskmovq", "vx 66 0f 38 8e /r w1", "+Mx,H,V", FM_MASKED, 0, FT_AVX2 },
	{ "vpsrlvd", "vx 66 0f 38 45 /r w0", "=V,H,Wx", 0, 0, FT_AVX2 },
	{ "vpsrlvq", "vx 66 0f 38 45 /r w1", "=V,H,Wx", 0, 0, FT_AVX2 },
	{ "vpsravd", "vx 66 0f 38 46 /r w0", "=V,H,Wx", 0, 0, FT_AVX2 },
	{ "vpsllvd", "vx 66 0f 38 47 /r w0", "=V,H,Wx", 0, 0, FT_AVX2 },
	{ "vpsllvq", "vx 66 0f 38 47 /r w1", "=V,H,Wx", 0, 0, FT_AVX2 },
	GATHER("vpgatherdd", "90", "w0", "d"), GATHER("vpgatherdq", "90", "w1", "d"),
	GATHER("vpgatherqd", "91", "w0", "q"), GATHER("vpgatherqq", "91", "w1", "q"),
	GATHER("vgatherdps", "92", "w0", "d"), GATHER("vgatherdpd", "92", "w1", "d"),
	GATHER("vgatherqps", "93", "w0", "q"), GATHER("vgatherqpd", "93", "w1", "q"),

	R("vroundps", "vx 66 0f 3a 08", "=V,Wx,Ib"), R("vroundpd", "vx 66 0f 3a 09", "=V,Wx,Ib"),
	R("vroundss", "vl 66 0f 3a 0a", "=V,H,W4,Ib"), R("vroundsd", "vl 66 0f 3a 0b", "=V,H,W8,Ib"),
	R("vblendps", "vx 66 0f 3a 0c", "=V,H,Wx,Ib"), R("vblendpd", "vx 66 0f 3a 0d", "=V,H,Wx,Ib"),
	I2("vpblendw", "66 0f 3a 0e", "=V,H,Wx,Ib"),
	R("vpextrb", "v128 66 0f 3a 14", "=Kb,V,Ib"), R("vpextrw", "v128 66 0f 3a 15", "=Kw,V,Ib"),
	{ "vpextrd", "v128 66 0f 3a 16 /r w0", "=Ed,V,Ib", 0, 0, FT_AVX },
	{ "vpextrq", "v128 66 0f 3a 16 /r w1", "=Eq,V,Ib", FM_64, 0, FT_AVX },
	R("vextractps", "v128 66 0f 3a 17", "=Ed,V,Ib"), R("vpinsrb", "v128 66 0f 3a 20", "=V,H,Kb,Ib"),
	R("vinsertps", "v128 66 0f 3a 21", "=V,H,W4,Ib"),
	{ "vpinsrd", "v128 66 0f 3a 22 /r w0", "=V,H,Ed,Ib", 0, 0, FT_AVX },
	{ "vpinsrq", "v128 66 0f 3a 22 /r w1", "=V,H,Eq,Ib", FM_64, 0, FT_AVX },
	R("vdpps", "vx 66 0f 3a 40", "=V,H,Wx,Ib"), R("vdppd", "v128 66 0f 3a 41", "=V,H,Wx,Ib"),
	I2("vmpsadbw", "66 0f 3a 42", "=V,H,Wx,Ib"),
	{ "vblendvps", "vx 66 0f 3a 4a /r w0", "=V,H,Wx,L", 0, 0, FT_AVX },
	{ "vblendvpd", "vx 66 0f 3a 4b /r w0", "=V,H,Wx,L", 0, 0, FT_AVX },
	{ "vpblendvb", "v128 66 0f 3a 4c /r w0", "=V,H,Wx,L", 0, 0, FT_AVX },
	{ "vpblendvb", "v256 66 0f 3a 4c /r w0", "=V,H,Wx,L", 0, 0, FT_AVX2 },
	R("vpcmpestrm", "v128 66 0f 3a 60", "V,W16,Ib"),
	{ "vpcmpestri", "v128 66 0f 3a 61 /r", "V,W16,Ib", 0, 1 << 1, FT_AVX },
	R("vpcmpistrm", "v128 66 0f 3a 62", "V,W16,Ib"),
	{ "vpcmpistri", "v128 66 0f 3a 63 /r", "V,W16,Ib", 0, 1 << 1, FT_AVX },

	FMA("vfmaddsub", "96", "a6", "b6"), FMA("vfmsubadd", "97", "a7", "b7"),
	FMA("vfmadd", "98", "a8", "b8"), FMAS("vfmadd", "99", "a9", "b9"),
	FMA("vfmsub", "9a", "aa", "ba"), FMAS("vfmsub", "9b", "ab", "bb"),
	FMA("vfnmadd", "9c", "ac", "bc"), FMAS("vfnmadd", "9d", "ad", "bd"),
	FMA("vfnmsub", "9e", "ae", "be"), FMAS("vfnmsub", "9f", "af", "bf"),

	R("vaesimc", "v128 66 0f 38 db", "=V,W16"), R("vaeskeygenassist", "v128 66 0f 3a df", "=V,W16,Ib"),
	R("vaesenc", "v128 66 0f 38 dc", "=V,H,Wx"), R("vaesenclast", "v128 66 0f 38 dd", "=V,H,Wx"),
	R("vaesdec", "v128 66 0f 38 de", "=V,H,Wx"), R("vaesdeclast", "v128 66 0f 38 df", "=V,H,Wx"),
	R("vpclmulqdq", "v128 66 0f 3a 44", "=V,H,Wx,Ib"),
	RF("vaesenc", "v256 66 0f 38 dc", "=V,H,Wx", 0, FT_VAES),
	RF("vaesenclast", "v256 66 0f 38 dd", "=V,H,Wx", 0, FT_VAES),
	RF("vaesdec", "v256 66 0f 38 de", "=V,H,Wx", 0, FT_VAES),
	RF("vaesdeclast", "v256 66 0f 38 df", "=V,H,Wx", 0, FT_VAES),
	RF("vpclmulqdq", "v256 66 0f 3a 44", "=V,H,Wx,Ib", 0, FT_VPCLMUL),
	{ "vgf2p8mulb", "vx 66 0f 38 cf /r w0", "=V,H,Wx", 0, 0, FT_GFNI },
	{ "vgf2p8affineqb", "vx 66 0f 3a ce /r w1", "=V,H,Wx,Ib", 0, 0, FT_GFNI },
	{ "vgf2p8affineinvqb", "vx 66 0f 3a cf /r w1", "=V,H,Wx,Ib", 0, 0, FT_GFNI },
};
const unsigned forms_avx_n = ARRAY_SIZE(forms_avx);
