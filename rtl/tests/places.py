"""Rows of the placer with random cells: nobody overlaps, what finds no room leaves no trace, and a cell that comes in goes no farther than it may."""

import random

from repeat import bypass
from rows import Rows


def whole(rows):
    """Every cell in one stretch, beside the others, and the free sites as they are told."""
    seen = set()
    for row in rows.rows:
        for stretch in row:
            end = stretch.low
            for site, cell in stretch.cells:
                assert rows.at[cell] == (stretch.row, site) and site >= end and cell not in seen, (cell, site, end)
                end = site + rows.wide[cell]
                seen.add(cell)
            assert end <= stretch.high
            assert stretch.free == stretch.high - stretch.low - sum(rows.wide[cell] for _, cell in stretch.cells)
    assert seen == set(range(len(rows.at)))


def one(seed):
    draw = random.Random(seed)
    boxes = []
    for _ in range(draw.randrange(60)):
        left, low = draw.randrange(150), draw.randrange(19)
        boxes.append((left, low, left + draw.randrange(3, 20), low + 2))
    rows, out = Rows(20, 160, 3.5, boxes), 0
    for _ in range(draw.choice([100, 400])):
        count, limit = len(rows.at), draw.choice([20.0, float("inf")])
        wish = draw.uniform(0, 19), draw.uniform(0, 150)
        if rows.enter(draw.randrange(1, 12), wish, limit):
            row, site = rows.at[count]
            assert abs(row - wish[0]) * rows.height + abs(site - wish[1]) <= limit
        else:
            out += 1
            assert len(rows.at) == len(rows.wide) == count
        if count and draw.random() < 0.3:
            cell, wide = draw.randrange(count), draw.randrange(1, 14)
            before = rows.at[cell], rows.wide[cell]
            assert rows.widen(cell, wide) or (rows.at[cell], rows.wide[cell]) == before
    whole(rows)
    return out


assert sum(one(seed) for seed in range(30)) > 100

# Two buffers behind each other go, and their driver has what they drove.
cells = [{"pins": {"Y": "a"}}, {"pins": {"A": "a", "B": "c"}}, {"pins": {"A": "b"}}]
boxes = [{"pins": {"in": "c", "out": "d"}}]
bypass({"cells": cells, "boxes": boxes}, {"c": "b", "b": "a"})
assert [each["pins"] for each in cells + boxes] == [{"Y": "a"}, {"A": "a", "B": "a"}, {"A": "a"}, {"in": "a", "out": "d"}]
