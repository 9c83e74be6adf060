"""What a file is, by its first bytes: pictures without what they carry beside their pixels, and names of formats."""

import re
import struct

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND")
_EXIF = b"Exif\0\0"

_BRANDS = {
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
    "Canon raw": (b"crx ",),
    "QuickTime": (b"qt  ",),
}
_OURS = (b"avif", b"avis")
_SIGNS = {
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "JPEG XR": rb"II\xbc",
    "Photoshop": rb"8BPS",
    "icon": rb"\0\0[\x01\x02]\0[^\0]\0",
    "DDS": rb"DDS ",
    "WebM": rb"\x1aE\xdf\xa3",
    "AVI": rb"RIFF....AVI ",
    "PDF": rb"%PDF",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
    "SVG": rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>/]",
    "HTML": rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)",
    "XML": rb"(?:\xef\xbb\xbf)?\s*<\?xml",
    "JSON": rb"(?:\xef\xbb\xbf)?\s*[\[{]\s*[\"\]}]",
    "zip": rb"PK\x03\x04",
    "gzip": rb"\x1f\x8b",
    "Git LFS pointer": rb"version https://git-lfs",
}
_COMPILED = {name: re.compile(sign, re.DOTALL | re.IGNORECASE) for name, sign in _SIGNS.items()}
_LOOK = 2048
"""Bytes that tell a format."""


def name(data: bytes) -> str | None:
    """What the format of a file that is no picture to us is called; None where it is not known, or is one of ours."""
    start = data[:_LOOK]
    if start[4:8] == b"ftyp":
        if start[8:12] in _OURS:
            return None
        brands = [start[8:12], *(start[i : i + 4] for i in range(16, min(64, *struct.unpack(">I", start[:4])), 4))]
        return next((n for n, known in _BRANDS.items() if any(brand in known for brand in brands)), "MP4")
    return next((n for n, sign in _COMPILED.items() if sign.match(start)), None)


def bare(data: bytes) -> bytes:
    """A PNG or JPEG with nothing but what makes its pixels and orientation; other files, and broken ones, unchanged."""
    if data.startswith(_PNG):
        return _bare_png(data)
    return _bare_jpeg(data) if data.startswith(b"\xff\xd8\xff") else data


def _bare_png(data: bytes) -> bytes:
    parts, at = [_PNG], len(_PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in _PNG_KEPT:
            parts.append(data[at : at + length + 12])
        at += length + 12
    return b"".join(parts)


def _bare_jpeg(data: bytes) -> bytes:
    parts, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if _makes_pixels(data[at + 1], data[at + 4 : at + length]):
            parts.append(data[at : at + length])
        at += length
    return b"".join([*parts, data[at:]])


def _makes_pixels(marker: int, content: bytes) -> bool:
    """Whether a segment of a JPEG is none of an application's, or says orientation (1) or colour model (14)."""
    if marker == 0xE1:
        return content.startswith(_EXIF)
    if marker == 0xEE:
        return content.startswith(b"Adobe") and len(content) >= 12
    return marker != 0xFE and not 0xE0 <= marker <= 0xEF
