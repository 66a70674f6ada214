#!/bin/bash
# SPDX-License-Identifier: MIT
# Goes on after init, on the root outside, which is for reading only: what is written goes to /run.
# Then obeys a shell on the second serial port; the first is the kernel's log, the third, descriptor 4, what programs say that
# run on. In the environment, from the kernel's command line: modules (where they are), load (which, separated by commas),
# shell (terminal or pipe).
export PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs run /run
mkdir -p /dev/shm /dev/pts
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts

# kmod takes its modules from here; the root outside has none, or another kernel's.
export MODPROBE_OPTIONS="-d ${modules:?}" HOME=/run TMPDIR=/run
cd /run || exit
for module in $(tr , " " <<<"${load:?}"); do
    modprobe "$module" || echo "guest.sh: no $module"
done

busybox ip link set lo up
if [ -e /sys/class/net/eth0 ]; then
    busybox ip address add 10.0.2.15/24 dev eth0
    busybox ip link set eth0 up
    busybox ip route add default via 10.0.2.2
fi

exec 3<>/dev/ttyS1
if [ "${shell:?}" = terminal ]; then
    setsid -cw bash -i <&3 >&3 2>&3
else
    # Raw: a line of any length, nothing echoed, nothing translated. Bash on a terminal itself would prompt and edit.
    stty raw -echo <&3
    exec 4<>/dev/ttyS2
    stty raw -echo <&4
    echo ready >&3
    cat <&3 | bash >&3 2>&1 3>&-
fi
busybox poweroff -f
