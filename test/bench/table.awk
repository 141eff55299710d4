# table.awk - medians and ratios from lines "WHO WHAT VALUE UNIT"; -v json= and -v chart= name files.

$4 == "checksum" {
	if ($2 in checksum && checksum[$2] != $3)
		wrong[$2] = 1
	checksum[$2] = $3
	next
}

{
	if (!($2 in unit))
		order[++n] = $2
	unit[$2] = $4
	count[$1, $2]++
	value[$1, $2, count[$1, $2]] = $3
}

function median(who, what,    k, i, j, t, v) {
	k = count[who, what]
	if (!k)
		return ""
	for (i = 1; i <= k; i++)
		v[i] = value[who, what, i] + 0
	for (i = 2; i <= k; i++)
		for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
			t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
		}
	return k % 2 ? v[(k + 1) / 2] : (v[k / 2] + v[k / 2 + 1]) / 2
}

function ratio(a, b) { return a == "" || b == "" || b == 0 ? "-" : sprintf("%.2f", a / b) }
function shown(x) { return x == "" ? "-" : x >= 100 ? sprintf("%.0f", x) : sprintf("%.3g", x) }

END {
	printf "%-20s %-18s %10s %10s %10s %12s %14s\n", "what", "unit", "native", "pandok", "TCG",
		"TCG/pandok", "pandok/native"
	for (i = 1; i <= n; i++) {
		w = order[i]
		p = median("pandok", w); q = median("tcg", w); o = median("native", w)
		printf "%-20s %-18s %10s %10s %10s %12s %14s%s\n", w, unit[w], shown(o), shown(p),
			shown(q), ratio(q, p), ratio(p, o),
			((w "-checksum") in wrong) ? "  WRONG CHECKSUM" : ""
		if (unit[w] != "KiB" && w !~ /-cpu$|^guest/ && p != "" && q != "" && p > 0) {
			print w, q / p >chart
			if (unit[w] ~ /^ns/ && w !~ /^(gzip|threads|compile|perl|tcp.*|disk.*)$/) {
				logs += log(q / p); all++
				if (w != "memset" && w != "file") {
					some_logs += log(q / p); some++
				}
			}
		}
	}
	if (all)
		printf "geometric mean of int to file, without gzip: %.2f times faster than TCG (%.2f without memset and file)\n", \
			exp(logs / all), exp(some_logs / some)
	for (w in wrong) {
		print "the checksum of " w " differs"
		bad = 1
	}
	write_json()
	exit bad
}

function write_json(    key, part, first, i, k, j) {
	print "{" >json
	for (i = 1; i <= n; i++) {
		printf "  \"%s\": { \"unit\": \"%s\"", order[i], unit[order[i]] >json
		for (k = split("native pandok tcg", part, " "); k > 0; k--) {
			if (!count[part[k], order[i]])
				continue
			printf ", \"%s\": [", part[k] >json
			for (j = 1; j <= count[part[k], order[i]]; j++)
				printf "%s%s", (j > 1 ? ", " : ""), value[part[k], order[i], j] >json
			printf "]" >json
		}
		printf " }%s\n", i < n ? "," : "" >json
	}
	print "}" >json
}
