#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What was recorded, over HTTP: pages, ranges, tickets, and Chromium that plays and seeks in it.

The recordings are of the past (tests/tools/make_recordings.c): 30 s, a gap of 4 s, 15 s in another size. The brightness of
a picture tells its second.
"""
import calendar
import concurrent.futures
import http.client
import json
import os
import socket
import subprocess
import sys
import time

from browser import Page, find_chromium, token_of, unchecked
from sightline import BUILD, Site, check, run_tests

T0 = int(time.time()) // 60 * 60 - 3600


def at(seconds):
    """RFC 3339, of so long after T0."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(T0 + int(seconds)))
    return f"{whole}.{round(seconds % 1 * 1000000):06d}Z"


RANGE = f"from={at(5.5)}&to={at(45)}"
MEDIA = "/api/v1/cameras/yard/media?" + RANGE


SITE = []  # one for all tests


def make(folder, camera, *segments):
    args = [":".join([str((T0 + begin) * 1000000), *map(str, rest)]) for begin, *rest in segments]
    done = subprocess.run([os.path.join(BUILD, "tests", "make_recordings"), folder, camera, *args], text=True,
                          capture_output=True, timeout=60)
    check(done.returncode == 0, done.stderr[-500:])
    return done.stdout.split()


class Recorded(Site):
    """A receiver beside recordings of two cameras, and a viewer's token."""

    def __enter__(self):
        super().__enter__()
        try:
            self.add_camera("yard")
            self.add_camera("gate")
            make(self.data, "gate", (0, 10, 180))
            self.uuids = make(self.data, "yard", (0, 15), (15, 15), (34, 15, 180))
            self.token = token_of(self.add_viewer())
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def ask(self, path, method="GET", token="ours", body=None, **headers):
        """(status, headers, body)"""
        token = self.token if token == "ours" else token
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = "Bearer " + token
        connection = http.client.HTTPSConnection(self.host, context=unchecked(), timeout=20)
        connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=sent)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, response.headers, data

    def link(self, **body):
        status, _, data = self.ask("/api/v1/media-links", "POST", body=body)
        check(status == 201, f"media-links: {status} {data}")
        return json.loads(data)


def pages_of_what_was_recorded():
    site = SITE[0]
    found, path = [], "/api/v1/segments?camera=yard&limit=2"
    while path:
        status, _, data = site.ask(path)
        check(status == 200, f"{path}: {status} {data}")
        page = json.loads(data)
        found += page["segments"]
        path = f"/api/v1/segments?camera=yard&limit=2&cursor={page['next']}" if "next" in page else None
    check([one["uuid"] for one in found] == site.uuids, f"{found}")
    check(found[2]["start"] == at(34) and found[2]["duration"] == 15, f"{found[2]}")
    wrong = {"limit=0": "limit", "limit=1001": "1..1000", "from=yesterday": "from", "cursor=x": "cursor",
             "order=up": "oldest or newest", "colour=red": "colour", "from=5&to=4": "before", "shorter=x": "duration"}
    for query, word in wrong.items():
        status, headers, data = site.ask("/api/v1/segments?" + query)
        check(status == 400 and word in json.loads(data)["detail"], f"{query}: {status} {data}")
        check(headers["Content-Type"] == "application/problem+json", f"{query}: {headers}")
    status, _, data = site.ask("/api/v1/events?camera=yard")
    check(status == 200 and isinstance(json.loads(data)["events"], list), f"events: {status} {data}")
    check(site.ask(found[0]["media"])[2][4:8] == b"ftyp", "a segment's own media")
    status, _, data = site.ask("/api/v1/segments/00000000-0000-4000-8000-000000000000/media")
    check(status == 404, f"{status} {data}")


def marks_that_were_made():
    site = SITE[0]
    for second, text in ((20, "the fox"), (3, "a \u00e4 \"quoted\""), (40, "gone")):
        made = site.admin("recordings", "mark", "--camera", "yard", "--at", at(second), text)
        check(made[0].endswith(text), f"{made}")
    site.admin("recordings", "unmark", made[0].split("\t")[0])
    site.admin("recordings", "mark", "--camera", "gate", "--at", at(5), "another camera")
    found, path = [], "/api/v1/marks?camera=yard&limit=1"
    while path:
        status, _, data = site.ask(path)
        check(status == 200, f"{path}: {status} {data}")
        page = json.loads(data)
        found += page["marks"]
        path = f"/api/v1/marks?camera=yard&limit=1&cursor={page['next']}" if "next" in page else None
    check([(one["at"], one["text"]) for one in found] == [(at(3), "a \u00e4 \"quoted\""), (at(20), "the fox")], f"{found}")
    page = json.loads(site.ask(f"/api/v1/marks?from={at(4)}&to={at(20)}&order=newest")[2])
    check([one["text"] for one in page["marks"]] == ["another camera"], f"{page}")
    for query in ("event=motion", "longer=5s", "location=x"):
        check(site.ask("/api/v1/marks?" + query)[0] == 400, query)
    for method, path in (("POST", "/api/v1/marks"), ("DELETE", "/api/v1/marks"), ("DELETE", f"/api/v1/marks/{found[0]['id']}")):
        check(site.ask(path, method, body={})[0] in (404, 405), f"{method} {path}")
    check(len(json.loads(site.ask("/api/v1/marks?camera=yard")[2])["marks"]) == 2, "a viewer changed marks")
    for pages in ("segments", "events", "marks"):
        status, _, data = site.ask(f"/api/v1/{pages}?camera=nosuch")
        check(status == 404 and "no camera nosuch" in json.loads(data)["detail"], f"{pages}: {status} {data}")


def ranges_of_bytes():
    site = SITE[0]
    status, headers, whole = site.ask(MEDIA)
    tag, size = headers["ETag"], len(whole)
    check(status == 200 and headers["Content-Type"] == "video/mp4" and headers["Accept-Ranges"] == "bytes", f"{headers}")
    check(int(headers["Content-Length"]) == size > 4000000, f"{size} bytes")
    status, headers, data = site.ask(MEDIA, "HEAD")
    check(status == 200 and data == b"" and int(headers["Content-Length"]) == size and headers["ETag"] == tag, f"{headers}")

    def part(value, status, first, last, **more):
        got, headers, data = site.ask(MEDIA, Range=value, **more)
        check(got == status, f"{value}: {got}")
        if status == 206:
            check(data == whole[first:last + 1], f"{value}: other bytes")
            check(headers["Content-Range"] == f"bytes {first}-{last}/{size}", f"{value}: {headers['Content-Range']}")
        return headers, data

    part("bytes=0-0", 206, 0, 0)
    part("bytes=1000000-3000000", 206, 1000000, 3000000)
    part("bytes=-100", 206, size - 100, size - 1)
    part(f"bytes={size - 5}-", 206, size - 5, size - 1)
    check(part("bytes=0-1,5-6", 200, 0, 0)[1] == whole, "several ranges: all of it")
    headers, data = part(f"bytes={size}-", 416, 0, 0)
    check(headers["Content-Range"] == f"bytes */{size}" and b"wanted" in data, f"{headers} {data}")
    part("bytes=5-9", 206, 5, 9, If_Range=tag)
    check(part("bytes=5-9", 200, 0, 0, If_Range='"other"')[1] == whole, "If-Range of another version: all of it")
    check(site.ask(MEDIA, If_None_Match=tag)[0] == 304, "If-None-Match")
    check(site.ask(MEDIA, If_Match='"other"')[0] == 412, "If-Match")

    for query, word in {"from=1&to=86400000002": "24 hours", "from=1": "to=", "from=2&to=1": "before", "": "from=",
                        RANGE + "&x=1": "x"}.items():
        status, _, data = site.ask("/api/v1/cameras/yard/media?" + query)
        check(status == 400 and word in json.loads(data)["detail"], f"{query}: {status} {data}")
    check(site.ask("/api/v1/cameras/yard/media?from=1000000&to=2000000")[0] == 404, "nothing was recorded then")
    check(site.ask("/api/v1/cameras/nobody/media?" + RANGE)[0] == 404, "a camera that is not there")
    # Several at a time, slowly and quickly; all get the same.
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for status, _, data in pool.map(lambda _: site.ask(MEDIA), range(12)):
            check(status == 200 and data == whole, f"{status}: {len(data)} bytes")
    check(site.receiver.descriptors() < 60, f"{site.receiver.descriptors()} descriptors")


def watch_slowly(site, url, meanwhile):
    """(bytes that came, bytes that there are) of media of which some was read before `meanwhile` and the rest after."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = site.host.rsplit(":", 1)
    plain.connect((host, int(port)))
    with unchecked().wrap_socket(plain) as connection:
        connection.settimeout(20)
        connection.sendall(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(4096)
        head, rest = data.split(b"\r\n\r\n", 1)
        meanwhile()
        got = len(rest)
        wanted = int(head.lower().split(b"content-length:")[1].split()[0])
        try:
            while got < wanted and (block := connection.recv(65536)):
                got += len(block)
        except OSError:  # broken off
            pass
        return got, wanted


def tokens_and_tickets():
    site = SITE[0]
    camera_token = token_of(site.admin("camera", "link", "gate")[0])
    for path in (MEDIA, "/api/v1/segments", "/api/v1/events", "/api/v1/cameras/yard/snapshot.jpg",
                 f"/api/v1/segments/{site.uuids[0]}/media"):
        check(site.ask(path, token=None)[0] == 401, f"{path} without a token")
        check(site.ask(path, token="x" * 43)[0] == 401, f"{path} with a wrong token")
        check(site.ask(path, token=camera_token)[0] == 403, f"{path} with a camera's token")
    check(site.ask("/api/v1/media-links", "POST", token=None, body={})[0] == 401, "a link without a token")
    check(site.ask("/api/v1/media-links", "POST", token=camera_token, body={})[0] == 403, "a link for a camera")
    for body in ({}, [], {"camera": "yard"}, {"camera": "../yard", "from": 1, "to": 2}, {"segment": "x"},
                 {"camera": "yard", "from": T0 * 1000000, "to": (T0 + 9) * 1000000, "seconds": 86400}):
        status, _, data = site.ask("/api/v1/media-links", "POST", body=body)
        check(status == 400, f"{body}: {status} {data}")

    made = site.link(camera="yard", **{"from": at(5.5), "to": at(45)})
    url = made["url"]
    check(site.token not in url, "the viewer's token is in a URL")
    status, _, whole = site.ask(url, token=None)
    check(status == 200 and whole == site.ask(MEDIA)[2] and made["end"] == at(45), f"by ticket: {status} {made}")
    check(site.ask(url, token=None, Range="bytes=-7")[2] == whole[-7:], "a range by ticket")
    changed = {"another camera": url.replace("/yard/", "/gate/"), "another range": url.replace("from=1", "from=2", 1),
               "a longer range": url.replace("&ticket", "0&ticket"), "a made-up ticket": url[:-4] + "AAAA",
               "a segment": f"/api/v1/segments/{site.uuids[0]}/media?ticket=" + url.split("ticket=")[1]}
    for what, other in changed.items():
        status, _, data = site.ask(other, token=None)
        check(status in (400, 401) and len(data) < 1000, f"{what}: {status}")
    check(site.ask(changed["another camera"], token=None)[0] == 401, "another camera")
    check(site.ask("/api/v1/segments?ticket=" + url.split("ticket=")[1], token=None)[0] == 401, "pages by ticket")
    segment = site.link(segment=site.uuids[2])
    check(site.ask(segment["url"], token=None)[0] == 200, "a segment by ticket")

    short = site.link(camera="yard", seconds=1, **{"from": T0 * 1000000, "to": (T0 + 9) * 1000000})
    end = time.monotonic() + 10
    while (got := site.ask(short["url"], token=None))[0] == 200 and time.monotonic() < end:
        time.sleep(0.05)
    check(got[0] == 401 and b"over" in got[2], f"an expired ticket: {got}")
    guest = token_of(site.add_viewer("guest"))
    status, _, data = site.ask("/api/v1/media-links", "POST", token=guest, body={"segment": site.uuids[0]})
    url = json.loads(data)["url"]
    check(site.ask(url, token=None, Range="bytes=0-9")[0] == 206, "the ticket of a guest")
    status, _, data = site.ask("/api/v1/media-links", "POST", token=guest, body={"camera": "yard", "from": T0 * 1000000,
                                                                                  "to": (T0 + 60) * 1000000})
    got, wanted = watch_slowly(site, json.loads(data)["url"], lambda: site.admin("viewer", "remove", "guest"))
    check(got < wanted, f"all {got} bytes came after the viewer was removed")
    check(site.ask(url, token=None)[0] == 401, "the ticket of a viewer who was removed")


def listed(site, name):
    return next(one for one in json.loads(site.ask("/api/v1/cameras")[2])["cameras"] if one["name"] == name)


def taken(snapshot):
    return calendar.timegm(time.strptime(snapshot["time"][:19], "%Y-%m-%dT%H:%M:%S")) + float(snapshot["time"][19:-1])


def the_list_of_cameras():
    site = SITE[0]
    check(listed(site, "yard")["record"] == {"mode": "always", "pre": 5, "post": 10}, f"{listed(site, 'yard')}")
    tag = site.ask("/api/v1/cameras")[1]["ETag"]
    site.admin("camera", "set", "yard", "--record", "motion", "--pre", "2500ms", "--post", "1m")
    status, _, data = site.ask("/api/v1/cameras?wait=10", If_None_Match=tag)
    record = next(one["record"] for one in json.loads(data)["cameras"] if one["name"] == "yard")
    check(status == 200 and record == {"mode": "motion", "pre": 2.5, "post": 60}, f"{status} {data}")
    site.admin("camera", "set", "yard", "--record", "always", "--pre", "5s", "--post", "10s")


def the_newest_picture():
    site = SITE[0]
    check("snapshot" not in listed(site, "yard"), "a snapshot that is not there")
    path = "/api/v1/cameras/yard/snapshot.jpg"
    check(site.ask(path)[0] == 404, "there is none yet")
    folder = os.path.join(site.data, "snapshots", "yard")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "latest.jpg"), "wb") as file:
        file.write(b"\xff\xd8 a picture \xff\xd9")
    status, headers, data = site.ask(path)
    check(status == 200 and headers["Content-Type"] == "image/jpeg" and data[:2] == b"\xff\xd8", f"{status} {headers}")
    check(site.ask(path, "HEAD")[0] == 200, "HEAD")
    check(site.ask("/api/v1/cameras/..%2F..%2Fyard/snapshot.jpg")[0] == 404, "another directory")


def what_is_being_recorded():
    site = SITE[0]
    camera = site.sender(site.add_camera("shed"), "--video", "test", "--audio", "test", "--size", "320x180", "--gop", "1s")
    camera.wait_line("live shed")
    path = f"/api/v1/cameras/shed/media?from={at(3000)}&to={at(3600 + 3600)}"
    end = time.monotonic() + 20
    while (first := site.ask(path))[0] != 200 and time.monotonic() < end:
        time.sleep(0.1)
    check(first[0] == 200 and first[2][4:8] == b"ftyp", f"{first[0]}: {first[2][:200]}")
    link = site.link(camera="shed", **{"from": at(3000), "to": at(3600 + 3600)})
    kept = site.ask(link["url"], token=None)
    while (later := site.ask(path))[1]["ETag"] == first[1]["ETag"] and time.monotonic() < end:
        time.sleep(0.1)
    check(len(later[2]) > len(first[2]), "what is recorded meanwhile does not come")
    again = site.ask(link["url"], token=None)
    check(kept[0] == 200 and again[1]["ETag"] == kept[1]["ETag"] and again[2] == kept[2], "a link's file changes")
    check(site.ask(path, Range="bytes=0-9", If_Range=first[1]["ETag"])[0] == 200, "a part of another version")
    status, _, data = site.ask("/api/v1/cameras/shed/snapshot.jpg")
    check(status == 200 and data[:2] == b"\xff\xd8", f"snapshot: {status}")
    shown = listed(site, "shed")["snapshot"]
    check(site.ask(shown["url"])[0] == 200 and abs(taken(shown) - time.time()) < 60, f"{shown}")
    tag = site.ask("/api/v1/cameras")[1]["ETag"]
    while listed(site, "shed")["snapshot"]["time"] == shown["time"] and time.monotonic() < end + 20:
        time.sleep(0.1)
    check(taken(listed(site, "shed")["snapshot"]) > taken(shown), "the newest picture stays the same")
    check(site.ask("/api/v1/cameras", If_None_Match=tag)[0] == 304, "a new picture is news")
    camera.stop()


def what_an_earlier_run_left():
    site = SITE[0]
    site.receiver.stop()
    folder = os.path.join(site.data, "snapshots", "shed")
    os.utime(os.path.join(folder, "latest.jpg"), (T0 + 7.25, T0 + 7.25))
    site.start_receiver()
    shown = listed(site, "shed")["snapshot"]
    check(shown == {"time": at(7.25)[:-4] + "Z", "url": "/api/v1/cameras/shed/snapshot.jpg"}, f"{shown}")


PAGE = """
run(async () => {
    const video = document.createElement('video');
    video.muted = true;
    document.body.append(video);
    const event = (name, ms = 15000) => new Promise((resolve, reject) => {
        video.addEventListener(name, resolve, {once: true});
        video.addEventListener('error', () => reject(new Error(video.error.message)), {once: true});
        setTimeout(() => reject(new Error(name + ' did not come')), ms);
    });
    const canvas = document.createElement('canvas');
    const look = () => {  // the brightness that was drawn, as a video's luma
        canvas.width = canvas.height = 32;
        const context = canvas.getContext('2d');
        context.drawImage(video, 0, 0, 32, 32);
        const data = context.getImageData(0, 0, 32, 32).data;
        let sum = 0;
        for (let i = 0; i < data.length; i += 4)
            sum += data[i + 1];
        return {time: video.currentTime, luma: 16 + sum / 1024 * 219 / 255, width: video.videoWidth};
    };
    const drawn = new Promise(resolve => video.requestVideoFrameCallback(resolve));
    video.src = %s;
    await event('loadeddata');
    await Promise.race([drawn, sleep(5000)]);
    const result = {duration: video.duration, seeks: [look()]};
    for (const time of %s) {
        const seeked = event('seeked');
        video.currentTime = time;
        await seeked;
        result.seeks.push(look());
    }
    video.currentTime = 10;
    await event('seeked');
    const from = video.currentTime;
    await video.play();
    while (video.currentTime < from + 1)
        await sleep(20);
    video.pause();
    result.played = look();
    return result;
});
"""
SEEKS = [35.2, 15.0, 30.0, 26.5]


def chromium_plays_and_seeks():
    site = SITE[0]
    url = site.link(camera="yard", **{"from": at(5.5), "to": at(45)})["url"]
    with Page(site, PAGE % (json.dumps(url), json.dumps(SEEKS)), {}) as page:
        result = page.result(40)
        asked = list(page.asked)
    print(f"duration {result['duration']:.2f} s, {len(asked)} requests: {asked}; "
          + ", ".join(f"{got['time']:.1f} s: {got['luma']:.0f}" for got in result["seeks"] + [result["played"]]))
    check(abs(result["duration"] - 39.5) < 0.05, f"duration {result['duration']}")
    for got, wanted in zip(result["seeks"], [0] + SEEKS):
        check(abs(got["time"] - wanted) < 0.2, f"currentTime {got['time']} after a seek to {wanted}")
    for got in result["seeks"] + [result["played"]]:
        second = 5.5 + got["time"]
        shown = 29 if 30 <= second < 34 else int(second)  # over the gap the last picture stays
        near = {32 + 8 * ((T0 + n) % 24) for n in (shown, int(second - 0.11), int(second + 0.11)) if n == shown or n == int(second)}
        check(min(abs(got["luma"] - luma) for luma in near) < 4, f"at {got['time']} s: brightness {got['luma']}, wanted {near}")
    check(result["played"]["time"] > 10.9, f"played to {result['played']['time']}")
    check(result["seeks"][1]["width"] == 320 and result["seeks"][2]["width"] == 640, f"{result['seeks']}")
    check(len([one for one in asked if one and one != "bytes=0-"]) > 0, f"no seek asked for a range: {asked}")


if __name__ == "__main__":
    find_chromium()
    with Recorded() as only:
        SITE.append(only)
        try:
            run_tests([pages_of_what_was_recorded, marks_that_were_made, ranges_of_bytes, tokens_and_tickets, the_list_of_cameras,
                       the_newest_picture, what_is_being_recorded, chromium_plays_and_seeks, what_an_earlier_run_left])
        except SystemExit as left:
            code = left.code
    sys.exit(code)
