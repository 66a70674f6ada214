#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sightline-bench: the impairment relay's tally and exit, and that a latency run leaves nothing behind."""
import json, os, shutil, signal, socket, subprocess, sys, tempfile, time

BENCH = os.path.join(os.environ.get("SL_BUILD", "build/debug"), "sightline-bench")
if not os.path.exists(BENCH):
    print("no sightline-bench in this build")
    sys.exit(77)


def check(what, held):
    if not held:
        print("FAILED:", what)
        sys.exit(1)
    print("ok:", what)


def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    s.settimeout(5)
    return s


def tally(text):
    """{"up": {"received": 1, ...}, "down": {...}}"""
    rows = {}
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in ("up", "down"):
            rows[words[0]] = {words[i]: int(words[i + 1]) for i in range(1, len(words), 2)}
    return rows


def relay(sign):
    target, client = udp(), udp()
    relay = subprocess.Popen([BENCH, "impair", "0", str(target.getsockname()[1]), "loss=30", "seed=4", "dir=up"],
                             stdout=subprocess.PIPE, text=True)
    try:
        ready = relay.stdout.readline().split()
        check("it says where it listens", ready[0] == "ready" and int(ready[1]) > 0)
        port = int(ready[1])
        got = []
        # The first that comes through tells where to answer; each answer shows that its packet passed.
        target.settimeout(0)
        for i in range(300):
            client.sendto(b"%d" % i, ("127.0.0.1", port))
            end = time.monotonic() + 0.01
            while time.monotonic() < end:
                try:
                    data, back = target.recvfrom(100)
                except BlockingIOError:
                    continue
                got.append(int(data))
                target.sendto(data, back)
                break
        target.settimeout(1)  # a busy machine: what came later than we looked
        try:
            while True:
                data, back = target.recvfrom(100)
                got.append(int(data))
                target.sendto(data, back)
        except TimeoutError:
            pass
        answers = [int(client.recv(100)) for _ in got]
        check("what passed is in order and answered", got == sorted(got) and answers == got)
        relay.send_signal(sign)
        rows = tally(relay.communicate(timeout=10)[0])
        check("exit status 0 on %s" % sign.name, relay.returncode == 0)
        up, down = rows["up"], rows["down"]
        check("up: %s" % up, up["received"] == 300 and up["received"] == up["forwarded"] + up["lost"]
              and up["lost"] == 300 - len(got) and 50 < up["lost"] < 130)
        check("down: %s" % down, down["received"] == down["forwarded"] == len(got) and down["lost"] == 0)
        return got
    finally:
        relay.kill()
        relay.wait()


def relay_in_use():
    taken = udp()
    done = subprocess.run([BENCH, "impair", str(taken.getsockname()[1]), "5"], capture_output=True, text=True, timeout=10)
    check("a port in use: exit 1, one line", done.returncode == 1 and done.stderr.count("\n") == 1)
    done = subprocess.run([BENCH, "impair", "0"], capture_output=True, text=True, timeout=10)
    check("a wrong command line: exit 2, one line", done.returncode == 2 and done.stderr.count("\n") == 1)


def children_of(pid):
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = open("/proc/%s/stat" % name).read()
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(name))
    return found


def gone(pids, patience=10):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if not any(os.path.exists("/proc/%d" % p) for p in pids):
            return True
        time.sleep(0.02)
    return False


def latency():
    if not shutil.which("gst-launch-1.0") or not shutil.which("Xvfb"):
        print("latency: left out, no GStreamer or Xvfb here")
        return
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    probe = subprocess.run(["gst-inspect-1.0", "y4mdec"], capture_output=True)
    if probe.returncode:
        print("latency: left out, no y4mdec here")
        return
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        run = subprocess.run([BENCH, "latency", "--peers-only", "--floor", "--seconds", "2", "--size", "640x360",
                              "--json", out], env=environment, capture_output=True, text=True, timeout=60)
        print(run.stdout, run.stderr, end="")
        check("latency exits with 0", run.returncode == 0)
        floor = json.load(open(out))["paths"]["floor"]
        check("every frame is read off the screen, in order",
              floor["shown"] >= 55 and floor["not_shown"] <= 3 and floor["out_of_order"] == 0 and floor["misread"] == 0)
        check("ages are sane", 0 < floor["p50_ms"] <= floor["p95_ms"] <= floor["max_ms"])

    # A killed bench cannot remove its folder: it goes with this one.
    folder = tempfile.TemporaryDirectory()
    environment["TMPDIR"] = folder.name
    for sign in (signal.SIGINT, signal.SIGKILL):
        bench = subprocess.Popen([BENCH, "latency", "--peers-only", "--floor", "--seconds", "600", "--size", "640x360"],
                                 env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        while len(children_of(bench.pid)) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        children = children_of(bench.pid)
        check("it runs %d programs" % len(children), len(children) == 2)
        bench.send_signal(sign)
        status = bench.wait(timeout=20)
        check("%s: all of them are gone" % sign.name, gone(children))
        if sign == signal.SIGINT:
            check("SIGINT: exit status 0, nothing left", status == 0 and not os.listdir(folder.name))


first = relay(signal.SIGINT)
check("the same seed loses the same packets", relay(signal.SIGTERM) == first)
relay_in_use()
latency()
