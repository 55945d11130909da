"""The house style: small words are readable on what lies behind them, in light and in dark."""

from __future__ import annotations

import re

import pytest

from pages.parts.component import SHARED
from pages.parts.style import plain

PARTS = SHARED.parent
STYLE = (PARTS / "style.css").read_text(encoding="utf-8")
# Streamlit's background and text, and the primary colour of .streamlit/config.toml
THEMES = {"light": ("#ffffff", "#2f2d2b", "#1d4ed8"), "dark": ("#171614", "#edebe8", "#60a5fa")}

Colour = tuple[float, ...]


def colour(text: str) -> Colour:
    return tuple(int(text[at : at + 2], 16) / 255 for at in (1, 3, 5))


def mixed(upper: Colour, lower: Colour, share: float) -> Colour:
    return tuple(share * a + (1 - share) * b for a, b in zip(upper, lower, strict=True))


def luminance(of: Colour) -> float:
    """WCAG 2.1, relative luminance."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in of]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_small_words_have_the_contrast_that_wcag_asks_for(theme: str) -> None:
    paper, text, primary = map(colour, THEMES[theme])
    (share,) = re.findall(r"--quiet: color-mix\(in srgb, var\(--st-text-color\) (\d+)%, transparent\)", STYLE)
    for behind in (paper, mixed(primary, paper, 0.11)):  # the page, the chosen layer
        assert contrast(mixed(text, behind, int(share) / 100), behind) >= 4.5
    ((light, dark),) = re.findall(r"--wrong: light-dark\((#\w{6}), (#\w{6})\)", STYLE)
    wrong = colour(light if theme == "light" else dark)
    for behind in (paper, mixed(wrong, paper, 0.08)):  # the page, a problem's own tint
        assert contrast(wrong, behind) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_counts_of_the_confusion_matrix_are_readable_on_every_shade(theme: str) -> None:
    paper, text, primary = map(colour, THEMES[theme])
    script = (PARTS / "confusion.js").read_text(encoding="utf-8")
    ((least, most),) = re.findall(r"\[LEAST, MOST\] = \[([\d.]+), ([\d.]+)\]", script)
    for heat in (float(least), float(most)):
        behind = mixed(primary, paper, heat)
        assert contrast(text, behind) >= 4.5
    css = (PARTS / "confusion.css").read_text(encoding="utf-8")
    (share,) = re.findall(r"lab-none \{\s+color: color-mix\(in srgb, var\(--st-text-color\) (\d+)%", css)
    assert contrast(mixed(text, paper, int(share) / 100), paper) >= 3


def test_these_colours_are_said_once() -> None:
    for path in set(PARTS.glob("*.css")) - {PARTS / "style.css"}:
        css = path.read_text(encoding="utf-8")
        assert "--quiet:" not in css and "62%" not in css and " color: #dc2626" not in css, path


@pytest.mark.parametrize(
    "text", ["https://a.example/b", "www.a.example", "me@a.example", ":tada:", "a -> b >= c"]
)
def test_nothing_is_made_of_what_somebody_wrote(text: str) -> None:
    shown = plain(text).replace("\\", "")
    assert shown.replace("\u2060", "") == text
    assert not re.search(r"://|www\.|\w@|:\w|[-<>~][-=>]", shown)


def test_words_stay_words() -> None:
    assert plain("Step 5: more, at 99 %") == "Step 5\\: more, at 99 %"
