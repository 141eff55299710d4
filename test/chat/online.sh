# online.sh - a Debian guest gets on line with its stock pppd over the modem at its second serial port.
# Sourced by run, in $OUT; $tree is the source tree.

# Debian's pppd and chat with their libraries, and the kernel's modules, as one more initial RAM disk.
pack_ppp() {
	modules=$(dirname "$kernel")/root/lib/modules
	modules=$(echo "$modules"/*/kernel)
	programs="/usr/sbin/pppd /usr/sbin/chat"
	[ ! -x /usr/bin/wvdial ] || programs="$programs /usr/bin/wvdial"
	mkdir -p ppp/usr/sbin ppp/usr/lib ppp/etc/ppp/peers ppp/ko
	cp -r /usr/lib/pppd ppp/usr/lib/
	# shellcheck disable=SC2086
	cp $programs ppp/usr/sbin/ || return 1
	# shellcheck disable=SC2086
	for lib in $(ldd $programs | grep -o '/[^ )]*' | grep -v : | sort -u); do
		mkdir -p "ppp$(dirname "$lib")"
		cp -L "$lib" "ppp$lib"
	done
	for ko in drivers/net/slip/slhc drivers/net/ppp/ppp_generic drivers/net/ppp/ppp_async; do
		cp "$modules/$ko.ko" ppp/ko/ || return 1
	done
	cat >ppp/online <<'S'
#!/bin/sh
export PATH=/usr/sbin:/sbin:/usr/bin:/bin
cd /ko && for m in slhc ppp_generic ppp_async; do insmod $m.ko; done
mkdir -p /var/run /run /var/lock /etc/ppp
[ -c /dev/ppp ] || mknod /dev/ppp c 108 0
: >/etc/ppp/options
pppd /dev/ttyS1 115200 user x password x noauth nodetach usepeerdns ipcp-accept-remote \
	lcp-echo-interval 5 logfd 1 connect "chat -t 10 ABORT ERROR ABORT 'NO CARRIER' '' ATZ OK AT+CPIN=1234 OK ATDT*99***1# CONNECT '\\c'" &
for i in $(seq 30); do ip addr show ppp0 2>/dev/null | grep -q 'inet 10.0.2.15' && break; sleep 1; done
ip addr show ppp0
ip route add default dev ppp0
ping -c 3 -W 5 10.0.2.2 && echo "the net answers"
cat /etc/ppp/resolv.conf
kill %1; wait
echo "done with ppp"
command -v wvdial >/dev/null || exit
wvdial umts &
for i in $(seq 30); do ip addr show ppp0 2>/dev/null | grep -q 'inet 10.0.2.15' && break; sleep 1; done
ping -c 2 -W 5 10.0.2.2 && echo "wvdial is on line"
kill %1; wait
echo "done with wvdial"
S
	cat >ppp/etc/wvdial.conf <<'S'
[Dialer Defaults]
Modem = /dev/ttyS1
Baud = 115200
Init1 = ATZ
Init2 = ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0
Stupid Mode = 1
New PPPD = yes
[Dialer umts]
Init3 = AT+CGDCONT=1,"IP","slsfr"
Phone = *99***1#
Username = slsfr
Password = slsfr
S
	printf 'noauth\nname wvdial\nusepeerdns\n' >ppp/etc/ppp/peers/wvdial
	chmod 755 ppp/online
	(cd ppp && find . | cpio -o -H newc 2>/dev/null) >ppp.cpio
}

cat >online.chat <<'S'
TIMEOUT 90
':~# ' '/online'
'the net answers' ''
'nameserver 10.0.2.3' ''
'done with ppp' ''
':~# ' 'poweroff -f'
S
kernel=$(cd "$tree" && XDG_CACHE_HOME=$cache tools/guest-assets.sh kernel amd64 2>/dev/null)
initrd=$(cd "$tree" && XDG_CACHE_HOME=$cache tools/guest-assets.sh initrd 2>/dev/null)
case $initrd in /*) ;; *) initrd=$tree/$initrd ;; esac
if [ ! -x /usr/sbin/pppd ]; then
	echo "SKIP online: Debian's pppd is not installed (package ppp)"
elif [ -z "$kernel" ] || ! pack_ppp; then
	echo "SKIP online: no kernel with modules: $(ls ppp/ko 2>&1 | tail -n 1)"
else
	PATIENCE=170 says online 0 'the net answers' "$PROG" run --engine soft --timeout 160 --serial 1=modem:pin=1234 \
		--chat online.chat --initrd "$initrd" --initrd ppp.cpio "$kernel" quiet
	if [ ! -x /usr/bin/wvdial ]; then
		echo "SKIP wvdial: it is not installed"
	elif grep -q 'wvdial is on line' said; then
		echo "ok wvdial"
	else
		echo "FAIL wvdial: $(grep -A 40 'done with ppp' said | grep '^-->' | tail -n 1)"
	fi
fi
