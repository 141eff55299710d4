# chart.gp - how many times faster than TCG, one bar a workload; -e sets form, data and out.
set terminal form size 900,420
set output out
set title "pandok (soft) against QEMU TCG: times faster, logarithmic"
set logscale y 2
set ytics add ("1" 1)
set grid y
set yrange [0.5:256]
set style fill solid 0.7 border -1
set boxwidth 0.7
set xtics rotate by -40
unset key
set bmargin 6
plot [-0.6:] 1 lc rgb "#999999", data using 0:2:xtic(1) with boxes lc rgb "#b5652b", \
     data using 0:2:(sprintf("%.1f", $2)) with labels offset 0,0.7
