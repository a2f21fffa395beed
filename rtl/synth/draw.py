"""From places to a layout: `draw.py JOB` writes `layout.gds` and `layout.png` into the job's folder.

The layout has the library's own shapes where the library has a GDS file, else a box for each cell. The picture colours each cell by what it is: what holds
state, what inverts or drives, what adds or compares, what is left; a module of several large parts is coloured by part. Memories are grey boxes; blocks with
places of their own are boxes with a frame in the picture, and their own cells in the layout. A legend beside the core names the colours and gives a scale. No
wires are drawn: they are estimated, not routed.
"""

import collections
import json
import math
import re
import sys

import klayout.db as db
import klayout.lay as lay
from library import lef, liberty

NANO = 1000
OUTLINE = (235, 0)
# Layer, in the layout and in the drawing, of the memories' boxes and of names.
MEMORY = 199
# Colours of parts, the largest part first.
COLOURS = [0x2B6CB0, 0xD69E2E, 0x9B2C2C, 0x2F855A, 0x805AD5, 0xDD6B20, 0x319795, 0xB83280, 0x718096, 0x5A67D8, 0x744210, 0x22543D]
# A part is large with this many cells; a module is drawn by part when three are.
LARGE = 2000
# Layers in the drawing of blocks, and their colours; of the legend's letters; and of the core's edge.
BLOCKS, SHADES = 230, [0xBEE3F8, 0xFEEBC8, 0xC6F6D5, 0xE9D8FD, 0xFED7D7, 0xFEFCBF]
LETTERS, EDGE = 250, 251
# Layers of the drawing, which the layout has not: each with a colour and the cells that it shows.
KINDS = [
    ("state", 200, 0x2B6CB0, None),
    ("xor and majority", 201, 0xD69E2E, re.compile(r"X(N)?OR|MAJ|^FA|^HA|xor|xnr|fa_|ha_")),
    ("inverter and buffer", 202, 0x9B2C2C, re.compile(r"INV|BUF|inv|buf", re.I)),
    ("other gates", 203, 0x718096, re.compile("")),
]


def kind_of(name, cell):
    """The number of a cell's kind."""
    if cell["state"]:
        return 0
    return next(index for index, kind in enumerate(KINDS) if kind[3] is not None and kind[3].search(name))


def groups(netlist, cells):
    """The number of each cell's colour, and what the colours mean: (title, layer, colour)."""
    counts = collections.Counter(cell["part"] for cell in netlist["cells"])
    if sum(count >= LARGE for count in counts.values()) < 3:
        return [kind_of(cell["type"], cells[cell["type"]]) for cell in netlist["cells"]], [kind[:3] for kind in KINDS]
    parts = [name for name, _ in counts.most_common()]
    last = len(COLOURS) - 1
    told = [(name, 200 + index, COLOURS[index]) for index, name in enumerate(parts[: last + 1])]
    if len(parts) > len(told):
        told[-1] = ("the rest", *told[-1][1:])
    return [min(parts.index(cell["part"]), last) for cell in netlist["cells"]], told


def started(job, kinds):
    """A layout with the library's cells, and those of the blocks."""
    layout = db.Layout()
    if job["gds"]:
        layout.read(job["gds"])
    else:
        layout.dbu = 0.001
    # A cell of the library that a block brings along is the same cell.
    options = db.LoadLayoutOptions()
    options.cell_conflict_resolution = db.LoadLayoutOptions.SkipNewCell
    for kind in kinds:
        layout.read(job["blocks"][kind]["folder"] + "/layout.gds", options)
    return layout


def legend(page, layer_of, places, rows):
    """Names of colours at the right of the core, and a scale below it."""
    unit = page.layout().dbu
    edge = max(places["width"], places["height"])
    line, left = edge / 32, places["width"] + edge / 40
    letters = db.TextGenerator.default_generator()

    def box(*corners):
        return db.Box(*(int(value / unit) for value in corners))

    def write(text, x, y):
        region = letters.text(text.upper(), unit, 0.55 * line / letters.dheight())
        page.shapes(layer_of(LETTERS)).insert(region.moved(int(x / unit), int(y / unit)))

    for index, (name, number) in enumerate(rows):
        low = places["height"] - (index + 1) * line
        page.shapes(layer_of(number)).insert(box(left, low, left + 0.6 * line, low + 0.6 * line))
        write(name, left + line, low)
    step = 10.0 ** math.floor(math.log10(places["width"] / 2))
    page.shapes(layer_of(LETTERS)).insert(box(0, -0.7 * line, step, -0.5 * line))
    write("%g um" % step, step + line / 2, -0.9 * line)
    core = db.Region(box(0, 0, places["width"], places["height"]))
    page.shapes(layer_of(EDGE)).insert(core.sized(int(line / 20 / unit)) - core)


def build(job, netlist, places, macros, cells, colour, told, kinds):
    layout = started(job, [kind for kind, _ in kinds])
    scale = 1 / (layout.dbu * NANO)
    top = layout.create_cell(job["top"])
    drawing = db.Layout()
    drawing.dbu = layout.dbu
    page = drawing.create_cell(job["top"])
    boxes = [drawing.layer(number, 0) for _, number, _ in told]
    memory_layers = layout.layer(MEMORY, 0), drawing.layer(MEMORY, 0)
    outline = layout.layer(*OUTLINE)
    turns = {"N": db.Trans.R0, "S": db.Trans.R180, "FN": db.Trans.M90, "FS": db.Trans.M0}
    masters = {}
    for kind, cell, (x, y, turn) in zip(colour, netlist["cells"], places["cells"]):
        name = cell["type"]
        width, height = (int(round(value / layout.dbu)) for value in macros[name]["size"])
        if name not in masters:
            master = layout.cell(name) or layout.create_cell(name)
            masters[name] = master.cell_index()
        place = db.Trans(turns[turn], 0, 0)
        # A mirrored cell's box begins where the plain one's would.
        box = place * db.Box(0, 0, width, height)
        at = db.Trans(int(round(x * scale)) - box.left, int(round(y * scale)) - box.bottom)
        top.insert(db.CellInstArray(masters[name], at * place))
        page.shapes(boxes[kind]).insert(db.Box(0, 0, box.width(), box.height()).moved(int(round(x * scale)), int(round(y * scale))))
    for x, y, width, height in places["boxes"]:
        box = db.Box(*(int(round(value * scale)) for value in (x, y, x + width, y + height)))
        for sheet, layer in zip((top, page), memory_layers):
            sheet.shapes(layer).insert(box)
    for x, y, kind in places["blocks"]:
        block = layout.cell(kind)
        at = db.Trans(int(round(x * scale)), int(round(y * scale)))
        top.insert(db.CellInstArray(block.cell_index(), at))
        page.shapes(drawing.layer(dict(kinds)[kind], 0)).insert(block.bbox_per_layer(outline).moved(at.disp))
    shown = set(colour)
    counts = collections.Counter(kind for _, _, kind in places["blocks"])
    rows = [("memory", MEMORY)] if places["boxes"] else []
    rows += [("%d %s" % (counts[kind], kind), number) for kind, number in kinds]
    rows += [(name, number) for index, (name, number, _) in enumerate(told) if index in shown]
    legend(page, lambda number: drawing.layer(number, 0), places, rows)
    size = [int(round(places[key] / layout.dbu)) for key in ("width", "height")]
    top.shapes(outline).insert(db.Box(0, 0, *size))
    unused = [cell.cell_index() for cell in layout.top_cells() if cell.cell_index() != top.cell_index()]
    for index in unused:
        layout.prune_cell(index, -1)
    return layout, drawing


def picture(job, path, told, kinds):
    view = lay.LayoutView()
    view.load_layout(path, False)
    view.clear_layers()
    shades = [(kind, number, SHADES[(number - BLOCKS) % len(SHADES)]) for kind, number in kinds]
    marks = [("letters", LETTERS, 0x1A202C), ("edge", EDGE, 0x1A202C)]
    for _, number, colour in [("memory", MEMORY, 0xCBD5E0)] + shades + told + marks:
        layer = lay.LayerProperties()
        layer.source = "%d/0" % number
        layer.fill_color = colour
        # Many small cells would be drawn as their frames alone.
        layer.frame_color = 0x1A202C if len(told) == len(KINDS) or number == MEMORY or number >= BLOCKS else colour
        layer.dither_pattern = 0
        view.insert_layer(view.end_layers(), layer)
    view.set_config("background-color", "#ffffff")
    view.set_config("grid-visible", "false")
    view.set_config("text-visible", "false")
    view.max_hier()
    view.zoom_fit()
    view.save_image(job["folder"] + "/layout.png", 1600, 1200)


def main():
    job = json.load(open(sys.argv[1]))
    netlist = json.load(open(job["folder"] + "/netlist.json"))
    places = json.load(open(job["folder"] + "/place.json"))
    _, macros = lef(job["lef"])
    cells = liberty(job["liberty"])
    colour, told = groups(netlist, cells)
    kinds = [(kind, BLOCKS + index) for index, kind in enumerate(sorted({box["type"] for box in netlist["boxes"]}))]
    layout, drawing = build(job, netlist, places, macros, cells, colour, told, kinds)
    layout.write(job["folder"] + "/layout.gds")
    drawing.write(job["folder"] + "/drawing.gds")
    picture(job, job["folder"] + "/drawing.gds", told, kinds)
    with open(job["folder"] + "/colours.txt", "w") as out:
        out.writelines("#%06x %s\n" % (shade, name) for name, _, shade in told)


main()
