#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws the street of street.mp4: raw RGB frames of 640x360, 300 of them (10 s at 30/s), on stdout."""
import math, random, sys

W, H, FRAMES, RATE = 640, 360, 300, 30
ROAD = 236


def rect(img, x, y, w, h, colour):
    x0, x1 = max(0, int(x)), min(W, int(x + w))
    if x1 > x0:
        row = bytes(colour) * (x1 - x0)
        for line in range(max(0, int(y)), min(H, int(y + h))):
            at = (line * W + x0) * 3
            img[at:at + len(row)] = row


def ellipse(img, cx, cy, rx, ry, colour):
    for line in range(max(0, int(cy - ry)), min(H, int(cy + ry) + 1)):
        inside = 1 - ((line - cy) / ry) ** 2
        if inside > 0:
            half = rx * math.sqrt(inside)
            rect(img, cx - half, line, 2 * half, 1, colour)


def sky(img):
    for y in range(ROAD):
        k = y / ROAD
        rect(img, 0, y, W, 1, (int(70 + 120 * k), int(120 + 90 * k), int(190 + 40 * k)))
    rect(img, 0, ROAD - 16, W, 16, (150, 148, 142))
    rect(img, 0, ROAD, W, H - ROAD, (62, 64, 70))


def houses(img, chance):
    x = -10
    while x < W:
        w, h = chance.randint(60, 105), chance.randint(80, 170)
        shade = chance.choice([(132, 84, 66), (158, 140, 112), (104, 112, 124), (120, 98, 104), (92, 104, 92)])
        rect(img, x, ROAD - 16 - h, w, h, shade)
        rect(img, x, ROAD - 20 - h, w, 5, tuple(c * 2 // 3 for c in shade))
        for wy in range(ROAD - h, ROAD - 50, 26):
            for wx in range(int(x) + 9, int(x + w) - 14, 20):
                rect(img, wx, wy, 11, 15, (56, 66, 80))
        rect(img, x + w // 2 - 8, ROAD - 46, 16, 30, (70, 46, 34))
        x += w + chance.choice([0, 0, 14])


def cloud(img, x, y, size):
    for dx, dy, r in ((-22, 4, 14), (0, 0, 20), (22, 4, 15), (8, -8, 14)):
        ellipse(img, x + dx * size, y + dy * size, r * 1.5 * size, r * 0.7 * size, (232, 236, 242))


def wheel(img, x, y, r, turn):
    ellipse(img, x, y, r, r, (24, 24, 26))
    ellipse(img, x, y, r * 0.55, r * 0.55, (170, 172, 176))
    rect(img, x + math.cos(turn) * r * 0.4 - 1, y + math.sin(turn) * r * 0.4 - 1, 3, 3, (40, 40, 44))


def car(img, x, y, size, colour, way, braking):
    w, h = 92 * size, 22 * size
    ellipse(img, x, y + 12 * size, w * 0.52, 5 * size, (44, 46, 50))
    rect(img, x - w / 2, y - h / 2, w, h, colour)
    rect(img, x - w * 0.28, y - h * 1.35, w * 0.52, h, tuple(c * 4 // 5 for c in colour))
    for at in (-0.24, 0.0):
        rect(img, x + w * at, y - h * 1.2, w * 0.2, h * 0.65, (176, 206, 222))
    rect(img, x + way * w / 2 - 3, y - 4 * size, 6, 6 * size, (255, 246, 190))
    rect(img, x - way * w / 2 - 3, y - 4 * size, 6, 6 * size, (255, 40, 30) if braking else (130, 20, 20))
    for at in (-0.3, 0.3):
        wheel(img, x + w * at, y + h / 2, 9 * size, way * x / (9 * size))


def bus(img, x, y):
    rect(img, x - 95, y - 62, 190, 66, (196, 44, 40))
    rect(img, x - 95, y - 36, 190, 4, (238, 214, 150))
    for k in range(6):
        rect(img, x - 86 + k * 30, y - 55, 24, 15, (190, 214, 226))
        rect(img, x - 86 + k * 30, y - 28, 24, 15, (190, 214, 226))
    for at in (-60, 60):
        wheel(img, x + at, y + 4, 12, x / 12)


def walker(img, x, y, colour, phase):
    swing = math.sin(phase) * 6
    for side in (swing, -swing):
        for k in range(14):
            rect(img, x + side * k / 14 - 2, y - 14 + k, 4, 1, (40, 42, 60))
    rect(img, x - 5, y - 34, 10, 21, colour)
    rect(img, x - swing * 0.7 - 2, y - 31, 3, 15, tuple(c * 3 // 4 for c in colour))
    ellipse(img, x, y - 40, 5, 6, (214, 172, 140))


def lamp(img, x, state):
    rect(img, x, 150, 5, 80, (44, 46, 48))
    rect(img, x - 7, 132, 19, 48, (30, 32, 34))
    for k, (name, on) in enumerate((("red", (250, 50, 40)), ("amber", (250, 190, 50)), ("green", (60, 230, 90)))):
        ellipse(img, x + 2, 140 + k * 15, 6, 6, on if name == state else (54, 52, 50))


def main():
    chance = random.Random(3)
    base = bytearray(W * H * 3)
    sky(base)
    behind = bytes(base)
    houses(base, chance)
    fronts = bytes(base)
    lights = [(chance.randint(0, W - 12), chance.randint(90, ROAD - 60), chance.random() * 9) for _ in range(26)]
    out = sys.stdout.buffer
    for n in range(FRAMES):
        t = n / RATE
        img = bytearray(behind)
        ellipse(img, 520, 46 + 4 * math.sin(t / 3), 22, 22, (255, 236, 170))
        for x, y, size, speed in ((80, 40, 1.0, 9), (330, 24, 0.7, 6), (560, 62, 1.2, 13)):
            cloud(img, (x + speed * t + 90) % (W + 180) - 90, y, size)
        for y in range(40, ROAD):  # the houses stand before the clouds
            at = y * W * 3
            for x in range(0, W * 3, 24):
                if fronts[at + x:at + x + 24] != behind[at + x:at + x + 24]:
                    img[at + x:at + x + 24] = fronts[at + x:at + x + 24]
        for x, y, start in lights:
            if (t + start) % 9 < 4 and fronts[(y * W + x) * 3:(y * W + x) * 3 + 3] == bytes((56, 66, 80)):
                rect(img, x, y, 6, 8, (250, 214, 120))
        for x in range(-60, W + 60, 80):
            rect(img, x, 292, 40, 4, (220, 216, 196))
        stop = 3 < t < 5.5
        lamp(img, 590, "red" if stop else "amber" if 2.5 < t <= 3 else "green")
        for k, (speed, colour) in enumerate(((31, (40, 120, 90)), (-24, (170, 60, 110)), (19, (60, 80, 170)))):
            walker(img, (140 + 210 * k + speed * t) % (W + 40) - 20, ROAD - 2, colour, t * 7 + k)
        bus(img, (t * 104) % 1040 - 160, 280)
        car(img, W + 120 - (t * 232) % 928, 316, 1.05, (44, 92, 168), -1, False)
        car(img, (t * 186 + 420) % 930 - 120, 344, 1.25, (214, 170, 50), 1, 6 < t < 7)
        out.write(img)


main()
