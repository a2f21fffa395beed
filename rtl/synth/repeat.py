"""Repeaters: buffers where a net has more pins, or longer wires, than a driver can charge in time.

A mapper sees neither wires nor the pins of blocks. So once cells have places, pins of wide nets are gathered in groups of neighbours, each behind a buffer of its
own, and groups of groups, until a driver has few; then every tree is walked from its ends to its driver, and where what has been gathered exceeds the load that a
repeater is meant for, or the wire alone takes longer than a repeater does, one is put there. Their places are wishes: the cells are put into their rows again
afterwards.
"""

import math

# Pins that one driver may have.
MOST = 16


def groups(points, indices):
    """Groups of neighbours, none larger than `MOST`: halves across the longer side, again and again."""
    if len(indices) <= MOST:
        return [indices]
    spans = [max(points[i][axis] for i in indices) - min(points[i][axis] for i in indices) for axis in (0, 1)]
    axis = 0 if spans[0] >= spans[1] else 1
    order = sorted(indices, key=lambda i: (points[i][axis], i))
    half = len(order) // 2
    return groups(points, order[:half]) + groups(points, order[half:])


def between(child, parent, way):
    """The point so far from `child` on the right-angled way to `parent`."""
    (x, y), (px, py) = child, parent
    wide = min(way, abs(px - x))
    tall = min(way - wide, abs(py - y))
    return x + (wide if px > x else -wide), y + (tall if py > y else -tall)


def bypass(netlist, past):
    """Gives the pins of wires that nothing drives any more the wire that `past` names for theirs."""

    def driven(wire):
        while wire in past:
            wire = past[wire]
        return wire

    for each in netlist["cells"] + netlist["boxes"] if past else []:
        each["pins"] = {pin: driven(wire) for pin, wire in each["pins"].items()}


class Repeaters:
    """Puts repeaters into a netlist whose pins have places in micrometres; `added` are the cells with the places that they wish for."""

    def __init__(self, job, netlist, kinds, tree):
        known = kinds.get(job["repeater"])
        if known is None:
            raise SystemExit("the library has no cell %s: `repeater` in its description names a buffer" % job["repeater"])
        ways = {way: pin for pin, way in known.pins.items()}
        self.kind, self.takes, self.drives = job["repeater"], ways["input"], ways["output"]
        # A wire of this length takes as long as a repeater without a load.
        self.reach = math.sqrt(2 * known.arcs[self.drives][self.takes][0] / (job["kohm_per_um"] * job["ff_per_um"]))
        netlist["drives"].setdefault(self.kind, [self.drives])
        self.limit, self.pin, self.farad = job["repeat_ff"], job["pin_ff"], job["ff_per_um"]
        self.owners, self.tree, self.added, self.number = netlist["cells"] + netlist["boxes"], tree, [], 0
        self.used = {wire for cell in self.owners for wire in cell["pins"].values()} | netlist["ports"].keys()

    def wire(self, of):
        """A name for a wire that is not in use."""
        while True:
            self.number += 1
            name = "%s_r%d" % (of, self.number)
            if name not in self.used:
                self.used.add(name)
                return name

    def repeater(self, near, far, at, part):
        """A repeater from one wire to another."""
        self.added.append(({"name": "u_" + far, "type": self.kind, "pins": {self.takes: near, self.drives: far}, "part": part}, at))

    def light(self, points):
        """Whether a net needs none, seen at a glance."""
        xs, ys = zip(*points)
        wires = 1.5 * (max(xs) - min(xs) + max(ys) - min(ys))
        return len(points) <= MOST + 1 and (len(points) - 1) * self.pin + wires * self.farad < self.limit and wires < self.reach

    def net(self, wire, pins, places, part):
        """The pins of a net, its driver first, get their wires: (pin, wire) for those that change."""
        if self.light(places):
            return []
        wires, before = {}, len(self.added)
        self.drive(wire, places[0], [(place, index + 1) for index, place in enumerate(places[1:])], part, wires, wire)
        wires[0] = wire
        # A port is told by its wire's name: the part of the net that it is in takes that name, and what the driver drives another.
        port = next((index for index, pin in enumerate(pins) if index > 0 and pin[0] is None), None)
        if port is not None and wires[port] != wire:
            swap = {wire: self.wire(wire), wires[port]: wire}
            wires = {index: swap.get(name, name) for index, name in wires.items()}
            for cell, _ in self.added[before:]:
                cell["pins"] = {pin: swap.get(name, name) for pin, name in cell["pins"].items()}
        return [(pins[index], name) for index, name in wires.items()]

    def drive(self, wire, source, sinks, part, wires, of):
        """From a driver at `source` to sinks, each a place and either a pin's number or sinks behind a repeater."""
        while len(sinks) > MOST:
            gathered = groups([place for place, _ in sinks], list(range(len(sinks))))
            sinks = [self.gather([sinks[index] for index in group]) for group in gathered]
        points = [source] + [place for place, _ in sinks]
        branches = self.tree(points)
        load, long, cuts = [0.0] + [self.pin] * len(sinks), [0.0] * len(points), {}
        for child, parent, length in reversed(branches):
            here, far, left, cut = load[child], long[child], length, []
            while here + left * self.farad > self.limit or far + left > self.reach:
                way = min(max(0.0, (self.limit - here) / self.farad), self.reach - far, left)
                left -= way
                cut.append(length - left)
                here, far = self.pin, 0.0
            here, far = here + left * self.farad, far + left
            if load[parent] + here > self.limit and here > 2 * self.pin:
                cut.append(length)
                here, far = self.pin, 0.0
            load[parent] += here
            long[parent] = max(long[parent], far)
            cuts[child] = cut
        at = {0: wire}
        for child, parent, _ in branches:
            current = at[parent]
            for way in reversed(cuts[child]):
                name = self.wire(of)
                self.repeater(current, name, between(points[child], points[parent], way), part)
                current = name
            at[child] = current
            place, sink = sinks[child - 1]
            if isinstance(sink, int):
                wires[sink] = current
            else:
                name = self.wire(of)
                self.repeater(current, name, place, part)
                self.drive(name, place, sink, part, wires, of)

    def gather(self, sinks):
        """Sinks behind a repeater in their middle; one alone stays."""
        if len(sinks) == 1:
            return sinks[0]
        xs, ys = sorted(place[0] for place, _ in sinks), sorted(place[1] for place, _ in sinks)
        return (xs[len(xs) // 2], ys[len(ys) // 2]), sinks
