#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sample config files have every option of their program, each once and commented out, and are right when all of it
is not; the units in scripts/systemd use options and files that exist."""
import os, re, shutil, subprocess, sys, tempfile

root = os.environ.get("SL_SOURCE", ".")
build = os.environ.get("SL_BUILD", os.path.join(root, "build", "release"))
bad = seen = 0


def complain(text):
    global bad
    print(text)
    bad += 1


def options_of(program):
    shown = subprocess.run([os.path.join(build, program), "--help"], capture_output=True, text=True, timeout=30).stdout
    return re.findall(r"^ {2}--([a-z][a-z0-9-]*)", shown, re.M)


for program in ("sightline-sender", "sightline-receiver"):
    path = os.path.join(root, "docs", program + ".conf")
    if not os.path.exists(os.path.join(build, program)):
        continue
    lines = open(path).read().splitlines()
    keys = [found[1] for found in (re.match(r"#([a-z0-9-]+) = \S", line) for line in lines) if found]
    wanted = [name for name in options_of(program) if name not in ("config", "check-config", "help", "version")]
    seen += len(wanted)
    for name in wanted:
        if keys.count(name) != 1:
            complain(f"{path}: {name} is in it {keys.count(name)} times, wanted once, as '#{name} = VALUE'")
    for line in lines:
        if line and not re.match(r"; |#[a-z0-9-]+ = \S", line):
            complain(f"{path}: '{line}': wanted a comment '; ...' or '#key = value'")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as whole:
        whole.write("\n".join(re.sub(r"^#", "", line) for line in lines) + "\n")
        whole.flush()
        for file in (path, whole.name):
            done = subprocess.run([os.path.join(build, program), "--config", file, "--check-config"],
                                  capture_output=True, text=True, timeout=30)
            if done.returncode or done.stdout != "ok\n":
                complain(f"{path}: --check-config: {done.stderr.strip()}")

units = os.path.join(root, "scripts", "systemd")
for unit in sorted(name for name in os.listdir(units) if name.endswith(".service")):
    text = open(os.path.join(units, unit)).read()
    command = re.search(r"^ExecStart=(\S+) (.*)$", text, re.M)
    known = options_of(command[1])
    for name in re.findall(r"--([a-z-]+)", command[2]):
        if name not in known:
            complain(f"{unit}: {command[1]} has no option --{name}")
    for need in ("Type=notify", "Restart=always", "StartLimitIntervalSec=0", "WatchdogSec=", "NoNewPrivileges=yes"):
        if need not in text:
            complain(f"{unit}: {need} is missing")
    if unit == "sightline-receiver.service":  # retention asks by adjtimex(), a call of clock_adjtime(), if the clock is right
        allowed = re.findall(r"^SystemCallFilter=(.*)$", text, re.M)[-1].split()
        if re.search(r"^ProtectClock=(yes|true|on|1)", text, re.M) or not {"adjtimex", "clock_adjtime"} <= set(allowed):
            complain(f"{unit}: adjtimex() must be allowed: no ProtectClock=, and SystemCallFilter= with it at last")
    if shutil.which("systemd-analyze"):
        # With the program that was built.
        text = text.replace("ExecStart=", "ExecStart=" + os.path.abspath(build) + "/")
        with tempfile.TemporaryDirectory() as place:
            copy = os.path.join(place, unit.replace("@", "@yard"))
            open(copy, "w").write(text)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True,
                                  timeout=60)
            for line in done.stderr.splitlines():
                if "sightline" in line:
                    complain(line)
print(f"{seen} keys looked at, {bad} bad")
sys.exit(1 if bad else 0)
