# SPDX-License-Identifier: MIT
"""A headless Chromium and the page it shows, for tests where a browser is the other end.

    with Page(site, PAGE, {"/whep/yard": token}) as page:
        result = page.result(timeout=40)

Browsers cannot pin a key nor add a bearer token to what they are given, so the page comes from a small proxy on
localhost that passes on what the page asks for under the paths given, with their tokens, by HTTPS to the receiver. The
page reports by POST /result (JSON); what it POSTs to /log is printed when a test fails.
"""
import http.client
import http.server
import json
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading

from sightline import skip

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
         "--autoplay-policy=no-user-gesture-required"]

# What every page can use: report(), log(), and the exchange of WHIP and WHEP.
SCRIPT = """
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const log = text => fetch('/log', {method: 'POST', body: String(text)});
const report = result => fetch('/result', {method: 'POST', body: JSON.stringify(result)});
async function exchange(pc, path) {
    await pc.setLocalDescription(await pc.createOffer());
    const began = performance.now();
    const response = await fetch(path, {method: 'POST', body: pc.localDescription.sdp,
                                        headers: {'Content-Type': 'application/sdp'}});
    if (response.status != 201)
        throw new Error(path + ' answered ' + response.status + ': ' + await response.text());
    await pc.setRemoteDescription({type: 'answer', sdp: await response.text()});
    return {location: response.headers.get('Location'), began};
}
async function stats(pc, type, kind) {
    for (const entry of (await pc.getStats()).values())
        if (entry.type == type && entry.kind == kind)
            return entry;
    return {};
}
async function run(main) {
    try {
        await report(await main());
    } catch (error) {
        await report({error: String(error)});
    }
}
"""


def find_chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    return skip("no Chromium is installed")


def unchecked():
    """The key is the receiver's own, and here all is one machine."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Page:
    """One browser with one page, and the proxy behind it."""

    def __init__(self, site, script, tokens, via=None):
        """`via`: the host and port that answers name for media, in place of the receiver's own."""
        self.site = site
        self.via = via
        self.tokens = tokens
        self.html = f"<!doctype html><meta charset=utf-8><title>test</title><body><script>{SCRIPT}{script}</script>"
        self.outcome = None
        self.reported = threading.Event()
        self.logged = []
        self.asked = []  # the Range of each request for media
        self.sessions = {}  # Location -> token

    def __enter__(self):
        page = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def handle(self):
                try:
                    super().handle()
                except ConnectionError:  # a browser resets what it has had enough of
                    pass

            def do_GET(self):
                if self.path.startswith("/api/"):
                    self.pass_on()
                else:
                    self.reply(200, page.html.encode(), {"Content-Type": "text/html"})

            def pass_on(self):
                """Media as it comes, as far as the browser takes it; no token is added: it has a ticket."""
                page.asked.append(self.headers.get("Range"))
                connection = http.client.HTTPSConnection(page.site.host, context=unchecked(), timeout=10)
                connection.request("GET", self.path, headers={name: self.headers[name] for name in
                                                              ("Range", "If-Range") if self.headers[name]})
                response = connection.getresponse()
                self.send_response(response.status)
                for name in ("Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "ETag"):
                    if response.headers[name]:
                        self.send_header(name, response.headers[name])
                self.end_headers()
                try:
                    while block := response.read(65536):
                        self.wfile.write(block)
                except OSError:  # the browser has had enough
                    pass
                self.close_connection = True
                connection.close()

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path == "/log":
                    page.logged.append(body.decode(errors="replace"))
                    self.reply(204, b"", {})
                elif self.path == "/result":
                    page.outcome = json.loads(body)
                    page.reported.set()
                    self.reply(204, b"", {})
                else:
                    self.reply(*page.forward("POST", self.path, body))

            def do_DELETE(self):
                self.reply(*page.forward("DELETE", self.path, b""))

            def reply(self, status, body, headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.profile = tempfile.mkdtemp(prefix="sightline-browser-")
        self.process = subprocess.Popen(
            [find_chromium(), *FLAGS, f"--user-data-dir={self.profile}", f"http://localhost:{self.server.server_port}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        return self

    def __exit__(self, kind, value, trace):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.profile, ignore_errors=True)
        if kind is not None:
            for line in self.logged:
                print("    page:", line)

    def forward(self, method, path, body):
        """Asks the receiver; (status, body, headers) of what it said."""
        token = self.tokens.get(path) or self.sessions.get(path)
        if token is None:
            return 404, b"not a path of this test", {}
        connection = http.client.HTTPSConnection(self.site.host, context=unchecked(), timeout=10)
        headers = {"Authorization": "Bearer " + token}
        if method == "POST":
            headers["Content-Type"] = "application/sdp"
        try:
            connection.request(method, path, body=body if method == "POST" else None, headers=headers)
            response = connection.getresponse()
            answer = response.read()
        except OSError as error:
            return 502, str(error).encode(), {}
        finally:
            connection.close()
        kept = {name: response.headers[name] for name in ("Content-Type", "Location", "Retry-After")
                if response.headers[name]}
        if "Location" in kept:
            self.sessions[kept["Location"]] = token
        if self.via:
            host, port = self.via.rsplit(":", 1)
            answer = re.sub(rb"(a=candidate:\S+ \S+ \S+ \S+) \S+ \d+ ", rb"\1 %s %s " % (host.encode(), port.encode()),
                            answer)
        return response.status, answer, kept

    def result(self, timeout):
        """What the page reported; AssertionError if it reports nothing or an error."""
        if not self.reported.wait(timeout):
            raise AssertionError(f"the page reported nothing within {timeout} s")
        if "error" in self.outcome:
            raise AssertionError("the page: " + self.outcome["error"])
        return self.outcome


def token_of(link):
    return link.split("://", 1)[1].split("@", 1)[0]
