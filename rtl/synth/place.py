"""From cells to places and wires: `place.py JOB` writes `place.json` and `wires.spef` into the job's folder.

Coloquinte places the cells of `netlist.json` in rows of a square; ports stand around it. Where the places ask for repeaters or cells of other sizes, these come into the
netlist, and all cells are put into their rows again. Each net becomes a tree over its pins, each of its branches a resistance with half of its capacitance at either end. The clock and the reset are left without wires: their trees are not built here. Memories stand along
the lower and the upper edge with their pins towards the cells, and so do blocks that have places of their own, with their pins where those places have them.
"""

import gc
import json
import math
import sys

import coloquinte
import macros as memories
from drives import drives
from library import lef
from repeat import Repeaters
from resize import Resizer
from written import write_verilog

# Coloquinte counts in whole numbers: nanometres.
NANO = 1000
# Part of the room that cells may cover and still find places in rows.
FULL = 0.88


def nano(value):
    return int(round(value * NANO))


def floor(area, row, density, boxes):
    """Width in nanometres, rows, and places of memories: a square for this area of cells, with the memories along two of its edges."""
    room = area / density
    side = math.sqrt(room + sum((w + memories.CHANNEL) * (h + memories.CHANNEL) for w, h in boxes))
    if not boxes:
        rows = max(4, math.ceil(side / row))
        return math.ceil(room / (rows * row) * NANO), rows, []
    widest = max(w for w, _ in boxes) + memories.CHANNEL

    def built(width):
        places, height = memories.stand(boxes, width, max(4, math.ceil(room / width / row)) * row)
        return width, height, places

    def rank(one):
        width, height, _ = one
        return width * height * math.sqrt(max(width / height, height / width))

    width, height, places = min((built(max(widest, side * part / 20)) for part in range(12, 34)), key=rank)
    return math.ceil(width * NANO), math.ceil(height / row), places


def border(index, count, width, height):
    """The place of a port among `count` on the border."""
    way = (index + 0.5) / count * 2 * (width + height)
    for side, place in ((width, lambda x: (x, 0)), (height, lambda y: (width, y)), (width, lambda x: (width - x, height)), (height, lambda y: (0, height - y))):
        if way <= side:
            return tuple(int(value) for value in place(way))
        way -= side
    return 0, 0


def nets_of(netlist, ideal):
    """The pins of each net that has wires: (cell or None, pin or port). Boxes count on after the cells."""
    nets = {}
    for index, cell in enumerate(netlist["cells"] + netlist["boxes"]):
        for pin, wire in cell["pins"].items():
            nets.setdefault(wire, []).append((index, pin))
    for port in netlist["ports"]:
        nets.setdefault(port, []).append((None, port))
    return {wire: pins for wire, pins in nets.items() if wire not in ideal and len(pins) > 1}


def outlines(job, netlist):
    """What is known of the places of each kind of box."""
    kinds = {box["type"] for box in netlist["boxes"]}
    known = {kind: json.load(open(job["blocks"][kind]["folder"] + "/place.json")) for kind in kinds}
    return {kind: {"size": (one["width"], one["height"]), "pins": one["ports"], "memory_um2": one["memory_um2"]} for kind, one in known.items()}


class Floor:
    """What stands still: the square, the ports, memories and boxes."""

    def __init__(self, job, netlist, macros, site, known):
        self.job, self.macros, self.site, self.known = job, macros, site, known
        ports = sorted(netlist["ports"])
        size = [macros[cell["type"]]["size"] for cell in netlist["cells"]]
        sized = [(memory, memories.size(memory, job["memory"])) for memory in netlist["memories"]]
        blocks = [(memory, box) for memory, box in sized if box]
        hard = [known[box["type"]]["size"] for box in netlist["boxes"]]
        self.width, rows, stands = floor(sum(w * h for w, h in size), site[1], job["density"], [box for _, box in blocks] + hard)
        self.row, self.height = nano(site[1]), rows * nano(site[1])
        self.at, self.boxes = pins_of_memories(blocks, stands)
        self.stood = [(nano(x), nano(y), "N") for x, y, _ in stands[len(blocks) :]]
        self.full = self.boxes + [(x, y, nano(w), nano(h)) for (x, y, _), (w, h) in zip(self.stood, hard)]
        outer = [port for port in ports if port not in self.at]
        self.at.update({port: border(index, len(outer), self.width, self.height) for index, port in enumerate(outer)})

    def circuit(self, netlist, starts):
        """The netlist for Coloquinte, its cells at these lower left corners."""
        cells, ports, at, full, known = netlist["cells"], sorted(netlist["ports"]), self.at, self.full, self.known
        size = [self.macros[cell["type"]]["size"] for cell in cells]
        # Cells keep a little away from memories.
        away = nano(memories.CHANNEL / 4)
        left, low = [box[0] - away for box in full], [box[1] - away for box in full]
        wide, tall = [box[2] + 2 * away for box in full], [box[3] + 2 * away for box in full]
        circuit = coloquinte.Circuit(len(cells) + len(ports) + len(full))
        circuit.cell_width = [nano(w) for w, _ in size] + [0] * len(ports) + wide
        circuit.cell_height = [nano(h) for _, h in size] + [0] * len(ports) + tall
        circuit.cell_is_fixed = [False] * len(cells) + [True] * (len(ports) + len(full))
        circuit.cell_is_obstruction = [True] * len(cells) + [False] * len(ports) + [True] * len(full)
        circuit.cell_x = [x for x, _ in starts] + [at[port][0] for port in ports] + left
        circuit.cell_y = [y for _, y in starts] + [at[port][1] for port in ports] + low
        circuit.cell_row_polarity = [coloquinte.CellRowPolarity.SAME] * circuit.nb_cells
        number = {port: len(cells) + index for index, port in enumerate(ports)}
        first = len(ports) + len(self.boxes)

        def pin_at(cell, pin):
            if cell is None:
                return number[pin], (0, 0)
            if cell < len(cells):
                return cell, self.macros[cells[cell]["type"]]["pins"].get(pin, (0, 0))
            x, y = known[netlist["boxes"][cell - len(cells)]["type"]]["pins"][pin]
            return cell + first, (x + away / NANO, y + away / NANO)

        for pins in nets_of(netlist, self.job["ideal"]).values():
            ends, where = zip(*(pin_at(cell, pin) for cell, pin in pins))
            circuit.add_net(list(ends), [nano(x) for x, _ in where], [nano(y) for _, y in where])
        circuit.setup_rows(coloquinte.Rectangle(0, self.width, 0, self.height), self.row, True, True)
        return circuit

    def corners(self, circuit, netlist):
        """Cells' and boxes' lower left corners and orientations, the cells on sites."""
        count = len(netlist["cells"])
        at_x = snapped(circuit, count, nano(self.site[0]), self.width)
        turns = [turn.name for turn in circuit.cell_orientation[:count]]
        return list(zip(at_x, circuit.cell_y[:count], turns)) + self.stood

    def pins(self, netlist, corners, ways):
        """Where each pin is in micrometres, and whether it drives its net or takes from it."""
        where, directions = {}, {}
        owners, count = netlist["cells"] + netlist["boxes"], len(netlist["cells"])
        for pins in nets_of(netlist, self.job["ideal"]).values():
            for cell, pin in pins:
                if cell is None:
                    where[(cell, pin)] = tuple(value / NANO for value in self.at[pin])
                    directions[(cell, pin)] = "drives" if netlist["ports"][pin] == "input" else "takes"
                    continue
                kind = owners[cell]["type"]
                x, y, turn = corners[cell]
                shape = self.macros[kind] if cell < count else self.known[kind]
                dx, dy = turned(shape["pins"].get(pin, (0, 0)), shape["size"], turn)
                where[(cell, pin)] = (x / NANO + dx, y / NANO + dy)
                drives = pin in netlist["drives"][kind] if cell < count else ways[kind][pin] == "output"
                directions[(cell, pin)] = "drives" if drives else "takes"
        return where, directions

    def covered(self, netlist):
        """The part of the room for cells that cells cover."""
        room = self.width * self.height - sum(w * h for _, _, w, h in self.full)
        return sum(self.um2(cell["type"]) for cell in netlist["cells"]) * NANO**2 / room

    def globally(self, netlist):
        """The netlist placed from nothing, its cells in rows."""
        circuit = self.circuit(netlist, [(0, 0)] * len(netlist["cells"]))
        circuit.place_global(self.job["effort"])
        circuit.legalize(self.job["effort"])
        return circuit

    def repeated(self, netlist, corners, ways, repeaters):
        """Gives pins of wide or long nets to repeaters, which are yet to be placed."""
        owners = netlist["cells"] + netlist["boxes"]
        where, directions = self.pins(netlist, corners, ways)
        for wire, pins in sorted(nets_of(netlist, self.job["ideal"]).items()):
            pins = sorted(pins, key=lambda pin: directions[pin] != "drives")
            if directions[pins[0]] != "drives":
                continue
            owner = next((owners[cell] for cell, _ in pins if cell is not None), {})
            for (cell, pin), name in repeaters.net(wire, pins, [where[pin] for pin in pins], owner.get("part", "top")):
                if cell is not None:
                    owners[cell]["pins"][pin] = name

    def resized(self, netlist, kinds, corners, ways, repeaters):
        """Gives cells of paths that miss the clock other sizes, and buffers, which are yet to be placed. The cells that have another size than before."""
        where, directions = self.pins(netlist, corners, ways)
        resizer = Resizer(self.job, netlist, kinds, self.macros, nets_of(netlist, self.job["ideal"]), where, directions, repeaters)
        changed = []
        for index, kind in enumerate(resizer.run()):
            cell, before = netlist["cells"][index], netlist["cells"][index]["type"]
            if before != kind:
                changed.append((index, self.um2(kind) - self.um2(before)))
                netlist["drives"].setdefault(kind, netlist["drives"][before])
                cell["type"] = kind
        for cell, _ in resizer.added:
            netlist["drives"].setdefault(cell["type"], [repeaters.drives])
        return changed, resizer.added

    def um2(self, kind):
        wide, tall = self.macros[kind]["size"]
        return wide * tall


def place(job, netlist, macros, site, known, ways):
    """What stands still, cells' and boxes' lower left corners and orientations, and what came into the netlist where the places asked for it: repeaters and other sizes."""
    plan = Floor(job, netlist, macros, site, known)
    circuit = plan.globally(netlist)
    kinds = drives(job["liberty"] + [job["blocks"][block]["folder"] + "/block.lib" for block in sorted(known)])
    count, repeaters = len(netlist["cells"]), Repeaters(job, netlist, kinds, tree)
    starts, corners = list(zip(circuit.cell_x[:count], circuit.cell_y[:count])), plan.corners(circuit, netlist)
    plan.repeated(netlist, corners, ways, repeaters)
    added = list(repeaters.added)
    netlist["cells"] += [cell for cell, _ in added]
    wished = [(nano(x), nano(y), "N") for _, (x, y) in added]
    resized, buffers = plan.resized(netlist, kinds, corners[:count] + wished + corners[count:], ways, repeaters)
    added += buffers
    netlist["cells"] += [cell for cell, _ in buffers]
    if added or resized:
        if plan.covered(netlist) > FULL:
            # They need a larger square.
            plan = Floor(job, netlist, macros, site, known)
            circuit = plan.globally(netlist)
        else:
            circuit = plan.circuit(netlist, starts + [(nano(x), nano(y)) for _, (x, y) in added])
            circuit.legalize(job["effort"])
    circuit.place_detailed(job["effort"])
    more = [um2 for index, um2 in resized if index < count]
    told = {"repeaters": len(added), "repeater_um2": sum(plan.um2(cell["type"]) for cell, _ in added), "resized": len(more), "resized_um2": sum(more)}
    return plan, plan.corners(circuit, netlist), told


def pins_of_memories(blocks, stands):
    """Ports' places along the edge of their memory that looks at the cells, and the memories' boxes: all in nanometres."""
    at, boxes = {}, []
    for (memory, (w, h)), (x, y, below) in zip(blocks, stands):
        boxes.append((nano(x), nano(y), nano(w), nano(h)))
        for index, port in enumerate(sorted(memory["ports"])):
            at[port] = (nano(x + w * (index + 0.5) / len(memory["ports"])), nano(y + h if below else y))
    return at, boxes


def snapped(circuit, count, site, width):
    """Places of cells along their rows, moved to the nearest sites. Cells of several rows stay where they are, and so do the rows that they stand in."""
    at, rows, tall = list(circuit.cell_x[:count]), {}, set()
    heights, below, widths = circuit.cell_height, circuit.cell_y, circuit.cell_width
    for index in range(count):
        rows.setdefault(below[index], []).append(index)
        tall.update(range(below[index], below[index] + heights[index], circuit.row_height) if heights[index] > circuit.row_height else ())
    for row, cells in rows.items():
        if row in tall:
            continue
        cells.sort(key=lambda index: at[index])
        free = 0
        for index in cells:
            at[index] = max(free, round(at[index] / site) * site)
            free = at[index] + widths[index]
        free = width // site * site
        for index in reversed(cells):
            at[index] = min(at[index], free - widths[index])
            free = at[index]
    return at


def turned(pin, size, turn):
    """A pin's place in a cell that is mirrored as `turn` says."""
    x, y = pin
    if turn in ("S", "FN"):
        x = size[0] - x
    if turn in ("S", "FS"):
        y = size[1] - y
    return x, y


def tree(points):
    """The shortest tree of right-angled branches over these points: for each but the first its parent and the branch's length."""
    best = [(abs(x - points[0][0]) + abs(y - points[0][1]), 0) for x, y in points]
    left, branches = set(range(1, len(points))), []
    while left:
        near = min(left, key=lambda index: best[index][0])
        left.remove(near)
        branches.append((near, best[near][1], best[near][0]))
        x, y = points[near]
        for index in left:
            length = abs(x - points[index][0]) + abs(y - points[index][1])
            if length < best[index][0]:
                best[index] = (length, near)
    return branches


def write_spef(path, job, netlist, nets, where, directions):
    total, owners = 0.0, netlist["cells"] + netlist["boxes"]
    with open(path, "w") as out:
        out.write('*SPEF "IEEE 1481-1998"\n*DESIGN "%s"\n*DATE ""\n*VENDOR ""\n*PROGRAM ""\n*VERSION ""\n*DESIGN_FLOW ""\n' % job["top"])
        out.write("*DIVIDER /\n*DELIMITER :\n*BUS_DELIMITER [ ]\n*T_UNIT 1 PS\n*C_UNIT 1 FF\n*R_UNIT 1 KOHM\n*L_UNIT 1 HENRY\n\n")
        for wire, pins in sorted(nets.items()):
            names = [pin if cell is None else "%s:%s" % (owners[cell]["name"], pin) for cell, pin in pins]
            # The tree begins at the driver.
            first = next((index for index, name in enumerate(names) if directions[pins[index]] == "drives"), 0)
            for values in (names, pins):
                values[0], values[first] = values[first], values[0]
            branches = tree([where[pin] for pin in pins])
            half = [0.0] * len(pins)
            for child, parent, length in branches:
                for end in (child, parent):
                    half[end] += length * job["ff_per_um"] / 2
            total += sum(length for _, _, length in branches)
            out.write("*D_NET %s %.6g\n*CONN\n" % (wire, sum(half)))
            for name, (cell, pin) in zip(names, pins):
                drives = directions[(cell, pin)] == "drives"
                way = ("O" if drives else "I") if cell is not None else ("I" if drives else "O")
                out.write("*%s %s %s\n" % ("P" if cell is None else "I", name, way))
            out.write("*CAP\n")
            for index, value in enumerate(half):
                out.write("%d %s %.6g\n" % (index + 1, names[index], value))
            out.write("*RES\n")
            for index, (child, parent, length) in enumerate(branches):
                out.write("%d %s %s %.6g\n" % (index + 1, names[parent], names[child], max(length * job["kohm_per_um"], 1e-6)))
            out.write("*END\n\n")
    return total


def main():
    # Nothing here refers to itself: looking for what does would take long among millions of pins.
    gc.disable()
    job = json.load(open(sys.argv[1]))
    netlist = json.load(open(job["folder"] + "/netlist.json"))
    site, macros = lef(job["lef"])
    known = outlines(job, netlist)
    ways = {kind: json.load(open(job["blocks"][kind]["folder"] + "/ports.json")) for kind in known}
    plan, corners, told = place(job, netlist, macros, site, known, ways)
    if told["repeaters"] or told["resized"]:
        write_verilog(job["folder"] + "/netlist.v", job["top"], netlist)
        json.dump(netlist, open(job["folder"] + "/netlist.json", "w"))
    where, directions = plan.pins(netlist, corners, ways)
    wire = write_spef(job["folder"] + "/wires.spef", job, netlist, nets_of(netlist, job["ideal"]), where, directions)
    count = len(netlist["cells"])
    result = {"width": plan.width / NANO, "height": plan.height / NANO, "wire_um": wire, "cells": corners[:count], "boxes": plan.boxes}
    result["blocks"] = [(x, y, box["type"]) for (x, y, _), box in zip(corners[count:], netlist["boxes"])]
    result["ports"] = {port: [value / NANO for value in place] for port, place in plan.at.items()}
    result["memory_um2"] = sum(wide * tall for _, _, wide, tall in plan.boxes) / NANO**2 + sum(known[box["type"]]["memory_um2"] for box in netlist["boxes"])
    json.dump({**result, **told}, open(job["folder"] + "/place.json", "w"))


main()
