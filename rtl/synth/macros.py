"""Memories as boxes: their sizes from the macros of a library or from an area per bit, and where they stand."""

import math

# Room around a memory, in micrometres.
CHANNEL = 2.0


def size(memory, known):
    """Width and height of a memory in micrometres; None where nothing is known of memories."""
    if known is None:
        return None
    if not known["macros"]:
        side = math.sqrt(memory["words"] * memory["bits"] * memory["granules"] * known["um2_per_bit"])
        return side, side
    fitting = [macro for macro in known["macros"] if memory["two"] == (macro["ports"] == 2)]

    def needed(macro):
        return math.ceil(memory["words"] / macro["words"]) * math.ceil(memory["bits"] / macro["bits"]) * memory["granules"]

    best = min(fitting, key=lambda macro: needed(macro) * macro["width_um"] * macro["height_um"])
    count = needed(best)

    def shape(columns):
        return columns * best["width_um"], math.ceil(count / columns) * best["height_um"]

    # The fewest macros too many, then the squarest.
    def rank(columns):
        width, height = shape(columns)
        return round(width * height, 3), max(width / height, height / width)

    wide = [columns for columns in range(1, count + 1) if max(shape(columns)) <= 3 * min(shape(columns))] or range(1, count + 1)
    return shape(min(wide, key=rank))


def shelves(boxes, width):
    """Boxes in shelves of this width, the tallest first: lists of (index, x), and each shelf's height."""
    rows, left = [], 0.0
    for index in sorted(range(len(boxes)), key=lambda index: (-boxes[index][1], -boxes[index][0], index)):
        wide, tall = boxes[index]
        if not rows or left + wide > width:
            rows.append(([], tall + CHANNEL))
            left = 0.0
        rows[-1][0].append((index, left))
        left += wide + CHANNEL
    return rows


def stand(boxes, width, room):
    """Lower left corners of boxes along the lower and the upper edge with `room` micrometres of height between them, and the whole height; whether each looks up."""
    bottom, top = [], []
    heights = [0.0, 0.0]
    for row, tall in shelves(boxes, width):
        side = heights.index(min(heights))
        (bottom, top)[side].append((row, heights[side], tall))
        heights[side] += tall
    height = heights[0] + room + heights[1]
    places = {}
    for row, low, _ in bottom:
        places.update({index: (x, low, True) for index, x in row})
    for row, low, _ in top:
        places.update({index: (x, height - low - boxes[index][1], False) for index, x in row})
    return [places[index] for index in range(len(boxes))], height
