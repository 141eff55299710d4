// work.js - makes V8 compile, optimize, give optimizations up and collect code; prints sums.
function sieve(n) {
	const composite = new Uint8Array(n + 1);
	let count = 0;
	for (let i = 2; i <= n; i++) {
		if (composite[i]) continue;
		count++;
		for (let k = i * i; k <= n; k += i) composite[k] = 1;
	}
	return count;
}

function shapes(n) { // one function, many hidden classes: optimized code is thrown away
	const area = (s) => s.w * s.h + (s.d || 0);
	let sum = 0;
	for (let i = 0; i < n; i++) {
		const s = i % 3 ? { w: i, h: 2 } : i % 2 ? { h: 3, w: i, d: 1 } : { w: i + 0.5, h: 2, n: "x" };
		sum = (sum + area(s)) % 1000003;
	}
	return sum;
}

function generated(n) {
	let sum = 0;
	for (let i = 1; i <= n; i++) {
		const f = new Function("k", `let s = 0; for (let j = 0; j < 500; j++) s = (s + j * ${i} + k) % ${i + 7}; return s;`);
		for (let k = 0; k < 5; k++) sum += f(k);
	}
	return sum;
}

function words(n) {
	const seen = new Map();
	for (let i = 0; i < n; i++) {
		const key = ((i * 7919) % 997).toString(36);
		seen.set(key, (seen.get(key) || 0) + i);
	}
	return [...seen].sort().reduce((a, [k, v]) => (a * 31 + k.length + v) % 1000003, 7);
}

for (let turn = 1; turn <= Number(process.argv[2] || 3); turn++)
	console.log(["jit", turn, sieve(50000 * turn), shapes(50000), generated(200), words(20000)].join(" "));
