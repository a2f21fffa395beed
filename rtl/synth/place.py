"""From cells to places and wires: `place.py JOB` writes `place.json` and `wires.spef` into the job's folder.

Coloquinte places the cells of `netlist.json` in rows of a square, each in a lot wider than itself; ports stand around it. Cells that give constants come after the others, near the
pins that take one. Where the places ask for repeaters or cells of other sizes, these come into the netlist and into the gaps, round after round, as long as the worst path gets shorter. Each net becomes a tree over its pins, each of its branches a resistance with half of its capacitance at either end. The clock and the reset are left without wires: their trees are not built here. Memories stand along
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
from repeat import Repeaters, bypass
from resize import Resizer
from rows import NoRoom, Rows
from ties import Ties
from written import write_verilog

# Coloquinte counts in whole numbers: nanometres.
NANO = 1000
# Cells keep so far away from memories and blocks, in micrometres.
AWAY = memories.CHANNEL / 4
# Part of the room that cells may cover and still find places in rows.
FULL = 0.88
# Width of a cell's lot over its own, and the part of the room that lots may cover.
LOT, LOTS = 1.2, 0.92
# What a buffer that comes in may cost: sites that it is away from its wish, and that its neighbours move, in all.
CLOSE = 400
# Rounds of other sizes, and the part of the period by which one must shorten the worst path for another to follow.
ROUNDS, WORTH = 12, 0.01
# A netlist is large with this many cells. How exactly the placer then solves its equations, and how large its bins are, in widths of cells.
LARGE, EXACT, BIN = 200_000, 1e-4, 8.0


def settings(effort, count):
    """Coloquinte's settings for an effort and so many cells. Large netlists go without its search among bins in squares and across corners, which takes two thirds of its time."""
    chosen = coloquinte.ColoquinteParameters(effort)
    if count < LARGE:
        return chosen
    whole = getattr(chosen, "global")
    model, rough = whole.continuous_model, whole.rough_legalization
    model.conjugate_gradient_error_tolerance = EXACT
    rough.bin_size, rough.square_reopt_size, rough.diag_reopt_size = BIN, 1, 1
    whole.continuous_model, whole.rough_legalization = model, rough
    setattr(chosen, "global", whole)
    return chosen


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
        self.job, self.macros, self.site, self.step, self.known = job, macros, site, nano(site[0]), known
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

    def circuit(self, netlist):
        """The netlist for Coloquinte, its cells as wide as their lots."""
        cells, ports, at, full, known = netlist["cells"], sorted(netlist["ports"]), self.at, self.full, self.known
        size = [self.macros[cell["type"]]["size"] for cell in cells]
        lot = LOTS / max(self.covered(cells), LOTS / LOT)
        away = nano(AWAY)
        left, low = [box[0] - away for box in full], [box[1] - away for box in full]
        wide, tall = [box[2] + 2 * away for box in full], [box[3] + 2 * away for box in full]
        circuit = coloquinte.Circuit(len(cells) + len(ports) + len(full))
        circuit.cell_width = [round(self.sites(cell["type"]) * lot) * self.step for cell in cells] + [0] * len(ports) + wide
        circuit.cell_height = [nano(h) for _, h in size] + [0] * len(ports) + tall
        circuit.cell_is_fixed = [False] * len(cells) + [True] * (len(ports) + len(full))
        circuit.cell_is_obstruction = [True] * len(cells) + [False] * len(ports) + [True] * len(full)
        circuit.cell_x = [0] * len(cells) + [at[port][0] for port in ports] + left
        circuit.cell_y = [0] * len(cells) + [at[port][1] for port in ports] + low
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

    def corners(self):
        """Cells' and boxes' lower left corners and orientations."""
        cells = [(site * self.step, row * self.row, self.lines[row]) for row, site in self.rows.at]
        for index, turn in self.tall.items():
            cells[index] = (*cells[index][:2], turn)
        return cells + self.stood

    def pins(self, netlist, ways):
        """Where each pin is in micrometres, and whether it drives its net or takes from it."""
        where, directions, corners = {}, {}, self.corners()
        owners, count = netlist["cells"] + netlist["boxes"], len(netlist["cells"])
        for pins in nets_of(netlist, self.job["ideal"]).values():
            for cell, pin in pins:
                if cell is None:
                    where[(cell, pin)] = tuple(value / NANO for value in self.at[pin])
                    directions[(cell, pin)] = "drives" if netlist["ports"][pin] == "input" else "takes"
                    continue
                kind = owners[cell]["type"]
                where[(cell, pin)] = placed(corners[cell], self.macros[kind] if cell < count else self.known[kind], pin)
                drives = pin in netlist["drives"][kind] if cell < count else ways[kind][pin] == "output"
                directions[(cell, pin)] = "drives" if drives else "takes"
        return where, directions

    def covered(self, cells):
        """The part of the room for cells that these cover."""
        room = self.width * self.height - sum(w * h for _, _, w, h in self.full)
        return sum(self.um2(cell["type"]) for cell in cells) * NANO**2 / room

    def globally(self, netlist):
        """Places the netlist from nothing, its cells in rows with gaps between them."""
        count, circuit, chosen = len(netlist["cells"]), self.circuit(netlist), settings(self.job["effort"], len(netlist["cells"]))
        circuit.place_global(chosen)
        if count >= LARGE and any(self.rows_of(cell["type"]) > 1 for cell in netlist["cells"]):
            # What exchanges neighbours cuts all rows anew at each cell of several rows, which takes more than a quarter of an hour with many.
            circuit.legalize(chosen)
        else:
            circuit.place_detailed(chosen)
        # Lots are as wide as so many sites, so they may all begin on sites.
        places = [(y // self.row, x // self.step) for x, y in zip(circuit.cell_x[:count], circuit.cell_y[:count])]
        self.stand(netlist, places, [row.orientation.name for row in circuit.rows], [turn.name for turn in circuit.cell_orientation[:count]])

    def stand(self, netlist, places, lines, turns):
        """Puts cells into rows that others may come into; those of several rows stand still."""
        kinds = [cell["type"] for cell in netlist["cells"]]
        high = [self.rows_of(kind) for kind in kinds]
        self.lines, self.tall = lines, {index: turns[index] for index, rows in enumerate(high) if rows > 1}
        away, boxes = nano(AWAY), []
        for x, y, wide, tall in self.full:
            sites = math.ceil((x - away) / self.step), (x + wide + away) // self.step
            boxes.append((sites[0], (y - away) // self.row, sites[1], math.ceil((y + tall + away) / self.row)))
        for each in self.tall:
            row, site = places[each]
            boxes.append((site, row, site + self.sites(kinds[each]), row + high[each]))
        self.rows = Rows(len(lines), self.width // self.step, self.row / self.step, boxes)
        for index, (row, site) in enumerate(places):
            stand = self.rows.fixed if index in self.tall else self.rows.stand
            stand(row, site, self.sites(kinds[index]))

    def take(self, netlist, added, changed=(), haste=None):
        """Room for new cells, near the places that they wish for, and for those that are to have another size, where that is near; those in most `haste` first. Buffers that find none are
        left out: whom they were to drive, their driver does. The numbers of the cells that got their size, and how many buffers were left out."""
        cells, first = netlist["cells"], len(netlist["cells"])
        new = {first + index: each for index, each in enumerate(added)}
        got, past = set(), {}
        for index, wide in sorted([*((index, None) for index in new), *changed], key=lambda each: haste(each[0]) if haste else each[0]):
            if index not in new:
                if self.rows.widen(index, wide):
                    got.add(index)
                continue
            cell, (x, y) = new[index]
            wide, [drives] = self.sites(cell["type"]), netlist["drives"][cell["type"]]
            # What drives a port, or a constant, has to be.
            needed = len(cell["pins"]) == 1 or cell["pins"][drives] in netlist["ports"]
            if self.rows.enter(wide, (y / self.site[1] - 0.5, x / self.site[0] - wide / 2), math.inf if needed else CLOSE):
                cells.append(cell)
            elif needed:
                raise NoRoom(f"no gap of {wide} sites is left in the rows: a smaller part `FULL` of the room gives a larger square")
            else:
                [takes] = cell["pins"].keys() - {drives}
                past[cell["pins"][drives]] = cell["pins"][takes]
        bypass(netlist, past)
        return got, len(past)

    def tied(self, netlist, ties):
        """Gives pins that take constants to cells that are yet to be placed: these, with the places that they wish for."""
        corners, first = self.corners(), {"cells": 0, "boxes": len(self.rows.at)}
        shapes = {"cells": self.macros, "boxes": self.known}
        return ties.back(netlist, lambda of, index, pin: placed(corners[first[of] + index], shapes[of][netlist[of][index]["type"]], pin))

    def repeated(self, netlist, ways, repeaters):
        """Gives pins of wide or long nets to repeaters, which are yet to be placed."""
        owners = netlist["cells"] + netlist["boxes"]
        where, directions = self.pins(netlist, ways)
        for wire, pins in sorted(nets_of(netlist, self.job["ideal"]).items()):
            pins = sorted(pins, key=lambda pin: directions[pin] != "drives")
            if directions[pins[0]] != "drives":
                continue
            owner = next((owners[cell] for cell, _ in pins if cell is not None), {})
            for (cell, pin), name in repeaters.net(wire, pins, [where[pin] for pin in pins], owner.get("part", "top")):
                if cell is not None:
                    owners[cell]["pins"][pin] = name

    def resizer(self, netlist, kinds, ways, repeaters):
        """What chooses other sizes in these places. Cells of several rows keep theirs."""
        where, directions = self.pins(netlist, ways)
        tall = [kind for kind, macro in self.macros.items() if macro["size"][1] > 1.5 * self.site[1]]
        job = {**self.job, "unused": self.job["unused"] + tall}
        return Resizer(job, netlist, kinds, self.macros, nets_of(netlist, self.job["ideal"]), where, directions, repeaters)

    def resized(self, netlist, resizer, repeaters):
        """Gives cells of paths that miss the clock other sizes, and buffers, and all of them room."""
        cells = netlist["cells"]
        wished = {index: kind for index, kind in enumerate(resizer.run()) if cells[index]["type"] != kind}
        for cell, _ in resizer.added:
            netlist["drives"].setdefault(cell["type"], [repeaters.drives])
        got, _ = self.take(netlist, resizer.added, [(index, self.sites(kind)) for index, kind in wished.items()], resizer.haste)
        for index in got:
            netlist["drives"].setdefault(wished[index], netlist["drives"][cells[index]["type"]])
            cells[index]["type"] = wished[index]

    def sites(self, kind):
        return round(self.macros[kind]["size"][0] / self.site[0])

    def rows_of(self, kind):
        return round(self.macros[kind]["size"][1] / self.site[1])

    def um2(self, kind):
        wide, tall = self.macros[kind]["size"]
        return wide * tall


class Kept:
    """A netlist and its places as they are now."""

    def __init__(self, slack, netlist, plan):
        self.slack, self.at = slack, list(plan.rows.at)
        self.cells, self.boxes = ([(each["type"], dict(each["pins"])) for each in netlist[of]] for of in ("cells", "boxes"))

    def restore(self, netlist, plan):
        """Makes them so again."""
        plan.rows.at = self.at
        netlist["cells"] = netlist["cells"][: len(self.cells)]
        for each, (kind, pins) in zip(netlist["cells"] + netlist["boxes"], self.cells + self.boxes):
            each["type"], each["pins"] = kind, pins


def rounds(job, plan, netlist, kinds, ways, repeaters):
    """Other sizes for cells of slow paths and room for them in turn, as long as that shortens the worst path; the best of it stays."""
    best = None
    for _ in range(ROUNDS):
        resizer = plan.resizer(netlist, kinds, ways, repeaters)
        gain = resizer.slack - best.slack if best else job["period_ps"]
        if gain > 0.0:
            best = Kept(resizer.slack, netlist, plan)
        if gain < WORTH * job["period_ps"] or best.slack >= 0.0:
            break
        try:
            plan.resized(netlist, resizer, repeaters)
        except NoRoom:
            break
    best.restore(netlist, plan)


def place(job, netlist, macros, site, known, ways):
    """What stands still and the rows, and what came into the netlist where the places asked for it: repeaters and other sizes."""
    ties, plan = Ties(job, netlist), Floor(job, netlist, macros, site, known)
    plan.globally(netlist)
    kinds = drives(job["liberty"] + [job["blocks"][block]["folder"] + "/block.lib" for block in sorted(known)])
    repeaters, mapped = Repeaters(job, netlist, kinds, tree), [cell["type"] for cell in netlist["cells"]]
    plan.repeated(netlist, ways, repeaters)
    added, all_cells = repeaters.added, netlist["cells"] + [cell for cell, _ in repeaters.added]
    if plan.covered(all_cells) > FULL:
        # Repeaters need a larger square.
        netlist["cells"], added = all_cells, []
        plan = Floor(job, netlist, macros, site, known)
        plan.globally(netlist)
    tied = plan.tied(netlist, ties)
    _, crowded = plan.take(netlist, added + tied)
    rounds(job, plan, netlist, kinds, ways, repeaters)
    added = [cell["type"] for cell in netlist["cells"][len(mapped) :] if cell["type"] not in ties.kinds]
    more = [plan.um2(cell["type"]) - plan.um2(kind) for cell, kind in zip(netlist["cells"], mapped) if cell["type"] != kind]
    told = {"repeaters": len(added), "repeater_um2": sum(plan.um2(kind) for kind in added), "resized": len(more), "resized_um2": sum(more)}
    return plan, {**told, "crowded": crowded, "ties": len(tied), "tie_um2": sum(plan.um2(cell["type"]) for cell, _ in tied)}


def pins_of_memories(blocks, stands):
    """Ports' places along the edge of their memory that looks at the cells, and the memories' boxes: all in nanometres."""
    at, boxes = {}, []
    for (memory, (w, h)), (x, y, below) in zip(blocks, stands):
        boxes.append((nano(x), nano(y), nano(w), nano(h)))
        for index, port in enumerate(sorted(memory["ports"])):
            at[port] = (nano(x + w * (index + 0.5) / len(memory["ports"])), nano(y + h if below else y))
    return at, boxes


def placed(corner, shape, pin):
    """A pin's place in micrometres, in a cell or box whose corner has this one."""
    x, y, turn = corner
    dx, dy = turned(shape["pins"].get(pin, (0, 0)), shape["size"], turn)
    return x / NANO + dx, y / NANO + dy


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
    plan, told = place(job, netlist, macros, site, known, ways)
    if told["repeaters"] or told["resized"] or told["ties"]:
        write_verilog(job["folder"] + "/netlist.v", job["top"], netlist)
        json.dump(netlist, open(job["folder"] + "/netlist.json", "w"))
    corners, (where, directions) = plan.corners(), plan.pins(netlist, ways)
    wire = write_spef(job["folder"] + "/wires.spef", job, netlist, nets_of(netlist, job["ideal"]), where, directions)
    count = len(netlist["cells"])
    result = {"width": plan.width / NANO, "height": plan.height / NANO, "wire_um": wire, "cells": corners[:count], "boxes": plan.boxes}
    result["blocks"] = [(x, y, box["type"]) for (x, y, _), box in zip(corners[count:], netlist["boxes"])]
    result["ports"] = {port: [value / NANO for value in place] for port, place in plan.at.items()}
    result["memory_um2"] = sum(wide * tall for _, _, wide, tall in plan.boxes) / NANO**2 + sum(known[box["type"]]["memory_um2"] for box in netlist["boxes"])
    json.dump({**result, **told}, open(job["folder"] + "/place.json", "w"))


main()
