# SPDX-License-Identifier: MIT
"""Pictures that the wall leaves behind, pixel by pixel, without a library."""
import struct
import zlib


class Picture:
    """An 8-bit RGB or RGBA PNG: `width`, `height`, `rows` of RGB bytes."""

    def __init__(self, path):
        data = open(path, "rb").read()
        if data[:8] != b"\x89PNG\r\n\x1a\n":
            raise AssertionError(f"{path} is no PNG")
        at, packed, header = 8, b"", None
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            body = data[at + 8:at + 8 + length]
            if kind == b"IHDR":
                header = struct.unpack(">IIBBBBB", body)
            elif kind == b"IDAT":
                packed += body
            at += 12 + length
        self.width, self.height, depth, colour = header[:4]
        if depth != 8 or colour not in (2, 6):
            raise AssertionError("wanted 8-bit RGB")
        step = 3 if colour == 2 else 4
        raw, self.rows, last = zlib.decompress(packed), [], bytes(self.width * step)
        for y in range(self.height):
            start = y * (self.width * step + 1)
            last = _unfilter(raw[start], bytearray(raw[start + 1:start + 1 + self.width * step]), last, step)
            self.rows.append(last if step == 3 else b"".join(last[x * 4:x * 4 + 3] for x in range(self.width)))

    def pixel(self, x, y):
        return tuple(self.rows[y][3 * x:3 * x + 3])

    def pixels(self, left, top, width, height, every=3):
        return [self.pixel(x, y) for y in range(top, top + height, every) for x in range(left, left + width, every)]

    def colours(self, left, top, width, height):
        """How many different colours a part has."""
        return len(set(self.pixels(left, top, width, height)))

    def colourful(self, left, top, width, height):
        """The share of pixels in a part that are a colour, not a grey."""
        pixels = self.pixels(left, top, width, height)
        return sum(max(p) - min(p) > 24 for p in pixels) / len(pixels)


def _unfilter(kind, line, last, step):
    """PNG specification (third edition), section 9.2."""
    for i in range(len(line)):
        left = line[i - step] if i >= step else 0
        up = last[i]
        corner = last[i - step] if i >= step else 0
        if kind == 1:
            line[i] = (line[i] + left) & 255
        elif kind == 2:
            line[i] = (line[i] + up) & 255
        elif kind == 3:
            line[i] = (line[i] + (left + up) // 2) & 255
        elif kind == 4:
            guess = left + up - corner
            pa, pb, pc = abs(guess - left), abs(guess - up), abs(guess - corner)
            line[i] = (line[i] + (left if pa <= pb and pa <= pc else up if pb <= pc else corner)) & 255
    return bytes(line)
