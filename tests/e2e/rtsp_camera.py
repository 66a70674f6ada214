#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An RTSP camera for e2e_rtsp.py, by gst-rtsp-server: run with the system's python3, which has gi.

    rtsp_camera.py PORT [--login USER:PASSWORD] [--digest] [--udp-only] [--tls FOLDER (with --login)] NAME=LAUNCH...

Serves each LAUNCH (a GStreamer pipeline with payloaders pay0, pay1) at /NAME, to each client from its beginning, and
prints `ready PORT`. Exits 77 where gst-rtsp-server is missing.
"""
import argparse
import os
import sys

try:
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer
except (ImportError, ValueError) as error:
    print("missing", error)
    sys.exit(77)


def require_login(server, login, digest):
    auth = GstRtspServer.RTSPAuth()
    user, password = login.split(":")
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "watcher")
    if digest:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    return auth


def factory_of(launch, login, udp_only):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch)
    if udp_only:
        factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
    if login:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("watcher", "media.factory.access", True)
        permissions.add_permission_for_role("watcher", "media.factory.construct", True)
        factory.set_permissions(permissions)
    return factory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port")
    parser.add_argument("--login")
    parser.add_argument("--digest", action="store_true")
    parser.add_argument("--udp-only", action="store_true")
    parser.add_argument("--tls")
    parser.add_argument("streams", nargs="+")
    args = parser.parse_args()
    Gst.init(None)
    if not args.port.isdigit():
        return  # only asked whether it could
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(args.port)
    auth = require_login(server, args.login, args.digest) if args.login else None
    if args.tls:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(os.path.join(args.tls, "cert.pem"),
                                                                   os.path.join(args.tls, "key.pem")))
    for stream in args.streams:
        name, launch = stream.split("=", 1)
        server.get_mount_points().add_factory("/" + name, factory_of(launch, args.login, args.udp_only))
    if not server.attach(None):
        print("port", args.port, "cannot be had")
        sys.exit(1)
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main()
