import io
import pickle
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_core.probe.drawing import DrawingError, read_image, to_digit
from tests.strokes import STYLES, drawn, placed

SEVEN = 255 - drawn(placed(STYLES[7][0], 120, 40, 30), 14, 200)[..., 3]  # dark on light


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, content: bytes, *more: bytes) -> bytes:
    """A PNG of 8-bit grey with any header and content, however wrong."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + b"".join(more) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def zeros(count: int) -> bytes:
    """Any number of zero bytes, compressed, without ever holding them."""
    squeeze, block = zlib.compressobj(9), bytes(1_000_000)
    parts = [squeeze.compress(block[: min(len(block), count - at)]) for at in range(0, count, len(block))]
    return b"".join(parts) + squeeze.flush()


def palette() -> Image.Image:
    """Colour 0 is the paper, 1 the pen; white both, so that only transparency tells them apart."""
    image = Image.fromarray((SEVEN < 128).astype(np.uint8), "P")
    image.putpalette([255, 255, 255] * 2)
    return image


MODES: dict[str, Callable[[], bytes]] = {
    "grey": lambda: saved(Image.fromarray(SEVEN)),
    "one bit": lambda: saved(Image.fromarray(SEVEN).convert("1")),
    "16 bits": lambda: saved(Image.fromarray(SEVEN.astype(np.uint16) * 257)),
    "12 of 16 bits": lambda: saved(Image.fromarray(SEVEN.astype(np.uint16) * 16)),
    "RGB": lambda: saved(Image.fromarray(SEVEN).convert("RGB")),
    "RGBA": lambda: saved(Image.fromarray(SEVEN).convert("RGBA")),
    "grey and alpha": lambda: saved(Image.fromarray(SEVEN).convert("LA")),
    "palette": lambda: saved(Image.fromarray(SEVEN).convert("P")),
    "palette, transparent paper": lambda: saved(palette(), transparency=0),
    "transparent paper": lambda: saved(Image.fromarray(drawn(placed(STYLES[7][0], 120, 40, 30), 14, 200))),
    "grey JPEG": lambda: saved(Image.fromarray(SEVEN), "JPEG"),
    "RGB JPEG": lambda: saved(Image.fromarray(SEVEN).convert("RGB"), "JPEG", progressive=True),
    "CMYK JPEG": lambda: saved(Image.fromarray(SEVEN).convert("CMYK"), "JPEG"),
    "interlaced": lambda: saved(Image.fromarray(SEVEN), interlace=1),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_png_and_jpeg_gives_the_same_digit(mode: str) -> None:
    pixels = read_image(MODES[mode]())
    assert pixels.dtype == np.uint8 and pixels.shape[:2] == (200, 200)
    expected = to_digit(SEVEN).digit
    assert np.abs(to_digit(pixels).digit - expected).mean() < 0.015


def test_a_path_and_its_bytes_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a digit é.png"
    path.write_bytes(saved(Image.fromarray(SEVEN)))
    assert np.array_equal(read_image(path), SEVEN)
    assert np.array_equal(read_image(str(path)), SEVEN)
    assert np.array_equal(read_image(path.read_bytes()), SEVEN)


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 1), (8, 3)])
def test_a_phone_held_sideways(orientation: int, turns: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(np.rot90(SEVEN, turns))
    for kind in ("JPEG", "PNG"):
        upright = read_image(saved(turned, kind, exif=exif))
        assert np.abs(upright.astype(float) - SEVEN).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_large_photograph_is_reduced(kind: str) -> None:
    large = Image.fromarray(SEVEN).convert("RGB").resize((4000, 3000), Image.Resampling.NEAREST)
    pixels = read_image(saved(large, kind))
    assert max(pixels.shape) < 2400
    small = Image.fromarray(SEVEN).resize((200, 150), Image.Resampling.BOX)
    assert np.abs(to_digit(pixels).digit - to_digit(np.asarray(small)).digit).mean() < 0.02


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "text": (b"seven, seven, seven\n" * 50, "text"),
    "svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>', "SVG"),
    "pickle": (pickle.dumps({"weights": [1.0] * 100}), "pickle"),
    "zip": (b"PK\x03\x04" + bytes(100), "zip"),
    "heic": (b"\x00\x00\x00\x18ftypheic" + bytes(100), "HEIC"),
    "gif": (saved(Image.fromarray(SEVEN), "GIF"), "another kind"),
    "zeros": (bytes(1000), "not a picture"),
    "20,000 by 20,000": (png(20_000, 20_000, zeros(1000)), "far too many pixels"),
    "9,000 by 9,000": (png(9_000, 9_000, zeros(1000)), "9,000×9,000"),
    "a real bomb": (png(20_000, 20_000, zeros(20_001 * 20_000)), "far too many pixels"),
    "wide": (png(1_000_000, 2, zeros(2_000_002)), "1,000,000×2"),
    "no size": (png(0, 0, b""), "damaged"),
    "truncated": (saved(Image.fromarray(SEVEN))[:200], "damaged"),
    "truncated JPEG": (saved(Image.fromarray(SEVEN), "JPEG")[:900], "damaged"),
    "JPEG header only": (b"\xff\xd8\xff\xe0" + bytes(20), "damaged"),
    "wrong content": (png(200, 200, b"not compressed at all"), "damaged"),
    "text bomb": (
        png(8, 8, zeros(72), chunk(b"zTXt", b"a\0\0" + zeros(200_000_000))),
        "damaged",
    ),
}


def most_memory() -> int:
    """The most memory this process has held so far in bytes; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_at_once_with_a_word(name: str, tmp_path: Path) -> None:
    content, word = HOSTILE[name]
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    before = most_memory()
    start = time.process_time()
    for source in (path, content):
        with pytest.raises(DrawingError, match=word) as caught:
            read_image(source)
        assert ("digit.png" in str(caught.value)) == (source is path)
    assert time.process_time() - start < 1
    assert most_memory() - before < 150_000_000


def test_paths_that_are_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(DrawingError, match="no such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(DrawingError, match="not a file"):
        read_image(tmp_path)
    with pytest.raises(DrawingError):
        read_image("a\0b.png")
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(DrawingError, match="larger than 25 MB"):
        read_image(large)


@given(st.binary(max_size=400), st.integers(0, 3))
@settings(max_examples=150)
def test_any_bytes_are_a_picture_or_a_drawing_error(noise: bytes, start: int) -> None:
    heads = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", saved(Image.fromarray(SEVEN))[:60]]
    try:
        assert read_image(heads[start] + noise).dtype == np.uint8
    except DrawingError as error:
        assert str(error)


@given(st.data())
@settings(max_examples=150)
def test_a_flipped_byte_never_escapes(data: st.DataObject) -> None:
    original = data.draw(st.sampled_from([MODES["RGB"](), MODES["RGB JPEG"](), MODES["palette"]()]))
    broken = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert read_image(bytes(broken)).dtype == np.uint8
    except DrawingError as error:
        assert "\n" not in str(error)
