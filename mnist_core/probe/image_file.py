"""Read a picture of a digit from a PNG or JPEG file, and nothing else, without trusting the file."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mnist_core.probe.ink import DrawingError

FORMATS = ("PNG", "JPEG")
MAX_BYTES = 25_000_000
MAX_PIXELS = 30_000_000
MAX_SIDE = 10_000
WORKING_SIDE = 1_200  # pixels; more detail than a 20×20 digit can take up

_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    KeyError,
    IndexError,
    TypeError,
)


def read_image(source: str | Path | bytes) -> NDArray[np.uint8]:
    """Return a PNG or JPEG file (or its bytes) as uint8 (H, W), (H, W, 3) or (H, W, 4) with alpha.

    Turned upright as its EXIF data says, and reduced to a longer side of at most 1,200–2,400 pixels.
    Raises `DrawingError` for whatever is not such a picture. The size is judged by the header before
    anything is decoded.
    """
    name, content = _content(source)
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise DrawingError(f"{name}: {_too_large('far too many')}") from None
    except (UnidentifiedImageError, *_BROKEN):
        raise DrawingError(f"{name}: {_what_it_is(content)}; use a PNG or JPEG picture") from None
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise DrawingError(f"{name}: {_too_large(f'{width:,}×{height:,}')}")
        try:
            image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # JPEG decodes straight to a smaller picture
            return np.asarray(_in_eight_bits(_reduced(ImageOps.exif_transpose(image))))
        except (Image.DecompressionBombError, MemoryError, *_BROKEN) as error:
            raise DrawingError(
                f"{name}: the {image.format} picture is damaged ({error}); save or copy it again"
            ) from None


def _too_large(pixels: str) -> str:
    return (
        f"the picture has {pixels} pixels; at most {MAX_PIXELS / 1e6:.0f} million and {MAX_SIDE:,} on a side "
        "are allowed; make it smaller"
    )


def _content(source: str | Path | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        name, content = "the picture", source
    else:
        path = Path(source)
        name = str(path)
        try:
            if not path.is_file():
                problem = "is not a file" if path.exists() else "there is no such file"
                raise DrawingError(f"{name}: {problem}; name a PNG or JPEG picture")
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            if isinstance(error, DrawingError):
                raise
            raise DrawingError(f"{name}: cannot be read ({error})") from None
    if len(content) > MAX_BYTES:
        raise DrawingError(f"{name}: larger than {MAX_BYTES / 1e6:.0f} MB; make the picture smaller")
    return name, content


def _what_it_is(content: bytes) -> str:
    """Say what a file is that is no PNG and no JPEG, as far as its first bytes tell."""
    start = content[:512]
    if not content:
        return "the file is empty"
    if b"<svg" in start.lower() or start.lstrip().startswith(b"<?xml"):
        return "this is an SVG or XML file, not a picture of pixels"
    if start[4:8] == b"ftyp":
        return "this is a HEIC photograph or a video"
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "this is a Python pickle, which is never opened"
    if start.startswith(b"PK\x03\x04"):
        return "this is a zip archive"
    if start.startswith((b"GIF8", b"BM", b"RIFF", b"II*\x00", b"MM\x00*", b"%PDF")):
        return "this is another kind of picture or document"
    if start.startswith((b"\x89PNG", b"\xff\xd8")):
        return "the header of the picture is damaged"
    if b"\x00" not in start:
        return "this is text, not a picture"
    return "this is not a picture"


def _reduced(image: Image.Image) -> Image.Image:
    factor = max(image.size) // WORKING_SIDE
    if factor < 2:
        return image
    if image.mode in ("P", "PA", "1") or image.mode.startswith("I"):
        image = _in_eight_bits(image)
    return image.reduce(factor)


def _in_eight_bits(image: Image.Image) -> Image.Image:
    """One of the modes L, RGB and RGBA."""
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits of grey
        values = np.asarray(image, dtype=np.float32)
        brightest = values.max(initial=0)
        white = 65_535 if brightest >= 1 << 13 else max(brightest, 1)  # cameras use fewer of the bits
        return Image.fromarray(np.clip(values * (255 / white), 0, 255).astype(np.uint8))
    if image.mode == "L" and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    transparent = image.mode in ("LA", "PA", "La", "RGBa", "RGBA") or "transparency" in image.info
    return image.convert("RGBA" if transparent else "RGB")
