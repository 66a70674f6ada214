#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A browser is the camera: Chromium publishes its fake device by WHIP, and subscribes to it by WHEP."""
from browser import Page, find_chromium, token_of
from sightline import Site, check, run_tests

SECONDS = 6

PAGE = """
run(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}, audio: true});
    const camera = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
    for (const track of stream.getTracks())
        camera.addTransceiver(track, {direction: 'sendonly', streams: [stream]});
    const published = await exchange(camera, '/whip/yard');
    while ((await stats(camera, 'outbound-rtp', 'video')).framesSent === undefined || camera.connectionState != 'connected')
        await sleep(50);
    const viewer = new RTCPeerConnection({bundlePolicy: 'max-bundle'});
    viewer.addTransceiver('video', {direction: 'recvonly'});
    viewer.addTransceiver('audio', {direction: 'recvonly'});
    const video = document.createElement('video');
    video.muted = video.autoplay = true;
    viewer.ontrack = event => { if (event.track.kind == 'video') video.srcObject = event.streams[0]; };
    document.body.append(video);
    await exchange(viewer, '/whep/yard');
    while (!(await stats(viewer, 'inbound-rtp', 'video')).framesDecoded)
        await sleep(20);
    const before = [await stats(camera, 'outbound-rtp', 'video'), await stats(viewer, 'inbound-rtp', 'video')];
    await sleep(%d);
    const result = {sent: (await stats(camera, 'outbound-rtp', 'video')).framesSent - before[0].framesSent,
                    video: await stats(viewer, 'inbound-rtp', 'video'), decodedBefore: before[1].framesDecoded,
                    audio: await stats(viewer, 'inbound-rtp', 'audio'),
                    remote: await stats(camera, 'remote-inbound-rtp', 'video')};
    await fetch(published.location, {method: 'DELETE'});
    return result;
});
""" % (SECONDS * 1000)


def a_browser_publishes():
    with Site() as site:
        camera, viewer = site.add_camera("yard"), site.add_viewer()
        with Page(site, PAGE, {"/whip/yard": token_of(camera), "/whep/yard": token_of(viewer)}) as page:
            result = page.result(60)
        decoded = result["video"]["framesDecoded"] - result["decodedBefore"]
        print(f"sent {result['sent']}, decoded {decoded}, "
              f"{result['video']['frameWidth']}x{result['video']['frameHeight']}, "
              f"lost {result['video']['packetsLost']}, freezes {result['video']['freezeCount']}, "
              f"sound packets {result['audio'].get('packetsReceived')}, "
              f"round trip {result['remote'].get('roundTripTime')} s")
        check(result["sent"] >= SECONDS * 5, "the browser hardly sent anything")
        check(decoded >= 0.95 * result["sent"], f"decoded {decoded} of {result['sent']} frames")
        check(result["audio"].get("packetsReceived", 0) >= SECONDS * 50 * 0.9, "sound is missing")
        check("roundTripTime" in result["remote"], "the receiver's reports do not reach the browser")
        site.receiver.wait_line("camera yard", tag="err")


if __name__ == "__main__":
    find_chromium()
    run_tests([a_browser_publishes])
