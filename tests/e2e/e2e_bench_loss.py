#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sightline-bench loss: what it tells of a link that loses packets, and of one that gets narrow, hangs together."""
import concurrent.futures, json, os, shutil, subprocess, sys, tempfile

BENCH = os.path.join(os.environ.get("SL_BUILD", "build/debug"), "sightline-bench")
if not os.path.exists(BENCH) or not shutil.which("Xvfb"):
    print("no sightline-bench in this build, or no Xvfb here")
    sys.exit(77)


def check(what, held):
    if not held:
        print("FAILED:", what)
        sys.exit(1)
    print("ok:", what)


def measure(words):
    """The one result of a run."""
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        run = subprocess.run([BENCH, "loss", "--size", "640x360", "--json", out] + words, env=environment,
                             capture_output=True, text=True, timeout=150)
        print(run.stdout, run.stderr, end="")
        check("loss %s: exit status 0" % " ".join(words), run.returncode == 0)
        result, = json.load(open(out))["benches"]
        return result


def loss():
    """One link: every frame is decoded in spite of it, and the figures hang together."""
    result = measure(["--impair", "up.loss=5 delay=5", "--seconds", "4"])
    seen, cost, mended = ({row["path"]: row for row in table["rows"]} for table in result["tables"])
    check("both ways to watch are measured", list(seen) == list(cost) == list(mended) == ["sightline", "sightline-100"])
    for name in seen:
        row = seen[name]
        check("%s: frames are shown, and told of: %s" % (name, row),
              row["note"] is None and 10 < row["shown"] <= 31 and row["on_time"] <= row["shown"]
              and 10 < row["decoded"] < 33 and 0 <= row["residual"] <= row["not_shown"] + 1e-9
              and 0 < row["p50"] <= row["p99"] and row["calm"] in (0, 100))
        row = cost[name]
        check("%s: the link lost some 5 %%, which costs as much again: %s" % (name, row),
              1.5 < row["link"] < 10 and 3 < row["overhead"] < 60 and 0 < row["repair"] < row["overhead"]
              and 100 < row["kbps"] < 1500 and row["rtt_measured"] >= 5)
        row = mended[name]
        told = [row[key] for key in ("lost", "by_fec", "by_resend", "given_up") if row[key] is not None]
        check("%s: what was missed was mended or given up, if that is told: %s" % (name, row),
              not told or row["lost"] == row["by_fec"] + row["by_resend"] + row["given_up"] > 0)
    check("holding pictures back is seen in their age", seen["sightline-100"]["p50"] > 90)
    check("all plots are there", [p["name"] for p in result["plots"]] == ["shown", "p99", "freeze", "overhead", "ages"])


def squeeze():
    """A link that gets narrow: what was seen before, meanwhile and after it."""
    result = measure(["--impair", "delay=5 up.rate=2000 up.squeeze=7,4,300"])
    tables = {table["name"]: table["rows"] for table in result["tables"]}
    check("only what follows the link is looked at", [row["path"] for row in tables["loss"]] == ["sightline"])
    before, narrow, after = tables["squeeze"]
    for row in before, narrow, after:
        check("pictures are seen %s: %s" % (row["phase"], row), row["shown"] > 1 and 0 < row["p50"] <= row["p99"])
    check("there are fewer bits while it is narrow", narrow["kbps"] < min(300, before["kbps"]))
    ends, = tables["squeeze_ends"]
    check("what follows is told: %s" % ends, ends["freeze"] >= narrow["freeze"] > 0 and ends["settled"] >= 0)


with concurrent.futures.ThreadPoolExecutor(2) as pool:
    for each in [pool.submit(loss), pool.submit(squeeze)]:
        each.result()
