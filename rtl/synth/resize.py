"""Cells of other sizes where paths miss the clock: a mapper chooses drives before there are wires.

In each sweep the cells of the worst paths are looked at from their ends to their beginnings, since a larger cell has larger inputs: each becomes the smallest of its
family with which its output comes nearly as early as with the best, what its inputs cost their drivers included. Where the strongest is too weak for what hangs on
it, a buffer comes behind it; where some of a net's pins are in a hurry and others are not, the others go behind one. Cells of paths that keep the clock stay as they
were mapped; names, pins and functions stay everywhere.
"""

from drives import siblings
from paths import ALWAYS, NEVER, Net, Paths

# Part of the period that is aimed at: planes are no tables, and cells move once more.
AIM = 0.95
# Paths that miss the clock by this part of what the worst one misses it by are looked at.
WORST = 0.5
# Parts of a cell's time: what a smaller one may lose against the best, and what a buffer must gain.
NEARLY, GAIN = 0.05, 0.1
# Sweeps; how many may bring nothing, which is less than this part of the period.
SWEEPS, IDLE, NOTHING = 30, 2, 0.002


class Resizer:
    """Chooses sizes of a netlist's cells; `added` are buffers with the places that they wish for."""

    def __init__(self, job, netlist, kinds, macros, nets, where, directions, repeaters):
        self.period, self.cells, self.boxes, self.added = job["period_ps"], len(netlist["cells"]), len(netlist["boxes"]), []
        self.paths = Paths({**job, "period_ps": AIM * self.period}, netlist, kinds, nets, where, directions, repeaters.tree)
        families = siblings(kinds, macros, job["unused"])
        self.families = {name: [kinds[each] for each in names] for name, names in families.items()}
        self.named, self.takes, self.drives = repeaters.wire, repeaters.takes, repeaters.drives
        self.buffers = [(kind, kind.arcs[self.drives][self.takes]) for kind in self.families.get(repeaters.kind, [kinds[repeaters.kind]])]
        # What a picosecond of slope costs the cell behind: a buffer is as good as any.
        self.follow = kinds[repeaters.kind].arcs[self.drives][self.takes][1]
        # That of the worst path as it is.
        self.slack = self.paths.analyse()

    def run(self):
        """Sweeps until the worst path gets no shorter; the kind of each cell."""
        paths = self.paths
        best, idle = self.slack, 0
        chosen = list(paths.kind)
        for _ in range(SWEEPS):
            if best >= 0.0 or idle == IDLE:
                break
            self.sweep(WORST * best)
            slack = paths.analyse()
            idle = 0 if slack > best + NOTHING * self.period else idle + 1
            if slack > best:
                best, chosen = slack, list(paths.kind)
        chosen += paths.kind[len(chosen) :]
        for cell, kind in zip([cell for cell, _ in self.added], chosen[len(chosen) - len(self.added) :]):
            cell["type"] = kind.name
        return [kind.name for kind in chosen[: self.cells]]

    def haste(self, cell):
        """The slack of what a cell drives, by its number in the netlist: buffers that were added come before boxes there."""
        boxes = self.boxes if cell >= self.cells else 0
        return min((net.slack() for _, net in self.paths.gives[cell + boxes]), default=ALWAYS)

    def sweep(self, limit):
        """Looks at all cells that give to nets with less slack than this."""
        paths, behind = self.paths, {}
        for owner in reversed(paths.order):
            for pin, net in list(paths.gives[owner]):
                if net.slack() < limit and net.at > NEVER:
                    self.settle(owner, pin, net, limit, behind.setdefault(owner, []))
        paths.order = [each for owner in paths.order for each in [owner] + behind.get(owner, [])]

    def settle(self, owner, pin, net, limit, behind):
        """A cell's size, and buffers behind it."""
        if len(net.takes) > 2:
            self.relieve(owner, pin, net, limit, behind)
        options = self.families.get(self.paths.kind[owner].name, [self.paths.kind[owner]])
        times = [self.time(owner, pin, kind, net.load) for kind in options]
        best = min(times)
        own = best - self.begins(owner, pin)
        load = net.load
        buffer, arc = min(self.buffers, key=lambda each: self.passes(each[1], load))
        light = [self.time(owner, pin, kind, buffer.weighs[self.takes]) for kind in options]
        if min(light) + self.passes(arc, load) < best - GAIN * own:
            behind.insert(0, self.isolate(owner, pin, net, buffer, arc))
            best, times = min(light), light
        self.become(owner, next(kind for kind, time in zip(options, times) if time <= best + NEARLY * own))

    def begins(self, owner, pin):
        """When the last of an owner's inputs changes."""
        arcs = self.paths.kind[owner].arcs.get(pin, {})
        return max((net.at + way for takes, net, way in self.paths.takes[owner] if takes in arcs), default=0.0)

    def passes(self, arc, load):
        """The time that a way through a cell takes, what follows from the slope behind it included."""
        return arc[0] + (arc[2] + self.follow * arc[4]) * load

    def time(self, owner, pin, kind, load):
        """When an owner's output would change were it of this kind and had this load, what its inputs cost their drivers included."""
        arc = kind.starts.get(pin)
        if arc:
            return self.passes(arc, load)
        arcs, weighs, late = kind.arcs.get(pin, {}), self.paths.kind[owner].weighs, NEVER
        for takes, net, way in self.paths.takes[owner]:
            arc = arcs.get(takes)
            if arc:
                more = kind.weighs[takes] - weighs[takes]
                late = max(late, net.at + way + net.rate(self.follow) * more + arc[1] * (net.slope + way) + self.passes(arc, load))
        return late

    def become(self, owner, kind):
        """Gives an owner another size."""
        old = self.paths.kind[owner]
        for pin, net, _ in self.paths.takes[owner]:
            net.load += kind.weighs[pin] - old.weighs[pin]
        self.paths.kind[owner] = kind

    def isolate(self, owner, pin, net, buffer, arc):
        """A buffer behind an owner, before all that hangs on it."""
        paths = self.paths
        near = Net(self.named(net.name), (owner, pin), [])
        near.at, near.through, near.need = net.at, net.through, net.need - self.passes(arc, net.load)
        new = self.buffer(buffer, near, net)
        paths.gives[owner] = [(each, near if each == pin else other) for each, other in paths.gives[owner]]
        paths.owners[owner]["pins"][pin] = near.name
        near.takes, net.gives = [(new, self.takes)], (new, self.drives)
        paths.joined(near)
        paths.joined(net)
        return new

    def relieve(self, owner, pin, net, limit, behind):
        """A buffer before those pins of a net that are in no hurry, where that is worth it. Ports stay, since a port is told by its net's name."""
        paths = self.paths
        slack = [self.spare(each, net) for each in net.takes]
        others = [each for each, spare in zip(net.takes, slack) if spare >= limit]
        hurried = [each for each, spare in zip(net.takes, slack) if spare < limit]
        if not others or not hurried:
            return
        far = self.hangs(net, others)
        buffer, arc = min(self.buffers, key=lambda each: self.passes(each[1], far))
        least = min(spare for spare in slack if spare >= limit)
        gain = net.rate(self.follow) * (net.load - self.hangs(net, hurried) - buffer.weighs[self.takes])
        if gain < GAIN * (net.at - self.begins(owner, pin)) or least - self.passes(arc, far) < limit:
            return
        behind_net = Net(self.named(net.name), None, others)
        new = self.buffer(buffer, net, behind_net)
        behind_net.gives, net.takes = (new, self.drives), hurried + [(new, self.takes)]
        for taker, takes in others:
            paths.owners[taker]["pins"][takes] = behind_net.name
        paths.joined(net)
        paths.joined(behind_net)
        behind.append(new)

    def hangs(self, net, pins):
        """What would hang on a net's driver had it these pins alone."""
        where, weigh = self.paths.where, self.paths.weigh
        return self.paths.wires([where[net.gives]] + [where[each] for each in pins], [0.0] + [weigh(*each) for each in pins])[0]

    def spare(self, pin, net):
        """The slack of one of a net's pins."""
        paths, (owner, takes) = self.paths, pin
        if owner is None:
            return NEVER
        way = next(way for each, _, way in paths.takes[owner] if each == takes)
        kind = paths.kind[owner]
        needs = [paths.ends(owner, takes, net, way)] if takes in kind.setups else []
        for gives, far in paths.gives[owner]:
            arc = kind.arcs.get(gives, {}).get(takes)
            if arc:
                needs.append(far.need - arc[0] - arc[1] * (net.slope + way) - arc[2] * far.load)
        return min(needs, default=ALWAYS) - way - net.at

    def buffer(self, kind, near, far):
        """A new buffer from one net to another, at the place of the first one's driver; its number among owners."""
        paths, new = self.paths, len(self.paths.kind)
        name = near.name if far.gives else far.name
        part = paths.owners[near.gives[0]].get("part", "top")
        cell = {"name": "u_" + name, "type": kind.name, "pins": {self.takes: near.name, self.drives: far.name}, "part": part}
        place = paths.where[near.gives]
        self.added.append((cell, place))
        paths.owners.append(cell)
        paths.kind.append(kind)
        paths.takes.append([])
        paths.gives.append([])
        paths.nets.append(far if far.gives is None else near)
        paths.where[(new, self.takes)] = paths.where[(new, self.drives)] = place
        return new
