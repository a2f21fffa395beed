"""When each net of a placed netlist changes, and when it must have: a timing analysis with planes in the place of tables, good enough to say which cells hold the others up.

Paths begin at ports, registers, memories and blocks with places of their own, and end there. Clock and reset are ideal. Wires are trees between the pins, and are as
late as their resistances and what hangs behind these make them.
"""

NEVER, ALWAYS = float("-inf"), float("inf")


class Net:
    """A net: who drives it and who takes from it, as (owner, pin), an owner being None for a port; what hangs on it; when it changes, how steeply, and when it must have."""

    __slots__ = ("name", "gives", "takes", "load", "at", "slope", "need", "through")

    def __init__(self, name, gives, takes):
        self.name, self.gives, self.takes = name, gives, takes
        self.load, self.at, self.slope, self.need, self.through = 0.0, NEVER, 0.0, ALWAYS, None

    def slack(self):
        return self.need - self.at

    def rate(self, follow):
        """Picoseconds for each femtofarad more on it, what follows from the slope included."""
        return self.through[2] + follow * self.through[4] if self.through else 0.0


class Paths:
    """The netlist as a graph. Owners are cells, then boxes, then what is put in later."""

    def __init__(self, job, netlist, kinds, nets, where, directions, tree):
        self.job, self.kinds, self.where, self.tree = job, kinds, where, tree
        self.owners = netlist["cells"] + netlist["boxes"]
        self.kind = [kinds[owner["type"]] for owner in self.owners]
        self.takes, self.gives = [[] for _ in self.owners], [[] for _ in self.owners]
        reads, taken = ({port for memory in netlist["memories"] for port in memory["ports"] if netlist["ports"][port] == way} for way in ("input", "output"))
        access, setup = job["memory_ps"]
        self.nets, self.asked = [], []
        for name, pins in sorted(nets.items()):
            pins = sorted(pins, key=lambda pin: directions[pin] != "drives")
            if directions[pins[0]] != "drives":
                continue
            net = Net(name, pins[0], pins[1:])
            self.nets.append(net)
            self.joined(net)
            if pins[0][0] is None:
                net.at = access if pins[0][1] in reads else 0.0
            self.asked += [(net, job["period_ps"] - (setup if pin in taken else 0.0)) for owner, pin in pins[1:] if owner is None]
        self.order = self.ordered()

    def joined(self, net):
        """Gives a net's pins to their owners, with what hangs on it and how late each is."""
        owner, pin = net.gives
        if owner is not None and all(known != pin for known, _ in self.gives[owner]):
            self.gives[owner].append((pin, net))
        weighs = [0.0] + [self.weigh(owner, pin) for owner, pin in net.takes]
        net.load, late = self.wires([self.where[net.gives]] + [self.where[pin] for pin in net.takes], weighs)
        for (owner, pin), way in zip(net.takes, late[1:]):
            if owner is not None:
                known = next((each for each in self.takes[owner] if each[0] == pin), None)
                if known is None:
                    self.takes[owner].append([pin, net, way])
                else:
                    known[1:] = net, way

    def weigh(self, owner, pin):
        return self.job["load_ff"] if owner is None else self.kind[owner].weighs.get(pin, 0.0)

    def wires(self, points, weighs):
        """What hangs on a net, and how much later than its driver each of its pins is."""
        branches, hangs, late = self.tree(points), list(weighs), [0.0] * len(points)
        ohm, farad = self.job["kohm_per_um"], self.job["ff_per_um"]
        for child, parent, length in reversed(branches):
            hangs[parent] += hangs[child] + length * farad
        for child, parent, length in branches:
            late[child] = late[parent] + length * ohm * (hangs[child] + length * farad / 2)
        return hangs[0], late

    def ordered(self):
        """Owners so that each comes after those that drive it; first those at which paths begin. What is in a ring of gates is left out."""
        gates = [bool(kind.arcs) and not kind.starts for kind in self.kind]
        missing = [0] * len(self.kind)
        for net in self.nets:
            if net.gives[0] is not None and gates[net.gives[0]]:
                for owner, _ in net.takes:
                    if owner is not None:
                        missing[owner] += 1
        order = [owner for owner, gate in enumerate(gates) if not gate]
        ready = [owner for owner, gate in enumerate(gates) if gate and not missing[owner]]
        for owner in ready:
            for _, net in self.gives[owner]:
                for taker, _ in net.takes:
                    if taker is not None:
                        missing[taker] -= 1
                        if not missing[taker] and gates[taker]:
                            ready.append(taker)
        return order + ready

    def analyse(self):
        """When nets change and must have; the least slack."""
        for owner in self.order:
            self.forward(owner)
        for net in self.nets:
            net.need = ALWAYS
        for net, need in self.asked:
            net.need = min(net.need, need)
        for owner in self.order:
            setups = self.kind[owner].setups
            for pin, net, way in self.takes[owner] if setups else ():
                if pin in setups:
                    net.need = min(net.need, self.ends(owner, pin, net, way) - way)
        for owner in reversed(self.order):
            if self.kind[owner].arcs:
                self.backward(owner)
        return min((net.slack() for net in self.nets), default=ALWAYS)

    def ends(self, owner, pin, net, way):
        """When a pin at which paths end must have changed."""
        rest, slope = self.kind[owner].setups[pin]
        return self.job["period_ps"] - rest - slope * (net.slope + way)

    def forward(self, owner):
        kind = self.kind[owner]
        for pin, net in self.gives[owner]:
            arc = kind.starts.get(pin)
            at = arc[0] + arc[2] * net.load if arc else NEVER
            arcs = None if arc else kind.arcs.get(pin)
            if arcs:
                for takes, source, way in self.takes[owner]:
                    each = arcs.get(takes)
                    if each is not None:
                        time = source.at + way + each[0] + each[1] * (source.slope + way) + each[2] * net.load
                        if time > at:
                            at, arc = time, each
            net.at, net.through = at, arc
            net.slope = arc[3] + arc[4] * net.load if arc else 0.0

    def backward(self, owner):
        kind = self.kind[owner]
        for pin, net in self.gives[owner]:
            if net.need == ALWAYS:
                continue
            arcs = kind.arcs.get(pin, {})
            for takes, source, way in self.takes[owner]:
                each = arcs.get(takes)
                if each is not None:
                    need = net.need - way - each[0] - each[1] * (source.slope + way) - each[2] * net.load
                    if need < source.need:
                        source.need = need
