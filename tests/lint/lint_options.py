#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every option that a program's --help lists is in its man page, and no other."""
import os, re, subprocess, sys

root = os.environ.get("SL_SOURCE", ".")
build = os.environ.get("SL_BUILD", os.path.join(root, "build", "debug"))
pages = os.path.join(root, "docs", "man")
seen = bad = 0
for program in ("sightline-sender", "sightline-receiver", "sightline-viewer", "sightline-bench"):
    path = os.path.join(build, program)
    page = os.path.join(pages, program + ".1.scd")
    if not os.path.exists(path) or not os.path.isdir(pages):
        continue  # not built here, or no manual in this tree yet
    shown = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=30)
    if shown.returncode:
        print(f"{program} --help: exit status {shown.returncode}")
        bad += 1
        continue
    listed = set(re.findall(r"^ {2}(--?[a-z][a-z0-9-]*)", shown.stdout, re.M))
    seen += len(listed)
    if not os.path.exists(page):
        print(f"{page}: missing")
        bad += 1
        continue
    # scdoc writes a literal underscore or dash with a backslash; options are set bold: *--name*.
    told = set(re.findall(r"\*(--?[a-z][a-z0-9-]*)", open(page).read().replace("\\", "")))
    for name in sorted(listed - told):
        print(f"{page}: {name} is not described")
        bad += 1
    for name in sorted(told - listed):
        print(f"{page}: {name} is described, but {program} has no such option")
        bad += 1
print(f"{seen} options looked at, {bad} bad")
sys.exit(1 if bad else 0)
