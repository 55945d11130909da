import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mnist_core.probe.pieces import label_pieces

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=24))


def flooded(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """The 8-connected pieces by flooding, pixel after pixel."""
    rest = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    pieces = []
    while rest:
        todo, piece = [rest.pop()], set()
        while todo:
            row, column = todo.pop()
            piece.add((row, column))
            near = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & rest
            rest -= near
            todo.extend(near)
        pieces.append(piece)
    return pieces


@given(masks)
def test_pieces_are_those_of_a_flood(mask: np.ndarray) -> None:
    pieces = label_pieces(mask)
    ours = [set(map(tuple, np.argwhere(pieces.labels == piece.label).tolist())) for piece in pieces.found]
    assert sorted(map(sorted, ours)) == sorted(map(sorted, flooded(mask)))
    for piece, pixels in zip(pieces.found, ours, strict=True):
        rows, columns = zip(*pixels, strict=True)
        assert (piece.top, piece.bottom) == (min(rows), max(rows) + 1)
        assert (piece.left, piece.right) == (min(columns), max(columns) + 1)
        assert piece.area == len(pixels)
    assert [piece.area for piece in pieces.found] == sorted((p.area for p in pieces.found), reverse=True)


@given(masks, st.integers(0, 5))
def test_near_keeps_the_whole_piece_and_nothing_far(mask: np.ndarray, which: int) -> None:
    pieces = label_pieces(mask)
    if which < len(pieces.found):
        label = pieces.found[which].label
        near = pieces.near([label])
        assert near[pieces.labels == label].all()
        assert not (near & mask & (pieces.labels != label)).any()
    assert not pieces.near([]).any()


def test_a_large_mask_is_labelled_on_a_smaller_copy() -> None:
    mask = np.zeros((700, 1000), bool)
    mask[100:301, 50:100] = True
    mask[500:640, 800:1000] = True
    left, right = sorted(label_pieces(mask).found, key=lambda piece: piece.left)
    factor = label_pieces(mask).factor
    assert factor == 6
    assert abs(left.top - 100) < factor and abs(left.bottom - 301) < factor and not left.on_border
    assert right.right == 1000 and right.on_border
    assert abs(left.area - 201 * 50) < 6 * 600
    assert label_pieces(mask).near([left.label]).shape == mask.shape
