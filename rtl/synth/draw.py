"""From places to a layout: `draw.py JOB` writes `layout.gds` and `layout.png` into the job's folder.

The layout has the library's own shapes where the library has a GDS file, else a box for each cell. The picture colours each cell by what it is: what holds
state, what inverts or drives, what adds or compares, what is left; a module of several large parts is coloured by part. Memories are grey boxes. No wires are
drawn: they are estimated, not routed.
"""

import collections
import json
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
    return [min(parts.index(cell["part"]), last) for cell in netlist["cells"]], told


def build(job, netlist, places, macros, cells, colour, told):
    layout = db.Layout()
    if job["gds"]:
        layout.read(job["gds"])
    else:
        layout.dbu = 0.001
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
    size = [int(round(places[key] / layout.dbu)) for key in ("width", "height")]
    top.shapes(outline).insert(db.Box(0, 0, *size))
    unused = [cell.cell_index() for cell in layout.top_cells() if cell.cell_index() != top.cell_index()]
    for index in unused:
        layout.prune_cell(index, -1)
    return layout, drawing


def picture(job, path, told):
    view = lay.LayoutView()
    view.load_layout(path, False)
    view.clear_layers()
    for _, number, colour in [("memory", MEMORY, 0xCBD5E0)] + told:
        layer = lay.LayerProperties()
        layer.source = "%d/0" % number
        layer.fill_color = colour
        # Many small cells would be drawn as their frames alone.
        layer.frame_color = 0x1A202C if len(told) == len(KINDS) or number == MEMORY else colour
        layer.dither_pattern = 0
        view.insert_layer(view.end_layers(), layer)
    view.set_config("background-color", "#ffffff")
    view.set_config("grid-visible", "false")
    view.set_config("text-visible", "false")
    view.max_hier()
    view.zoom_fit()
    view.save_image(job["folder"] + "/layout.png", 1200, 1200)


def main():
    job = json.load(open(sys.argv[1]))
    netlist = json.load(open(job["folder"] + "/netlist.json"))
    places = json.load(open(job["folder"] + "/place.json"))
    _, macros = lef(job["lef"])
    cells = liberty(job["liberty"])
    colour, told = groups(netlist, cells)
    layout, drawing = build(job, netlist, places, macros, cells, colour, told)
    layout.write(job["folder"] + "/layout.gds")
    drawing.write(job["folder"] + "/drawing.gds")
    picture(job, job["folder"] + "/drawing.gds", told)
    with open(job["folder"] + "/colours.txt", "w") as out:
        out.writelines("#%06x %s\n" % (shade, name) for name, _, shade in told)


main()
