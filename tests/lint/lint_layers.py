#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A directory of common/ includes only itself and lower layers; common/ never includes a program; a program includes
no other, but for bench/capture*, which measures the sender's own code where no process has it alone."""
import os, re, sys

LAYER = {  # docs/architecture.md, "Tree"
    "base": 0,
    "rtp": 1, "media": 1, "stun": 1, "net": 1,
    "sdp": 2, "srtp": 2, "codec": 2, "fec": 2, "rate": 2,
    "dtls": 3, "jitter": 3,
    "session": 4,
    "whip": 5,
}
PROGRAMS = {"sender", "receiver", "viewer", "bench"}
MAY = [("bench", "capture", "sender")]  # a program, how its files begin, what they may include
root = os.environ.get("SL_SOURCE", ".")
bad = seen = 0
for top in ["common", *sorted(PROGRAMS)]:
    for folder, _, names in os.walk(os.path.join(root, top)):
        for name in sorted(n for n in names if n.endswith((".c", ".h"))):
            path = os.path.join(folder, name)
            own = os.path.relpath(folder, os.path.join(root, top)).split(os.sep)[0]
            for number, line in enumerate(open(path), 1):
                match = re.match(r'\s*#include "([^"]+)"', line)
                if not match:
                    continue
                seen += 1
                target = match[1].split("/")[0]
                if top == "common":
                    if own not in LAYER:
                        why = f"directory {own} has no layer"
                    elif target not in LAYER:
                        why = "common/ includes only common/, by DIRECTORY/NAME.h"
                    elif target != own and LAYER[target] >= LAYER[own]:
                        why = f"{own} is layer {LAYER[own]}, {target} is layer {LAYER[target]}"
                    else:
                        continue
                elif any(top == program and name.startswith(begin) and target == other
                         for program, begin, other in MAY):
                    continue
                elif target in PROGRAMS and target != top:
                    why = f"{top} must not include {target}"
                else:
                    continue
                print(f"{path}:{number}: {match[1]}: {why}")
                bad += 1
print(f"{seen} includes looked at, {bad} bad")
sys.exit(1 if bad or not seen else 0)
