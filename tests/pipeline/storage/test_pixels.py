import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.base.binding import bind
from pipeline.base.errors import UserError
from pipeline.base.sections import Packing
from pipeline.storage import pixels
from pipeline.storage.pixels import Unusable

PACKING = Packing(max_side=64)


def rgb(data, packing=PACKING):
    jpeg, width, height = pixels.pack(data, packing)
    return pixels.decode(jpeg), width, height


def status(data, packing=PACKING):
    with pytest.raises(Unusable) as caught:
        pixels.pack(data, packing)
    return str(caught.value)


def test_small_upright_jpeg_is_kept_byte_for_byte(draw):
    data = draw["encoded"](draw["smooth"](64, 48))
    assert pixels.pack(data, PACKING) == (data, 64, 48)


def test_a_damaged_pack_is_named():
    with pytest.raises(UserError, match=r"00\.parquet: image x is damaged; remove data/images and run dvc repro"):
        pixels.decode(b"no picture", "00.parquet: image x")


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_other_formats_become_jpeg_of_the_same_pixels(draw, kind):
    got, *size = rgb(draw["encoded"](draw["smooth"](), kind))
    assert size == [64, 48]
    # GIF has a palette of 256 colours.
    assert np.abs(got.astype(int) - draw["smooth"]()).mean() < (6 if kind == "GIF" else 2)


def test_decoded_pixels_are_those_pillow_gives(draw):
    data = draw["encoded"](draw["noise"]())
    with Image.open(pixels.io.BytesIO(data)) as image:
        np.testing.assert_array_equal(rgb(data)[0], np.asarray(image))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_larger_ones_are_scaled_down(draw, kind):
    got, width, height = rgb(draw["encoded"](draw["smooth"](400, 100), kind))
    assert (width, height) == (400, 100)
    assert got.shape == (16, 64, 3)
    assert np.abs(got.astype(int) - draw["smooth"](64, 16)).mean() < 4


def test_a_line_of_pixels_keeps_its_width(draw):
    assert rgb(draw["encoded"](draw["noise"](1, 1000), "PNG"))[0].shape == (64, 1, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("size", [(60, 30), (300, 150)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(draw, orientation, size, kind):
    upright = draw["smooth"](*size)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[pixels.ORIENTATION] = orientation
    got, width, height = rgb(draw["encoded"](np.ascontiguousarray(stored), kind, exif=exif.tobytes()))
    assert (width, height) == size
    expected = draw["smooth"](got.shape[1], got.shape[0])
    assert got.shape[1] == 2 * got.shape[0]
    assert np.abs(got.astype(int) - expected).mean() < 8


def test_odd_orientation_is_upright(draw):
    exif = Image.Exif()
    exif[pixels.ORIENTATION] = 77
    assert rgb(draw["encoded"](draw["smooth"](), exif=exif.tobytes()))[1:] == (64, 48)


def test_png_named_jpg_is_told_by_its_content(draw, tmp_path):
    path = tmp_path / "wrong.jpg"
    path.write_bytes(draw["encoded"](draw["smooth"](), "PNG"))
    assert rgb(pixels.read(str(path), path.stat().st_size, PACKING))[0].shape == (48, 64, 3)


def test_cmyk(draw):
    image = Image.fromarray(draw["smooth"]()).convert("CMYK")
    got = rgb(draw["encoded"](image, quality=95))[0]
    assert np.abs(got.astype(int) - draw["smooth"]()).mean() < 6


def test_greyscale(draw):
    got = rgb(draw["encoded"](draw["smooth"]()[..., 0]))[0]
    assert got.shape == (48, 64, 3)
    assert np.abs(got[..., 0].astype(int) - draw["smooth"]()[..., 0]).mean() < 2


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut(draw, kind):
    deep = draw["smooth"]()[..., 0].astype(np.uint16) * 257
    got = rgb(draw["encoded"](deep, kind))[0]
    assert np.abs(got[..., 0].astype(int) - draw["smooth"]()[..., 0]).mean() < 2


def test_float_pictures(draw):
    got = rgb(draw["encoded"]((draw["smooth"]()[..., 0] / 255).astype(np.float32), "TIFF"))[0]
    assert np.abs(got[..., 0].astype(int) - draw["smooth"]()[..., 0]).mean() < 2


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparency_becomes_white(draw, mode):
    pixels_ = np.zeros((48, 64, 4), np.uint8)
    pixels_[:, 32:] = (200, 0, 0, 255)
    image = Image.fromarray(pixels_)
    if mode == "P":
        image = image.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
        data = draw["encoded"](image, "PNG", transparency=image.getpixel((0, 0)))
    elif mode == "PA":
        data = draw["encoded"](image.quantize(), "PNG")
    else:
        data = draw["encoded"](image.convert(mode), "PNG")
    got = rgb(data)[0]
    assert got[:, :28].min() > 240
    assert got[:, 36:, 1].max() < 80


def test_half_transparent_is_mixed_with_white(draw):
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 128))
    assert abs(int(rgb(draw["encoded"](image, "PNG"))[0].mean()) - 127) < 3


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animated_gives_its_first_frame(draw, kind):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    got = rgb(draw["encoded"](frames[0], kind, save_all=True, append_images=frames[1:], **options))[0]
    assert got[16, 16, 0] > 200
    assert got[16, 16, 1:].max() < 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_one_pixel(draw, kind):
    got, width, height = rgb(draw["encoded"](np.full((1, 1, 3), 120, np.uint8), kind))
    assert (got.shape, width, height) == ((1, 1, 3), 1, 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM", "QOI"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_truncated_is_never_packed(draw, kind, share):
    data = draw["encoded"](draw["noise"](120, 90), kind)
    assert status(data[: int(len(data) * share)]) in ("truncated", "unreadable")


@pytest.mark.parametrize("size", [(60, 40), (300, 200)])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_truncated_jpeg_is_called_so(draw, share, size):
    data = draw["encoded"](draw["noise"](*size))
    assert status(data[: int(len(data) * share)]) == "truncated"


@pytest.mark.parametrize("data", [b"x", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\0" * 5000])
def test_no_picture_is_unreadable(data):
    assert status(data) in ("unreadable", "truncated")


def brand(name):
    return b"\0\0\0\x18ftyp" + name + b"\0\0\0\0mif1" + name + bytes(200)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (brand(b"heic"), "HEIC"),
        (brand(b"isom"), "HEIC"),  # mif1 among its brands
        (b"\0\0\0\x14ftypmp42\0\0\0\0isom", "MP4"),
        (b"<svg/>", "SVG"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x">', "SVG"),
        (b"\n<!DOCTYPE html><p>", "HTML"),
        (b'{"error": 404}', "JSON"),
        (b"%PDF-1.7", "PDF"),
        (b"\xff\x0a" + bytes(90), "JPEG XL"),
        (b"\x1aE\xdf\xa3", "WebM"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_what_cannot_be_decoded_says_its_format(data, name):
    assert status(data) == f"unreadable: {name}"


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "PPM", "QOI"])
def test_every_format_with_a_decoder_is_read(draw, kind):
    got, width, height = rgb(draw["encoded"](draw["smooth"](), kind))
    assert (width, height) == (64, 48)
    assert np.abs(got.astype(int) - draw["smooth"]()).mean() < 4
    assert status(draw["encoded"](draw["smooth"](), kind), Packing(max_side=64, max_pixels=99)) == "too large"


def chunk(kind, content, checksum=None):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum or zlib.crc32(kind + content))


METADATA = {
    "EXIF": chunk(b"eXIf", b"garbage!"),
    "a large profile": chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1_100_000))),
    "no profile": chunk(b"iCCP", b""),
    "a large text": chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2_000_000))),
    "texts": chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(1_000_000))) * 80,
    "checksum": chunk(b"tEXt", b"a\0b", checksum=1),
    "gamma": chunk(b"gAMA", b""),
    "animation": chunk(b"fcTL", b"x"),
}


@pytest.mark.parametrize("fault", METADATA)
@pytest.mark.parametrize("at", [33, -12])
def test_faults_of_metadata_are_none_of_the_pixels(draw, fault, at):
    data = draw["encoded"](draw["noise"](8, 8), "PNG")
    odd = data[:at] + METADATA[fault] + data[at:]
    np.testing.assert_array_equal(rgb(odd)[0], rgb(data)[0])
    assert status(odd[:-40]) == "truncated" if at == 33 else status(odd[: len(data) - 40]) == "truncated"


@pytest.mark.parametrize(
    "segment",
    [b"\xee\0\x07Adobe", b"\xe0\0\x06JFIF", b"\xe1\0\x10Exif\0\0garbage!", b"\xe2\0\x0dMPF\0garbage", b"\xfe\0\x02"],
)
def test_segments_beside_the_pixels_are_no_fault_of_a_jpeg(draw, segment):
    data = draw["encoded"](draw["noise"](8, 8))
    np.testing.assert_array_equal(rgb(data[:2] + b"\xff" + segment + data[2:])[0], rgb(data)[0])


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "JPEG"])
def test_broken_exif_is_no_orientation(draw, kind):
    pixels_ = draw["smooth"]()
    np.testing.assert_array_equal(
        rgb(draw["encoded"](pixels_, kind, exif=b"Exif\0\0garbage"))[0], rgb(draw["encoded"](pixels_, kind))[0]
    )


def test_orientation_outlives_a_profile_that_is_too_large(draw):
    exif = Image.Exif()
    exif[pixels.ORIENTATION] = 6
    data = draw["encoded"](draw["smooth"](), "PNG", exif=exif.tobytes())
    odd = data[:33] + METADATA["a large profile"] + data[33:]
    assert rgb(odd)[1:] == rgb(data)[1:] == (48, 64)


@pytest.mark.slow
def test_bomb_is_never_decoded(draw, monkeypatch):
    data = draw["encoded"](Image.new("1", (20_000, 20_000)), "PNG")
    assert len(data) < 100_000
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("decoded"))
    assert status(data) == "too large"


def test_most_pixels_is_a_parameter(draw):
    data = draw["encoded"](draw["smooth"]())
    assert status(data, Packing(max_side=64, max_pixels=64 * 48 - 1)) == "too large"
    assert pixels.pack(data, Packing(max_side=64, max_pixels=64 * 48))


def test_huge_files_are_not_even_read(tmp_path):
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(Unusable, match="too large"):
        pixels.read(str(path), path.stat().st_size, Packing(max_side=64, max_pixels=1000))


@pytest.mark.parametrize("key", ["max_side", "quality", "shard_images", "max_pixels"])
def test_ranges_are_checked(key):
    with pytest.raises(UserError, match=rf"images\.{key}: 0 cannot be"):
        bind("images", Packing, {"max_side": 64, key: 0})
    with pytest.raises(UserError, match="quality: 101"):
        bind("images", Packing, {"max_side": 64, "quality": 101})
