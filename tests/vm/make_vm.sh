#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes what the emulated machine boots from, out of Debian's packages by name:
#   make_vm.sh FOLDER     FOLDER/kernel, FOLDER/initramfs, FOLDER/root/lib/modules (what the tests use of them)
# Nothing is installed. What is there already is kept, so that a second run takes no time and no network; remove FOLDER
# for a newer kernel. Exit status 77: a program or the package is not to be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?make_vm.sh: wanted the folder to make}

# Loaded by the initramfs, to reach the root; then by guest.sh, or by hand.
boot_modules=(virtio_pci 9pnet_virtio 9p)
modules=(virtio_net sch_netem vivid snd-aloop)

unavailable() {
    echo "make_vm.sh: $*" >&2
    exit 77
}

PATH=$PATH:/usr/sbin:/sbin
[ "$(uname -m)" = x86_64 ] || unavailable "the machine is x86_64"
for program in qemu-system-x86_64 busybox cpio depmod modprobe dpkg-deb apt-get; do
    command -v "$program" >/dev/null || unavailable "$program is not installed (scripts/setup --tests)"
done

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 9>"$folder/lock"
flock 9

dependencies() { # VERSION MODULE... : the files of these modules and of what they need, in the order to load them
    local version=$1 module
    shift
    for module in "$@"; do
        modprobe -d "$work" -S "$version" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

make_kernel() {
    local package version file
    package=$(apt-cache depends linux-image-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*-amd64\)$/\1/p' | head -n 1) || true
    [ -n "$package" ] || unavailable "no package linux-image-amd64 (apt-get update?)"
    version=${package#linux-image-}
    (cd "$work" && apt-get download -q "$package" >apt.log 2>&1) ||
        unavailable "$package cannot be downloaded: $(tail -n 1 "$work/apt.log")"
    dpkg-deb -x "$work"/linux-image-*.deb "$work"
    depmod -b "$work" "$version"

    dependencies "$version" "${boot_modules[@]}" >"$work/boot-modules"
    dependencies "$version" "${boot_modules[@]}" "${modules[@]}" >"$work/all-modules"
    while read -r file; do
        install -D -m 644 "$file" "$work/root/${file#"$work"/}"
    done <"$work/all-modules"
    cp "$work/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$work/root/lib/modules/$version/"
    depmod -b "$work/root" "$version"

    mkdir "$work/boot-root" "$work/boot-root/modules"
    xargs -a "$work/boot-modules" install -m 644 -t "$work/boot-root/modules"
    sed 's|.*/||' "$work/boot-modules" >"$work/boot-root/modules/order"

    rm -rf "$folder/root" "$folder/boot-root"
    mv "$work/root" "$work/boot-root" "$folder/"
    mv "$work/boot/vmlinuz-$version" "$folder/kernel"
}

make_initramfs() {
    mkdir -p "$folder/boot-root"/{bin,dev,proc,root}
    install -m 755 "$(command -v busybox)" "$folder/boot-root/bin/busybox"
    install -m 755 "$here/init" "$folder/boot-root/init"
    (cd "$folder/boot-root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$folder/initramfs.new"
    mv "$folder/initramfs.new" "$folder/initramfs"
}

# The kernel comes last and stands for all that was made with it; another list of modules is another machine.
wanted="${boot_modules[*]} / ${modules[*]}"
if [ ! -e "$folder/kernel" ] || [ "$(cat "$folder/made-with" 2>/dev/null)" != "$wanted" ]; then
    work=$(mktemp -d "$folder/work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    make_kernel
    rm -f "$folder/initramfs"
    echo "$wanted" >"$folder/made-with"
fi
if [ ! -e "$folder/initramfs" ] || [ "$here/init" -nt "$folder/initramfs" ]; then
    make_initramfs
fi
