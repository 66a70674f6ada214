#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sender with a microphone, by libasound and a plugin that is one: it is heard, pulled out, and heard again."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sightline import BUILD, Site, check, program, run_tests, until  # noqa: E402

SMALL = ("--size", "320x240", "--fps", "15", "--bitrate", "300k")
PLUGIN = os.path.join(BUILD, "tests", "libalsa_microphone.so")


def make_microphone(site):
    """(environment in which alsa:mic is one, the file that it is plugged in by)."""
    config, plugged = os.path.join(site.dir, "asound.conf"), os.path.join(site.dir, "plugged")
    with open(config, "w", encoding="ascii") as file:
        file.write("</usr/share/alsa/alsa.conf>\n"
                   f'pcm_type.sightline_mic {{ lib "{os.path.abspath(PLUGIN)}" }}\n'
                   f'pcm.mic {{ type sightline_mic rate 44100 ppm -300 plugged "{plugged}" }}\n')
    with open(plugged, "w", encoding="ascii"):
        pass
    return {"ALSA_CONFIG_PATH": config}, plugged


def next_second(sender):
    """(packets of sound, pictures per second) between the next two lines of --stats."""
    seen = []
    for _ in range(2):
        line = sender.wait_line(r"^stats (.*)", since=sender.mark())[1]
        seen.append(dict(item.split("=") for item in line.split()))
    return int(seen[1]["audio"]) - int(seen[0]["audio"]), float(seen[1]["fps"])


def silent_pictures(sender):
    sound, pictures = next_second(sender)
    check(sound == 0, f"{sound} packets of sound without a microphone")
    return pictures


def heard_pulled_out_and_heard_again():
    with Site() as site:
        env, plugged = make_microphone(site)
        sender = site.run("sender", program("sender"), "--to", site.add_camera("yard"), "--video", "test", *SMALL,
                          "--audio", "alsa:mic", "--stats", "1s", "--verbose", env=env)
        sender.wait_line(r"alsa: mic 'mic' 44100 Hz 1 channel S16_LE period \d+ buffer \d+$", tag="err")
        sender.wait_line("^live yard$")
        until("50 packets of sound a second", lambda: next_second(sender)[0] >= 40)
        os.unlink(plugged)
        sender.wait_line(r"alsa: mic: .*the picture goes on without sound", tag="err")
        until("15 pictures a second", lambda: silent_pictures(sender) > 10)
        with open(plugged, "w", encoding="ascii"):
            pass
        sender.wait_line(r"alsa: mic: it is back", tag="err")
        until("sound again", lambda: next_second(sender)[0] >= 40)
        check(sender.stop() == 0, "exit status")


def stopped_while_it_is_pulled_out():
    with Site() as site:
        env, plugged = make_microphone(site)
        sender = site.run("sender", program("sender"), "--to", site.add_camera("yard"), "--video", "test", *SMALL,
                          "--audio", "alsa:mic", env=env)
        sender.wait_line("^live yard$")
        os.unlink(plugged)
        sender.wait_line(r"the picture goes on without sound", tag="err")
        check(sender.stop(timeout=5) == 0, "exit status")


def missing_at_the_start():
    with Site(receiver=False) as site:
        env, plugged = make_microphone(site)
        os.unlink(plugged)
        link = "sightline://" + "A" * 43 + "@127.0.0.1:1/yard?pin=sha256//" + "A" * 43 + "="
        for device in ("mic", "nowhere", "hw:31,0"):
            done = subprocess.run([program("sender"), "--to", link, "--video", "test", "--audio", "alsa:" + device],
                                  env={**os.environ, **env}, capture_output=True, text=True, timeout=20)
            check(done.returncode == 1 and len(done.stderr.splitlines()) == 1, done)
            check(re.search(rf"--audio alsa:{device}: no such device; wanted a device that captures; there is",
                            done.stderr), done.stderr)


if __name__ == "__main__":
    run_tests([], beside=[heard_pulled_out_and_heard_again, stopped_while_it_is_pulled_out, missing_at_the_start])
