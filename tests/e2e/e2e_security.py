#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What strangers, and holders of the wrong link, can do to a running receiver: nothing (docs/security.md)."""
import binascii
import glob
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sightline import SOURCE, Site, check, run_tests  # noqa: E402

OFFERS = os.path.join(SOURCE, "tests", "golden", "sdp")
HELLOS = os.path.join(SOURCE, "tests", "golden", "dtls")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"]


def token_of(link):
    return re.match(r"sightline://([^@]+)@", link)[1]


def offer(name="chromium-156-whip"):
    with open(os.path.join(OFFERS, name + ".sdp"), "rb") as file:
        return file.read()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


def connect(site):
    host, port = site.host.rsplit(":", 1)
    context = ssl._create_unverified_context()  # pylint: disable=protected-access
    return http.client.HTTPSConnection(host, int(port), timeout=10, context=context)


def request(site, method, path, token=None, body=None, headers=None, connection=None):
    """One request. `token` is the bearer, or a whole Authorization value if it has a space in it."""
    own = connection or connect(site)
    own.putrequest(method, path, skip_accept_encoding=True)
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = token if " " in token else "Bearer " + token
    if body is not None:
        sent.setdefault("Content-Type", "application/sdp")
        sent.setdefault("Content-Length", str(len(body)))
    for name, value in sent.items():
        own.putheader(name, value)
    own.endheaders()
    try:
        if body:
            own.send(body)
    except OSError:
        pass  # refused while we still talk: the answer is there all the same
    response = own.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    if connection is None:
        own.close()
    return answer


def publish(site, camera, token, body=None, **more):
    return request(site, "POST", "/whip/" + camera, token, offer() if body is None else body, **more)


def expect(answer, status, what):
    check(answer.status == status, f"{what}: {answer.status} {answer.body[:200]}, wanted {status}")
    if status >= 400:
        check(answer.headers["Content-Type"] == "application/problem+json", f"{what}: not problem JSON")


def figures(site):
    receiver = site.receiver
    return receiver.rss_kib(), receiver.descriptors(), receiver.threads()


def check_unharmed(site, viewer, before):
    """It answers, it is the same process, and it holds no more than before."""
    check(site.receiver.process.poll() is None, "the receiver has ended")
    expect(request(site, "GET", "/api/v1/cameras", viewer), 200, "the list of cameras")
    end = time.monotonic() + 20  # connections cut short are noticed by their idle time
    while time.monotonic() < end and figures(site)[1] > before[1] + 2:
        time.sleep(0.2)
    rss, descriptors, threads = figures(site)
    check(descriptors <= before[1] + 2, f"descriptors: {before[1]} before, {descriptors} after")
    check(threads == before[2], f"threads: {before[2]} before, {threads} after")
    check(rss < before[0] + 30 * 1024, f"memory: {before[0]} KiB before, {rss} KiB after")


# ---- HTTP ----

def every_route_without_a_login():
    paths = ["/", "/whip", "/whip/", "/whip/yard", "/whip/yard/", "/whip/yard/x", "/whip/../api/v1/cameras", "/whep",
             "/whep/", "/whep/yard", "/s", "/s/", "/s/AAAAAAAAAAAAAAAAAAAAAA", "/s/x/y", "/api", "/api/", "/api/v1",
             "/api/v1/cameras", "/api/v1/cameras/", "/api/v1/cameras/yard", "/api/v1/camerasx", "/api/v2/cameras",
             "/API/V1/CAMERAS", "//api/v1/cameras", "/api//v1/cameras", "/./api/v1/cameras", "/api/v1/cameras%00",
             "/api/v1/cameras?wait=1", "/metrics", "/index.html", "/favicon.ico", "/robots.txt", "/.git/config",
             "/sightline.db", "/key.pem", "/../key.pem", "/%2e%2e/key.pem", "/whip/" + "a" * 63, "/whip/" + "a" * 5000]
    with Site() as site:
        site.add_camera("yard", "--location", "behind the shed")
        site.add_camera("porch")
        viewer = token_of(site.add_viewer())
        before = figures(site)
        refused = 0
        for method in METHODS:
            for path in paths:
                if refused == 25:  # fewer than the receiver's patience, which has a test of its own
                    refused = 0
                    time.sleep(26)
                answer = request(site, method, path)
                what = f"{method} {path[:60]}"
                if answer.status == 401:
                    refused += 1
                if method == "OPTIONS" and re.fullmatch(r"/wh[ei]p/[^/]+", path) and answer.status in (200, 204):
                    check(not answer.body, f"{what}: a body")
                else:
                    check(answer.status in (401, 404, 405, 414), f"{what}: {answer.status}")
                for secret in (b"shed", b"porch"):
                    check(secret not in answer.body, f"{what}: tells of {secret}")
        # What is there and what is not look the same from outside.
        for pair in (("/whip/yard", "/whip/nowhere"), ("/whep/yard", "/whep/nowhere")):
            one, other = (request(site, "POST", path, body=b"x") for path in pair)
            check((one.status, one.body) == (other.status, other.body), f"{pair}: differ: {one.body} {other.body}")
        check_unharmed(site, viewer, before)


def wrong_tokens():
    with Site() as site:
        camera = token_of(site.add_camera("yard"))
        viewer = token_of(site.add_viewer())
        before = figures(site)
        wrong = [viewer[:-1] + ("A" if viewer[-1] != "A" else "B"), viewer[:-1], viewer + "A", viewer.swapcase(), "A" * 43,
                 hashlib.sha256(viewer.encode()).hexdigest(), "x", "%", "Bearer ", "Basic " + viewer, "Digest " + viewer,
                 "Bearer x " + viewer, "Bearer\t" + viewer, viewer + ",", "Bearer " + "A" * 5000]
        for token in wrong:
            answer = request(site, "GET", "/api/v1/cameras", token)
            expect(answer, 401, f"token {token[:50]!r}")
            check("WWW-Authenticate" in answer.headers, "no WWW-Authenticate")
        for path in ("/api/v1/cameras?token=" + viewer, "/api/v1/cameras?access_token=" + viewer):
            expect(request(site, "GET", path), 401, "a token in the query")
        expect(request(site, "GET", "/api/v1/cameras", headers={"Cookie": "token=" + viewer}), 401, "a token in a cookie")

        statuses = [request(site, "GET", "/api/v1/cameras", "A" * 43).status for _ in range(60)]
        check(statuses.count(429) > 30, f"guessing is not slowed down: {statuses}")
        check(set(statuses) <= {401, 429}, f"{statuses}")
        answer = request(site, "GET", "/api/v1/cameras", "A" * 43)
        check(answer.status == 429 and int(answer.headers["Retry-After"]) >= 1, "429 without Retry-After")
        expect(request(site, "GET", "/api/v1/cameras", viewer), 200, "the right token, beside all that")
        expect(publish(site, "yard", camera), 201, "the camera's right token, beside all that")
        check_unharmed(site, viewer, before)


def right_token_wrong_place():
    with Site() as site:
        yard, porch = token_of(site.add_camera("yard")), token_of(site.add_camera("porch"))
        viewer = token_of(site.add_viewer())
        before = figures(site)
        whep = offer("chromium-156-whep")
        for camera in ("yard", "porch", "nowhere"):
            expect(publish(site, camera, viewer), 403, f"a viewer publishes as {camera}")
            expect(request(site, "POST", "/whep/" + camera, yard, whep), 403, f"a camera watches {camera}")
        expect(publish(site, "porch", yard), 403, "a camera publishes as another")
        expect(publish(site, "nowhere", yard), 403, "a camera publishes as nobody")
        expect(publish(site, "yard", porch), 403, "the other one as well")
        expect(request(site, "GET", "/api/v1/cameras", yard), 403, "a camera asks for the list")
        expect(request(site, "POST", "/whep/nowhere", viewer, whep), 404, "a viewer watches nobody")
        expect(request(site, "POST", "/whep/yard", viewer, whep), 409, "a viewer watches one that is not live")
        expect(publish(site, "yard", yard), 201, "a camera publishes as itself")

        site.admin("camera", "link", "yard")
        expect(publish(site, "yard", yard), 401, "the old link")
        site.admin("viewer", "remove", "wall")
        expect(request(site, "GET", "/api/v1/cameras", viewer), 401, "a viewer that was removed")
        check_unharmed(site, token_of(site.add_viewer("other")), before)


def sessions_of_others():
    with Site() as site:
        yard, porch = token_of(site.add_camera("yard")), token_of(site.add_camera("porch"))
        viewer = token_of(site.add_viewer())
        before = figures(site)
        answer = publish(site, "yard", yard)
        expect(answer, 201, "publishing")
        session = answer.headers["Location"]
        check(re.fullmatch(r"/s/[A-Za-z0-9_-]{22}", session) is not None, f"Location: {session}")
        candidate = b"a=ice-ufrag:x\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n"
        for token, status in ((None, 401), ("A" * 43, 401), (porch, 403), (viewer, 403)):
            for method in ("DELETE", "PATCH"):
                expect(request(site, method, session, token, candidate if method == "PATCH" else None), status,
                       f"{method} of another's session by {token}")
        for method in ("DELETE", "PATCH"):
            expect(request(site, method, "/s/" + "A" * 22, viewer), 404, f"{method} of a session that is none")
        expect(request(site, "PATCH", session, yard, candidate), 204, "PATCH of one's own, which is still there")
        expect(request(site, "DELETE", session, yard), 200, "DELETE of one's own")
        expect(request(site, "DELETE", session, yard), 404, "DELETE once more")
        check_unharmed(site, viewer, before)


def bodies_and_headers():
    whole = offer()
    media = whole[:whole.index(b"m=")]
    cases = [
        ("1 MB", whole + b"a=x\r\n" * 200000, 413),
        ("10,000 lines", media + b"a=x\r\n" * 10000, 400),
        ("one line of 60,000", media + b"a=" + b"x" * 60000 + b"\r\n", None),
        ("65,537 bytes", whole + b"a" * (65537 - len(whole)), 413),
        ("1,000 media", media + b"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 1000, None),
        ("1,000 candidates", whole.replace(b"a=mid:0\r\n", b"a=mid:0\r\n" + b"a=candidate:1 1 udp 1 1.2.3.4 5 typ host\r\n"
                                           * 1000), None),
        ("nothing", b"", 400),
        ("zeros", b"\0" * 5000, 400),
        ("cut in the middle", whole[:len(whole) // 3], None),
        ("no fingerprint", re.sub(rb"a=fingerprint:[^\r]*\r\n", b"", whole), 400),
        ("no ufrag", re.sub(rb"a=ice-ufrag:[^\r]*\r\n", b"", whole), 400),
        ("no bundle", re.sub(rb"a=group:[^\r]*\r\n", b"", whole), None),
        ("no H.264", whole.replace(b"H264", b"VP8"), 406),
    ]
    with Site() as site:
        yard = token_of(site.add_camera("yard"))
        viewer = token_of(site.add_viewer())
        before = figures(site)
        for what, body, status in cases:
            answer = publish(site, "yard", yard, body)
            if status is None:
                check(answer.status in (201, 400, 406), f"{what}: {answer.status}")
            else:
                expect(answer, status, what)
            if answer.status == 201:
                expect(request(site, "DELETE", answer.headers["Location"], yard), 200, what)
        expect(publish(site, "yard", yard, headers={"Content-Type": "text/plain"}), 415, "another type")
        answer = publish(site, "yard", yard, b"", headers={"Content-Length": "99999999999999999999"})
        check(answer.status == 413, f"a huge length: {answer.status}")  # libmicrohttpd's own words
        for raw in (b"\x16\x03\x01" + os.urandom(400), b"GET / HTTP/1.1\r\n\r\n", os.urandom(4000), b""):
            with socket.create_connection(site.host.rsplit(":", 1), timeout=5) as plain:
                plain.sendall(raw)
        for raw in (b"GET /" + b"a" * 200000, b"\r\n" * 50000, b"POST /whip/yard HTTP/1.1\r\n" + b"X: y\r\n" * 20000,
                    b"POST /whip/yard HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + yard.encode() +
                    b"\r\nContent-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n\r\n" + b"fffff\r\n" +
                    b"a" * 0xfffff + b"\r\n"):
            connection = connect(site)
            connection.connect()
            try:
                connection.sock.sendall(raw)
                connection.sock.settimeout(2)
                check(b" 20" not in connection.sock.recv(4096)[:15], f"{raw[:40]} was taken")
            except OSError:
                pass
            connection.close()
        # Half a body, and silence: none of these may keep others out.
        halves = []
        for _ in range(50):
            connection = connect(site)
            connection.putrequest("POST", "/whip/yard")
            connection.putheader("Authorization", "Bearer " + yard)
            connection.putheader("Content-Length", "5000")
            connection.endheaders()
            connection.send(b"v=0\r\n")
            halves.append(connection)
        expect(publish(site, "yard", yard), 201, "an offer, beside 50 that were begun")
        for connection in halves:
            connection.close()
        check_unharmed(site, viewer, before)


def secrets_are_kept():
    with Site() as site:
        yard = token_of(site.add_camera("yard"))
        viewer = token_of(site.add_viewer())
        answer = publish(site, "yard", yard)
        expect(answer, 201, "publishing")
        session = answer.headers["Location"].rsplit("/", 1)[1]
        password = re.search(rb"a=ice-pwd:(\S+)", answer.body)[1].decode()
        expect(publish(site, "yard", viewer), 403, "a refusal that is logged")
        expect(request(site, "DELETE", answer.headers["Location"], viewer), 403, "another")
        for path in glob.glob(os.path.join(site.data, "**"), recursive=True):
            mode = os.stat(path).st_mode & 0o777
            check(mode & 0o077 == 0, f"{path} has mode {mode:o}")
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
                for token in (yard, viewer):
                    check(token.encode() not in content, f"{path} has a token in it")
        said = "\n".join(text for _, _, text in site.receiver.lines)
        for secret in (yard, viewer, session, password):
            check(secret not in said, "a secret was logged")
        check("yard" in said, "nothing was logged at all")


# ---- UDP ----

class Stun:
    """A client that knows what an SDP answer tells."""

    def __init__(self, answer):
        self.remote = re.search(rb"a=ice-ufrag:(\S+)", answer.body)[1]
        self.password = re.search(rb"a=ice-pwd:(\S+)", answer.body)[1]
        self.local = re.search(rb"a=ice-ufrag:(\S+)", offer())[1]

    def check(self, remote=None, local=None, password=None):
        """A Binding request (RFC 8489) with what ICE puts in."""
        username = (remote or self.remote) + b":" + (local or self.local)
        attributes = struct.pack("!HH", 6, len(username)) + username + b"\0" * (-len(username) % 4)
        attributes += struct.pack("!HHI", 0x24, 4, 1)
        attributes += struct.pack("!HHQ", 0x802a, 8, random.getrandbits(64))
        head = struct.pack("!HHI", 1, len(attributes) + 24, 0x2112a442) + os.urandom(12)
        mac = hmac.new(password or self.password, head + attributes, hashlib.sha1).digest()
        attributes += struct.pack("!HH", 8, 20) + mac
        head = head[:2] + struct.pack("!H", len(attributes) + 8) + head[4:]
        crc = binascii.crc32(head + attributes) ^ 0x5354554e
        return head + attributes + struct.pack("!HHI", 0x8028, 4, crc)


def udp(source="127.0.0.1"):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((source, 0))
    peer.settimeout(0.3)
    return peer


def ask(peer, site, data):
    """What comes back, or None."""
    peer.sendto(data, ("127.0.0.1", site.media_port()))
    try:
        return peer.recv(2000)
    except socket.timeout:
        return None


def hello(browser):
    parts = []
    for path in sorted(glob.glob(os.path.join(HELLOS, browser + "-*.bin"))):
        with open(path, "rb") as file:
            parts.append(file.read())
    check(len(parts) == 2, f"no ClientHello of {browser}")
    return parts


def the_door_of_the_media_port():
    """Checks, addresses and ClientHellos, right and wrong, at the real socket."""
    with Site() as site:
        yard = token_of(site.add_camera("yard"))
        viewer = token_of(site.add_viewer())
        answer = publish(site, "yard", yard)
        expect(answer, 201, "publishing")
        stun = Stun(answer)
        before = figures(site)
        first = udp()
        for browser in ("chromium", "firefox"):
            for part in hello(browser):
                check(ask(first, site, part) is None, "a ClientHello from nowhere was answered")
        for what, data in (("no user", stun.check(remote=b"nobody")), ("another peer", stun.check(local=b"nobody")),
                           ("a wrong password", stun.check(password=b"x" * 32)),
                           ("no integrity", struct.pack("!HHI", 1, 0, 0x2112a442) + b"x" * 12)):
            check(ask(first, site, data) is None, f"a check with {what} was answered")
        data = stun.check()
        reply = ask(first, site, data)
        check(reply and reply[:2] == b"\x01\x01", f"a right check was not answered: {reply}")
        check(len(reply) <= len(data), f"{len(reply)} bytes for {len(data)}")

        stranger = udp()
        for part in hello("chromium"):
            check(ask(stranger, site, part) is None, "a ClientHello from a stranger was answered")
        parts = hello("chromium")
        check(ask(first, site, parts[0]) is None, "half a ClientHello was answered")
        reply = ask(first, site, parts[1])
        check(reply and reply[0] == 22 and reply[13] == 2, "Chromium's ClientHello got no ServerHello")

        others = [udp() for _ in range(7)]
        for peer in others:
            check(ask(peer, site, stun.check()), "one of eight addresses was not answered")
        check(ask(stranger, site, stun.check()) is None, "a ninth address was answered")
        check(ask(others[-1], site, stun.check()), "the eighth is not heard any more")
        check_unharmed(site, viewer, before)


def stun_is_limited_per_address():
    with Site() as site:
        yard = token_of(site.add_camera("yard"))
        viewer = token_of(site.add_viewer())
        answer = publish(site, "yard", yard)
        expect(answer, 201, "publishing")
        stun = Stun(answer)
        before = figures(site)
        flood, other = udp("127.0.0.3"), udp("127.0.0.4")
        target = ("127.0.0.1", site.media_port())
        wrong = stun.check(password=b"x" * 32)
        heard = []
        for _ in range(5):
            peer = udp("127.0.0.3")  # the limit is the host's, not the port's
            right = stun.check()
            for _ in range(8):
                for _ in range(250):
                    flood.sendto(wrong, target)
                time.sleep(0.002)  # as much as a socket holds
            for _ in range(50):
                flood.sendto(wrong, target)
            peer.sendto(right, target)  # right behind, so that the bucket is empty
            check(ask(other, site, stun.check()), "another address is not answered beside it")
            try:
                heard.append(peer.recv(2000))
            except socket.timeout:
                pass
        check(len(heard) <= 1, f"{len(heard)} of 5 checks amid a flood were answered")  # one may hit a new token
        time.sleep(2)
        check(ask(flood, site, stun.check()), "it is never forgiven")
        check_unharmed(site, viewer, before)


def noise_beside_a_stream():
    """A stream runs while the media port and HTTPS are battered: it does not stop for a moment."""
    with Site() as site:
        link = site.add_camera("yard")
        viewer = token_of(site.add_viewer())
        sender = site.sender(link, "--video", "test", "--audio", "none", "--size", "320x180")
        sender.wait_line(r"^live yard$")
        wall = site.viewer("--size", "320x180", "--stats", "200ms")
        wall.wait_line(r"^stats yard live shown (?!0\.0)")
        before = figures(site)
        mark, watched = sender.mark(), wall.mark()

        def state():
            camera = json.loads(request(site, "GET", "/api/v1/cameras", viewer).body)["cameras"][0]
            camera.pop("snapshot", None)  # the newest picture goes on
            return camera

        since = state()
        check(since["state"] == "live", f"not live: {since}")
        peers = [udp(f"127.0.0.{n}") for n in range(2, 10)]
        target = ("127.0.0.1", site.media_port())
        hellos = hello("chromium") + hello("firefox")
        rng = random.Random(5)
        sent = 0
        while sent < 30000:
            peer = rng.choice(peers)
            kind = sent % 6
            noise = rng.randbytes(rng.randrange(0, 1400))
            if kind == 0:
                data = noise
            elif kind == 1:
                data = hellos[sent % 4]
            elif kind == 2:
                data = b"\x80\x6c" + noise
            elif kind == 3:
                data = b"\x81\xce\x00\x02" + noise
            elif kind == 4:
                data = struct.pack("!HHI", 1, len(noise) & ~3, 0x2112a442) + noise
            else:
                data = b"\x16\xfe\xfd" + noise
            peer.sendto(data, target)
            sent += 1
            if sent % 200 == 0:
                time.sleep(0.002)  # the sender and the receiver share two cores with us
            if sent % 5000 == 0:
                request(site, "POST", "/whip/yard", "A" * 43, b"x" * 70000)
        for peer in peers:
            peer.setblocking(False)
            try:
                check(False, f"noise was answered: {peer.recv(2000)[:20]}")
            except BlockingIOError:
                pass
        time.sleep(2.5)  # a stream that had stopped would be told of by now
        check(state() == since, "the camera was offline meanwhile")
        check(len(sender.out()) == len([1 for _, tag, _ in sender.lines[:mark] if tag == "out"]),
              f"the sender had to reconnect: {sender.out()}")
        pictures = [text for _, _, text in wall.lines[watched:] if text.startswith("stats yard ")]
        check(len(pictures) > 10, f"the wall tells little: {pictures}")
        for text in pictures:  # a tile is stale after a second without a new frame
            check(text.startswith("stats yard live "), f"the wall: {text}")
        check_unharmed(site, viewer, before)


if __name__ == "__main__":
    run_tests([noise_beside_a_stream], beside=[
        bodies_and_headers, every_route_without_a_login, stun_is_limited_per_address, the_door_of_the_media_port, wrong_tokens,
        right_token_wrong_place, sessions_of_others, secrets_are_kept])
