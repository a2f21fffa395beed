"""Rows of placed cells with gaps between them, into which single cells go without moving any but their neighbours.

Rows are cut into stretches by what stands still. A cell that comes in, or that becomes wider, goes into that stretch near its wish where it and the neighbours that it
pushes aside move least in all; everything else stays where it is.
"""

from bisect import bisect_left, bisect_right, insort

# Neighbours to either side that may be pushed.
PUSHED = 32
# What a wider cell may cost: sites that it and its neighbours move in all.
NEAR = 200


class NoRoom(Exception):
    """Nowhere in the rows is there a gap for a cell."""


class Stretch:
    """A part of a row between two sites, its cells in their order (where each begins, and its number), and how many sites they leave free."""

    def __init__(self, row, low, high):
        self.row, self.low, self.high, self.cells, self.free = row, low, high, [], high - low

    def add(self, site, cell, wide):
        insort(self.cells, (site, cell))
        self.free -= wide

    def remove(self, site, cell, wide):
        self.cells.remove((site, cell))
        self.free += wide

    def away(self, site):
        """How far a site is from it."""
        return max(self.low - site, site - self.high, 0)


class Rows:
    """Cells in rows: `at` has each one's row and site. Everything is counted in sites, and a row is `height` of them high."""

    def __init__(self, count, sites, height, full):
        """`full` are boxes that stand still: (left site, first row, right site, row behind the last)."""
        self.height, self.at, self.wide = height, [], []
        boxes = [[] for _ in range(count)]
        for left, low, right, high in full:
            for row in range(max(low, 0), min(high, count)):
                boxes[row].append((left, right))
        self.rows = [cut(row, sites, sorted(each)) for row, each in enumerate(boxes)]
        self.lows = [[stretch.low for stretch in row] for row in self.rows]

    def stand(self, row, site, wide):
        """A cell that has its place already; its number is the next one."""
        self.at.append((row, site))
        self.wide.append(wide)
        self.over(row, site).add(site, len(self.at) - 1, wide)

    def fixed(self, row, site, wide):
        """A cell that is one of the boxes that stand still; its number is the next one."""
        self.at.append((row, site))
        self.wide.append(wide)

    def enter(self, wide, wish, limit=float("inf")):
        """Puts a new cell near a wish, see `settle`; its number is the next one. Where that is not possible there is no such cell."""
        self.at.append(None)
        self.wide.append(wide)
        if self.settle(len(self.at) - 1, wish, limit):
            return True
        self.at.pop()
        self.wide.pop()
        return False

    def widen(self, cell, wide):
        """Gives a cell another width where it stands or near it. Where there is no room near, it stays as it was, and the answer is no."""
        (row, site), before = self.at[cell], self.wide[cell]
        stretch = self.over(row, site)
        stretch.remove(site, cell, before)
        self.wide[cell] = wide
        if self.settle(cell, (row, site + (before - wide) / 2), NEAR):
            return True
        self.wide[cell] = before
        stretch.add(site, cell, before)
        return False

    def over(self, row, site):
        """The stretch that a site is in."""
        return self.rows[row][max(bisect_right(self.lows[row], site) - 1, 0)]

    def settle(self, cell, wish, limit=float("inf")):
        """Puts a cell near a wish of row and site, where that moves it and its neighbours least; whether that is possible for less than the limit."""
        best = limit, None, []
        for up, stretch in self.near(wish, self.wide[cell], lambda: best[0]):
            found = self.opened(stretch, wish[1], self.wide[cell])
            if found and up + found[0] < best[0]:
                best = up + found[0], stretch, found[1]
        _, stretch, moves = best
        if stretch is None:
            return False
        for index, place in moves:
            if index is not None:
                other = stretch.cells[index][1]
                stretch.cells[index], self.at[other] = (place, other), (stretch.row, place)
            else:
                self.at[cell] = stretch.row, place
        stretch.add(self.at[cell][1], cell, self.wide[cell])
        return True

    def near(self, wish, wide, limit):
        """Stretches around a wish with so many free sites, not farther from it than what is found by then costs, each with how far its row is."""
        line, site = wish
        for index in outwards(round(line), len(self.rows)):
            up = abs(index - line) * self.height
            # Rows come from the nearest to the farthest.
            if up - self.height >= limit():
                return
            row = self.rows[index]
            middle = bisect_right(self.lows[index], site)
            # From the wish on to the left, where the first may be around it, and to the right.
            for stretches in (reversed(row[:middle]), row[middle:]):
                for stretch in stretches:
                    if stretch.free >= wide:
                        if up + stretch.away(site) >= limit():
                            break
                        yield up, stretch

    def opened(self, stretch, site, wide):
        """What it costs to make room for a cell near a site, and the moves: (index in the stretch, site), the cell's own index being None."""
        right = self.behind(stretch.cells, site, wide)
        below, above = self.gap(stretch, right)
        lack = wide - (above - below)
        if lack <= 0:
            place = round(min(max(site, below), above - wide))
            return abs(place - site), [(None, place)]
        before, after = self.room(stretch, right - 1, -1, lack), self.room(stretch, right, 1, lack)
        if before + after < lack:
            return None
        left = round(min(max(below - site, lack - after), before))
        left = min(max(left, lack - after, 0), before)
        moves = self.pushes(stretch, right - 1, -1, left) + self.pushes(stretch, right, 1, lack - left)
        cost = abs(below - left - site) + sum(abs(place - stretch.cells[index][0]) for index, place in moves)
        return cost, moves + [(None, below - left)]

    def behind(self, cells, site, wide):
        """The index of the first cell behind a new one: of two cells the one whose middle comes first is before the other."""
        index, middle = bisect_left(cells, (site, -1)), 2 * site + wide
        if index < len(cells) and 2 * cells[index][0] + self.wide[cells[index][1]] < middle:
            return index + 1
        if index > 0 and 2 * cells[index - 1][0] + self.wide[cells[index - 1][1]] > middle:
            return index - 1
        return index

    def gap(self, stretch, right):
        """The gap before the cell of this index."""
        cells = stretch.cells
        below = cells[right - 1][0] + self.wide[cells[right - 1][1]] if right > 0 else stretch.low
        return below, cells[right][0] if right < len(cells) else stretch.high

    def room(self, stretch, index, way, enough):
        """How far the cells from this index on can be pushed one way, as far as that is asked for."""
        found = 0
        for _ in range(PUSHED):
            if found >= enough or not 0 <= index < len(stretch.cells):
                break
            below, above = self.gap(stretch, index + (way > 0))
            found, index = found + above - below, index + way
        return min(found, enough)

    def pushes(self, stretch, index, way, push):
        """The moves that push the cells from this index on so far one way."""
        moves = []
        while push > 0:
            below, above = self.gap(stretch, index + (way > 0))
            moves.append((index, stretch.cells[index][0] + way * push))
            push, index = push - (above - below), index + way
        return moves


def cut(row, sites, boxes):
    """The stretches of a row between boxes, each from a left to a right site."""
    found, free = [], 0
    for left, right in boxes:
        if left > free:
            found.append(Stretch(row, free, left))
        free = max(free, right)
    return found + ([Stretch(row, free, sites)] if free < sites else [])


def outwards(middle, count):
    """Numbers below `count` from the one nearest to `middle` on."""
    middle = min(max(middle, 0), count - 1)
    yield middle
    for step in range(1, count):
        if middle + step < count:
            yield middle + step
        if middle - step >= 0:
            yield middle - step
