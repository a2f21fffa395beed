"""Blocks that were mapped before: the netlist of a module whose blocks are boxes takes those in that are placed with it, and keeps the others as boxes."""

import json


def bits(pins):
    """Pins of a box, one name for each bit: those of a port of several bits carry the bit's number."""
    return {(pin if len(wires) == 1 else "%s_%d" % (pin, index)): wire for pin, wires in pins.items() for index, wire in enumerate(wires)}


def connected(box, known, ports, fresh):
    """The net of each port of a block: outputs that nobody reads get a net of their own. Fails where the box and the block have other ports."""
    given = bits(box["pins"])
    missing = [port for port, way in ports.items() if port not in given and way == "input" and not port.startswith("always_")]
    other = [pin for pin in given if pin not in ports]
    if missing or other:
        raise SystemExit("%s: the block %s as it was mapped has other ports: %s" % (box["name"], known, ", ".join((missing + other)[:4])))
    return {port: given.get(port) or (port if port.startswith("always_") else fresh("%s_%s" % (box["name"], port))) for port in ports}


def merge(netlist, boxes, blocks, fresh, fresh_cell):
    """Put the cells of blocks in the place of their boxes; `fresh` and `fresh_cell` give names of nets and of cells that are not yet in use. Boxes of blocks that have places stay."""
    for box in boxes:
        known = blocks[box["kind"]]
        ports = json.load(open(known["folder"] + "/ports.json"))
        wires = connected(box, box["kind"], ports, fresh)
        netlist["ports"].update({name: "input" for name in wires.values() if name.startswith("always_")})
        if known["hard"]:
            netlist["boxes"].append({"name": box["name"], "type": box["kind"], "pins": wires})
            continue
        inner = json.load(open(known["folder"] + "/netlist.json"))

        def net(wire):
            if wire not in wires:
                wires[wire] = fresh("%s_%s" % (box["name"], wire))
            return wires[wire]

        for cell in inner["cells"]:
            pins = {pin: net(wire) for pin, wire in cell["pins"].items()}
            netlist["cells"].append({"name": fresh_cell("%s_%s" % (box["name"], cell["name"])), "type": cell["type"], "pins": pins, "part": box["name"]})
        for memory in inner["memories"]:
            netlist["ports"].update({net(port): inner["ports"][port] for port in memory["ports"]})
            netlist["memories"].append({**memory, "name": "%s_%s" % (box["name"], memory["name"]), "ports": [net(port) for port in memory["ports"]]})
        for each in inner["boxes"]:
            pins = {pin: net(wire) for pin, wire in each["pins"].items()}
            netlist["boxes"].append({"name": fresh_cell("%s_%s" % (box["name"], each["name"])), "type": each["type"], "pins": pins})


def inside(blocks, boxes):
    """Counts of all that is in boxes."""
    total = {"count": 0, "area": 0.0, "flops": 0, "flop_area": 0.0, "memory_bits": 0}
    kinds = {}
    for box in boxes:
        if box["type"] not in kinds:
            kinds[box["type"]] = json.load(open(blocks[box["type"]]["folder"] + "/counts.json"))
        for key in total:
            total[key] += kinds[box["type"]][key]
    return total, kinds
