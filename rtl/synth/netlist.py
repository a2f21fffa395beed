"""From plain gates to cells of a library: `netlist.py JOB` maps `base.il` by a script of ABC, and writes `netlist.v` and `netlist.json` into the job's folder.

The netlist is flat and has one bit per name, so that every later tool reads it alike. Pins of memories become ports, which `memory.tcl` names; their timing is
their maker's. Each cell knows the part of the module that it is in: the instance right below the top. Blocks that were mapped before come in as they are: cells
of those that are placed with the module, boxes for those that have places of their own.
"""

import collections
import json
import re
import sys

from library import liberty
from merge import inside, merge
from pyosys import libyosys as yosys
from written import write_verilog

NAME = re.compile(r"\W+")
# What Yosys appends to a register's name.
STATE = re.compile(r"_\$?_?[A-Z]*DFF")
# An instance in the path of a name; generated blocks are passed over.
INSTANCE = re.compile(r"\\?(?!gen_)([A-Za-z]\w*)(\[\d+\])?\.")
GENERATED = re.compile(r"^(\$flatten)?(\\?gen_\w+(\[\d+\])?\.)*")


def synthesise(job):
    """Run Yosys; the netlist as it writes it."""
    design = yosys.Design()

    def run(*words):
        yosys.run_pass(" ".join(words), design)

    def each(flag, values):
        return " ".join("%s %s" % (flag, value) for value in values)

    run("read_rtlil", job["base"])
    run("abc", each("-dont_use", job["unused"]), each("-liberty", job["liberty"]), "-constr", job["constraints"], "-script", job["script"])
    run("setundef -zero")
    run("setattr -mod -unset keep_hierarchy *")
    run("flatten")
    if job["ties"]:
        # One cell for each constant: places will tell how many there must be.
        run("hilomap -singleton -hicell", job["ties"][0], "-locell", job["ties"][1])
    run("splitnets -ports")
    run("opt_clean -purge")
    path = job["folder"] + "/yosys.json"
    run("write_json", path)
    return json.load(open(path))["modules"][job["top"]]


class Names:
    """Plain names, each used once."""

    def __init__(self):
        self.used = collections.Counter()

    def plain(self, name):
        plain = NAME.sub("_", name).strip("_") or "n"
        self.used[plain] += 1
        return plain if self.used[plain] == 1 else self.plain("%s_%d" % (plain, self.used[plain]))


def net_names(module):
    """A plain name for each bit that has one: a port's bit the port's, another the shortest of its own. Then the ports, and outputs that show what another port or a constant shows."""
    names, given, ports, twins = Names(), {}, {}, []
    for name, port in sorted(module["ports"].items(), key=lambda each: each[1]["direction"] != "input"):
        for bit in port["bits"]:
            plain = names.plain(name)
            ports[plain] = port["direction"]
            if bit in given or not isinstance(bit, int):
                twins.append((plain, bit))
            else:
                given[bit] = plain
    best = {}
    for name, net in module["netnames"].items():
        for index, bit in enumerate(net["bits"]):
            whole = name if len(net["bits"]) == 1 else "%s[%d]" % (name, index)
            if isinstance(bit, int) and bit not in given and not net["hide_name"]:
                best[bit] = min(best.get(bit, whole), whole, key=lambda text: (len(text), text))
    for bit in sorted(best):
        given[bit] = names.plain(best[bit])
    return given, names, ports, twins


def title(name, pins, cell):
    """What a cell is told by: the register that it holds, else the net that it drives."""
    outputs = [pins[pin] for pin in sorted(pins) if cell["pins"].get(pin) == "output"]
    return STATE.split(name)[0] if cell["state"] and not name.startswith("$") else "u_" + (outputs or ["none"])[0]


def part(name, pins):
    """The instance below the top that a cell is in; a nameless cell is where a net of its own is."""
    for text in [name] + pins:
        found = INSTANCE.match(GENERATED.sub("", text))
        if found:
            return found.group(1)
    return "top"


def memory(name, wires):
    """A memory left out: words, bits of a granule, granules, and its nets."""
    address = wires.get("addr_i") or wires["waddr_i"]
    granules = len(wires["we_i"]) if "we_i" in wires else 1
    return {"name": NAME.sub("_", name).strip("_"), "words": 1 << len(address), "bits": len(wires["wdata_i"]) // granules, "granules": granules, "two": "waddr_i" in wires, "ports": []}


def flatten(module, library, blocks, driver):
    """Ports, cells with a net for each pin, memories with their ports, and boxes of the blocks; `driver` is the cell between two ports that show the same."""
    given, names, ports, twins = net_names(module)
    long = {}
    for name, wires in module["netnames"].items():
        for bit in wires["bits"]:
            long[bit] = max(long.get(bit, ""), name, key=lambda text: (text.count("."), text))

    def net(bit):
        if bit not in given:
            given[bit] = names.plain(("n%s" if isinstance(bit, int) else "always_%s") % bit)
        return given[bit]

    cells, memories, boxes = [], [], []
    numbers = Names()
    ways = {way: pin for pin, way in library[driver]["pins"].items()}
    for port, bit in twins:
        cells.append({"name": numbers.plain("u_" + port), "type": driver, "pins": {ways["input"]: net(bit), ways["output"]: port}, "part": "top"})
    for name, cell in sorted(module["cells"].items()):
        kind = cell["type"].lstrip("\\")
        wires = cell["connections"]
        if kind in library:
            pins = {pin: net(bits[0]) for pin, bits in wires.items() if bits}
            near = [long.get(bits[0], "") for pin, bits in sorted(wires.items()) if bits and library[kind]["pins"].get(pin) == "output"]
            cells.append({"name": numbers.plain(title(name, pins, library[kind])), "type": kind, "pins": pins, "part": part(name, near)})
            continue
        if kind in blocks:
            boxes.append({"name": numbers.plain(name), "kind": kind, "pins": {pin: [net(bit) for bit in bits] for pin, bits in wires.items()}})
            continue
        made = memory(name, wires)
        for pin, bits in sorted(wires.items()):
            for bit in bits:
                if net(bit) not in ports:
                    ports[net(bit)] = "input" if cell["port_directions"][pin] == "output" else "output"
                    made["ports"].append(net(bit))
        memories.append(made)
    # Without cells that give constants these come in from outside.
    ports.update({given[bit]: "input" for bit in "01" if bit in given})
    netlist = {"ports": ports, "cells": cells, "memories": memories, "boxes": []}
    merge(netlist, boxes, blocks, names.plain, numbers.plain)
    return netlist


def write_memory(path, ports, memories):
    """The ports that are pins of memories, as lists of Tcl."""
    with open(path, "w") as out:
        for name, way in (("memory_reads", "input"), ("memory_takes", "output")):
            out.write("set %s {%s}\n" % (name, " ".join(port for each in memories for port in each["ports"] if ports[port] == way)))


def main():
    job = json.load(open(sys.argv[1]))
    library = liberty(job["liberty"])
    netlist = flatten(synthesise(job), library, job["blocks"], job["driver"])
    cells, memories, ports = netlist["cells"], netlist["memories"], netlist["ports"]
    write_verilog(job["folder"] + "/netlist.v", job["top"], netlist)
    write_memory(job["folder"] + "/memory.tcl", ports, memories)

    def area(chosen):
        return sum(library[cell["type"]]["area"] for cell in chosen)

    def counts(chosen):
        flops = [cell for cell in chosen if library[cell["type"]]["state"]]
        return {"count": len(chosen), "area": area(chosen), "flops": len(flops), "flop_area": area(flops)}

    drives = {kind: [pin for pin, way in library[kind]["pins"].items() if way == "output"] for kind in {cell["type"] for cell in cells}}
    keep(job, "netlist.json", {**netlist, "drives": drives})
    taken = {port for memory in memories for port in memory["ports"]}
    keep(job, "ports.json", {port: way for port, way in ports.items() if port not in taken})
    parts = collections.defaultdict(list)
    for cell in cells:
        parts[cell["part"]].append(cell)
    bits = sum(each["words"] * each["bits"] * each["granules"] for each in memories)
    told = [{"name": name, **counts(chosen)} for name, chosen in sorted(parts.items())]
    boxed, kinds = inside(job["blocks"], netlist["boxes"])
    number = collections.Counter(box["type"] for box in netlist["boxes"])
    for kind, each in sorted(kinds.items()):
        told.append({"name": "%d %s" % (number[kind], kind), **{key: each[key] * number[kind] for key in ("count", "area", "flops", "flop_area")}})
    own = {**counts(cells), "memory_bits": bits}
    keep(job, "counts.json", {**{key: own[key] + boxed[key] for key in own}, "parts": told, "boxes": number})


def keep(job, name, value):
    with open(job["folder"] + "/" + name, "w") as out:
        json.dump(value, out)


main()
