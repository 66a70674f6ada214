#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sightline-bench wall and fps: short runs find figures that agree with each other, and leave nothing behind."""
import concurrent.futures, json, os, shutil, signal, subprocess, sys, tempfile, time

BENCH = os.path.join(os.environ.get("SL_BUILD", "build/debug"), "sightline-bench")
if not os.path.exists(BENCH) or not shutil.which("Xvfb"):
    print("no sightline-bench in this build, or no Xvfb here")
    sys.exit(77)

ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "DISPLAY"}


def check(what, held):
    if not held:
        print("FAILED:", what)
        sys.exit(1)
    print("ok:", what)


def run(folder, *words):
    """The one result of a run."""
    out = os.path.join(folder, "out.json")
    environment = {**ENVIRONMENT, "TMPDIR": os.path.join(folder, "tmp")}
    os.makedirs(environment["TMPDIR"], exist_ok=True)
    done = subprocess.run([BENCH, *words, "--json", out], env=environment, capture_output=True, text=True, timeout=200)
    if done.returncode:
        print(done.stdout, done.stderr)
    check(" ".join(words) + " exits with 0", done.returncode == 0)
    check("it leaves no files", not os.listdir(environment["TMPDIR"]))
    return json.load(open(out))["benches"][0], done.stdout


def table(result, name):
    return next(t for t in result["tables"] if t["name"] == name)["rows"]


def wall(folder, tiles):
    result, text = run(folder, "wall", "--cameras", str(tiles), "--seconds", "2")
    tile, cpu = table(result, "wall")[0], table(result, "wall_processor")[0]
    print(tile, cpu)
    check("%d tiles were measured" % tiles, tile["tiles"] == cpu["tiles"] == tiles and not tile["why"])
    check("pictures are shown on every tile", 0 < tile["shown_min"] <= tile["shown_mean"] + .01)
    check("what is shown has been decoded", tile["shown_mean"] <= tile["decoded_mean"] + 2 <= 35)
    check("the threads' time is the viewer's",
          .9 * tile["viewer"] - 1 <= cpu["decode"] + cpu["paint"] + cpu["net"] <= tile["viewer"] + 1)
    check("every program has taken some", all(cpu[k] > 0 for k in ("decode", "paint", "net", "server", "receiver", "load")))
    check("a frame's decoding and upload are times", 0.01 < tile["decode_ms"] < 50 and 0.001 < tile["upload_ms"] < 50)
    check("ages are sane", 0 < tile["age_p50"] <= tile["age_p99"] < 2000)
    check("memory is per tile", 10 < tile["rss"] < 2000 and abs(tile["rss_tile"] * tiles - tile["rss"]) < .01)
    check("there are plots", len(result["plots"]) == 4 and all(len(s["x"]) == 1 for p in result["plots"] for s in p["series"]))
    check("the table is printed", "Tiles on one wall" in text and "shown, least" in text)


def fps(folder):
    result, _ = run(folder, "fps", "--size", "640x360", "--seconds", "1")
    rows = table(result, "fps")
    print(rows)
    check("sender and whole path are tried", [r["what"] for r in rows] == ["sender", "whole path"])
    for row in rows:
        check(row["what"] + ": flooded, it still does something", row["saturated"] > 1)
        check(row["what"] + ": a rate, or why not", bool(row["why"]) != bool(row["fps"]))
        if row["fps"]:
            check(row["what"] + ": a rate that holds is one that a machine can do", 2 <= row["fps"] <= 1000)
            check(row["what"] + ": it is said what limits", row["busiest"] and 0 < row["share"] <= 110 and 0 < row["machine"] <= 100)


def interrupted(folder):
    """A stop in the middle: no error, nothing left."""
    temporary = os.path.join(folder, "stopped")
    os.makedirs(temporary)
    bench = subprocess.Popen([BENCH, "wall", "--seconds", "60", "--cameras", "2", "--json", os.path.join(folder, "s.json")],
                             env={**ENVIRONMENT, "TMPDIR": temporary}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 30
    while not os.listdir(temporary) and time.monotonic() < end:
        time.sleep(.05)
    time.sleep(1)
    bench.send_signal(signal.SIGINT)
    said = bench.communicate(timeout=30)[0]
    if bench.returncode:
        print(said)
    check("SIGINT: exit status 0", bench.returncode == 0)
    check("SIGINT: nothing is left", not os.listdir(temporary))


def in_folder(what, *args):
    with tempfile.TemporaryDirectory() as folder:
        what(folder, *args)


with concurrent.futures.ThreadPoolExecutor(3) as pool:
    for each in [pool.submit(in_folder, wall, 2), pool.submit(in_folder, wall, 4), pool.submit(in_folder, interrupted)]:
        each.result()
in_folder(fps)
