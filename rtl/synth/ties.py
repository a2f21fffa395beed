"""Cells that give a constant, near the pins that take it.

Mapped logic has one of them for each constant, wherever its pins may be. So these cells and their pins' wires are left out while the other cells get places; then
neighbours share one in their middle. A port that shows a constant keeps a cell of its own.
"""

from repeat import groups


class Ties:
    """Takes the cells that give constants, and the pins that take one, out of a netlist, until `back` puts them in again."""

    def __init__(self, job, netlist):
        self.kinds, cells = dict(tie.split() for tie in job["ties"] or []), netlist["cells"]
        driven = {cell["pins"][self.kinds[cell["type"]]]: cell for cell in cells if cell["type"] in self.kinds}
        netlist["cells"] = [cell for cell in cells if cell["type"] not in self.kinds or cell["pins"][self.kinds[cell["type"]]] in netlist["ports"]]
        self.used = {wire for each in cells + netlist["boxes"] for wire in each["pins"].values()} | netlist["ports"].keys()
        self.pins = {kind: [] for kind in self.kinds}
        for of in ("cells", "boxes"):
            for index, owner in enumerate(netlist[of]):
                for pin, wire in list(owner["pins"].items()):
                    if wire in driven and owner is not driven[wire]:
                        del owner["pins"][pin]
                        self.pins[driven[wire]["type"]].append((of, index, pin))

    def back(self, netlist, place):
        """Gives each pin that takes a constant a wire, which it shares with neighbours: the cells that are to drive these wires and the places that they wish for. `place` tells where a pin is."""
        added = []
        for kind, pins in self.pins.items():
            points = [place(*pin) for pin in pins]
            netlist["drives"].setdefault(kind, [self.kinds[kind]])
            for group in groups(points, list(range(len(pins)))) if pins else []:
                wire = "tie%d" % len(added)
                while wire in self.used:
                    wire += "_"
                for of, index, pin in (pins[each] for each in group):
                    netlist[of][index]["pins"][pin] = wire
                middle = tuple(sorted(points[each][axis] for each in group)[len(group) // 2] for axis in (0, 1))
                added.append(({"name": "u_" + wire, "type": kind, "pins": {self.kinds[kind]: wire}, "part": "top"}, middle))
        return added
