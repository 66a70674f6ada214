#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every header compiles alone, has #pragma once and an SPDX line; no line is longer than 100 columns."""
import os, subprocess, sys

root = os.environ.get("SL_SOURCE", ".")
cc = os.environ.get("CC", "cc")
packages = ["libsrtp2", "openssl", "libcurl", "sdl2", "SDL2_ttf", "sqlite3", "libmicrohttpd", "libcjson",
            "libavcodec", "opus", "x11", "xext", "cmocka", "inih"]
flags = subprocess.check_output(["pkg-config", "--cflags", *packages], text=True).split()
bad = seen = 0


def complain(path, what):
    global bad
    bad += 1
    print(f"{path}: {what}")


for top in ["common", "sender", "receiver", "viewer", "bench", "tests"]:
    for folder, _, names in os.walk(os.path.join(root, top)):
        for name in sorted(n for n in names if n.endswith((".c", ".h"))):
            path = os.path.join(folder, name)
            text = open(path).read()
            seen += 1
            if "SPDX-License-Identifier: MIT" not in text.split("\n", 1)[0]:
                complain(path, "the first line is not the SPDX line")
            for number, line in enumerate(text.split("\n"), 1):
                if len(line) > 100:
                    complain(f"{path}:{number}", f"{len(line)} columns, at most 100")
            if name.endswith(".h"):
                if "#pragma once" not in text:
                    complain(path, "no #pragma once")
                run = subprocess.run([cc, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                                      "-x", "c", f"-I{root}/common", f"-I{root}", *flags, "-"],
                                     input=f'#include "{os.path.abspath(path)}"\n', text=True, capture_output=True)
                if run.returncode:
                    complain(path, "does not compile alone:\n" + run.stderr)
print(f"{seen} files looked at, {bad} complaints")
sys.exit(1 if bad or not seen else 0)
