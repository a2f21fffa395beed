"""From what a module met in the whole design to how often its nets change: `toggle.py JOB` writes `toggles.json` into the job's folder.

A recording holds windows of cycles of several instances of the module: all of its ports, cycle after cycle. The netlist gets the inputs and must give the
outputs, bit for bit, once the first part of each window has filled its registers (an output that never changes in a window may hold what came before it);
after that part changes are counted. Gates take no time here, so what
glitches would add is not counted. All windows and instances are simulated at once, one bit of a long number each.
"""

import json
import re
import sys

from library import liberty

TOKEN = re.compile(r"\s*([A-Za-z_]\w*|\S)")
SIGNS = {"!": "~", "*": "&", "+": "|", "1": "-1"}


def expression(function, pins):
    """A Liberty function as Python over numbers whose bits are independent. Operands side by side are a product, and a prime after one inverts it."""
    text, operand = [], False
    for token in TOKEN.findall(function):
        if token == "'":
            text.append("^-1)")
            # The operand that is inverted begins where its parentheses do.
            depth, at = 0, len(text) - 2
            while text[at] == ")" or depth:
                depth += (text[at] == ")") - (text[at] == "(")
                if not depth:
                    break
                at -= 1
            text.insert(at, "(")
            continue
        begins = token in pins or token in "!(01"
        if operand and begins:
            text.append("&")
        text.append(pins.get(token, SIGNS.get(token, token)))
        operand = token in pins or token in ")01"
    return "".join(text)


def recorded(path):
    """The recording's header, and for each cycle of the windows what the instances of all windows showed."""
    with open(path, "rb") as file:
        head = json.loads(file.readline())
        data = file.read()
    size = sum(port["bytes"] for port in head["ports"])
    at = [
        [((window * head["cycles"] + cycle) * head["instances"] + instance) * size for window in range(head["windows"]) for instance in range(head["instances"])]
        for cycle in range(head["cycles"])
    ]
    return head, [[data[start : start + size] for start in starts] for starts in at]


def columns(head, cycles, wanted):
    """For each bit of each wanted port a number per cycle, with one bit for each window and instance."""
    size = 8 * sum(port["bytes"] for port in head["ports"])
    places, at = {}, 0
    for port in head["ports"]:
        for bit in range(8 * port["bytes"]):
            places["%s_%d" % (port["name"], bit)] = size - 1 - at - bit
        # A port of one bit has no number.
        places[port["name"]] = size - 1 - at
        at += 8 * port["bytes"]
    places = {name: place for name, place in places.items() if name in wanted}
    found = {name: [] for name in places}
    for shown in cycles:
        # Written as digits, a bit of all rows is every so manieth digit.
        digits = "".join(format(int.from_bytes(row, "little"), "0%db" % size) for row in shown)
        for name, place in places.items():
            found[name].append(int(digits[place::size], 2))
    return found


def order(cells, library, known):
    """The gates so that each comes after those that drive it."""
    drivers = {}
    for cell in cells:
        for pin, wire in cell["pins"].items():
            if library[cell["type"]]["pins"].get(pin) == "output":
                drivers[wire] = cell
    done, sorted_cells = set(known), []
    for first in cells:
        stack = [(first, iter(sorted(first["pins"].values())))]
        while stack:
            cell, wires = stack[-1]
            missing = next((wire for wire in wires if wire not in done and drivers.get(wire) not in (None, cell)), None)
            if missing is not None:
                stack.append((drivers[missing], iter(sorted(drivers[missing]["pins"].values()))))
                continue
            stack.pop()
            outputs = [wire for pin, wire in cell["pins"].items() if library[cell["type"]]["pins"].get(pin) == "output"]
            if not all(wire in done for wire in outputs):
                sorted_cells.append(cell)
                done.update(outputs)
    return sorted_cells


def program(netlist, library, number):
    """The netlist as two functions over the values of its nets: what follows in a cycle, and what registers take at its end."""
    place = {wire: "v[%d]" % index for wire, index in number.items()}
    held = [cell for cell in netlist["cells"] if library[cell["type"]]["state"]]
    gates = [cell for cell in netlist["cells"] if not library[cell["type"]]["state"]]
    follow, take, states = [], [], []
    for index, cell in enumerate(held):
        kind = library[cell["type"]]
        pins = {pin: place[wire] for pin, wire in cell["pins"].items()}
        first, second = kind["state_names"]
        values = {**pins, first: "s[%d]" % index, second: "(~s[%d])" % index}
        for pin, wire in cell["pins"].items():
            if kind["pins"].get(pin) == "output":
                follow.append("%s=(%s)&M" % (place[wire], expression(kind["functions"][pin], values)))
                states.append(wire)
        take.append("(%s)&M" % expression(kind["next_state"], pins))
    given = {port for port, way in netlist["ports"].items() if way == "input"}
    for cell in order(gates, library, given | set(states)):
        kind = library[cell["type"]]
        pins = {pin: place[wire] for pin, wire in cell["pins"].items()}
        for pin, wire in cell["pins"].items():
            if kind["pins"].get(pin) == "output":
                follow.append("%s=(%s)&M" % (place[wire], expression(kind["functions"][pin], pins)))
    space = {}
    exec("def follow(v,s,M):\n " + "\n ".join(follow) + "\ndef take(v,M):\n return [" + ",\n ".join(take) + "]\n", space)
    return space["follow"], space["take"], len(held)


def simulate(netlist, library, head, values):
    """Changes of each net after the first part of the windows, and how many outputs differed from the recording."""
    wires = sorted({wire for cell in netlist["cells"] for wire in cell["pins"].values()} | set(netlist["ports"]))
    number = {wire: index for index, wire in enumerate(wires)}
    mask = (1 << (head["windows"] * head["instances"])) - 1
    follow, take, count = program(netlist, library, number)
    inputs = [(number[port], values[port]) for port, way in netlist["ports"].items() if way == "input" and port in values]
    outputs = [(number[port], values[port]) for port, way in netlist["ports"].items() if way == "output"]
    now, states = [0] * len(wires), [0] * count
    for port, index in ((port, number[port]) for port in netlist["ports"] if port == "always_1"):
        now[index] = mask
    changes, different, before, moved = [0] * len(wires), 0, None, [0] * len(outputs)
    for cycle in range(head["cycles"]):
        for index, column in inputs:
            now[index] = column[cycle]
        follow(now, states, mask)
        # What an output held before the window, and holds still, is not known here.
        moved = [seen | (column[cycle] ^ column[max(cycle, 1) - 1]) for seen, (_, column) in zip(moved, outputs)]
        if cycle >= head["filling"]:
            different += sum(((now[index] ^ column[cycle]) & seen).bit_count() for seen, (index, column) in zip(moved, outputs))
            if before is not None:
                changes = [total + (a ^ b).bit_count() for total, a, b in zip(changes, now, before)]
            before = list(now)
        states = take(now, mask)
    return dict(zip(wires, changes)), different


def main():
    job = json.load(open(sys.argv[1]))
    netlist = json.load(open(job["folder"] + "/netlist.json"))
    if netlist["memories"]:
        sys.exit("%s: a module with memories cannot be replayed" % job["top"])
    library = liberty(job["liberty"])
    head, cycles = recorded(job["recording"])
    changes, different = simulate(netlist, library, head, columns(head, cycles, netlist["ports"]))
    if different:
        sys.exit("%s: the netlist differs from the recording in %d bits of its outputs" % (job["top"], different))
    busy = None
    if job["busy"]:
        ones = [column.bit_count() for column in columns(head, cycles, [job["busy"]])[job["busy"]]]
        busy = sum(ones[head["filling"] :]) / (head["cycles"] - head["filling"]) / head["windows"] / head["instances"]
    steps = (head["cycles"] - head["filling"] - 1) * head["windows"] * head["instances"]
    rates = {}
    for cell in netlist["cells"]:
        outputs = [wire for pin, wire in cell["pins"].items() if library[cell["type"]]["pins"].get(pin) == "output"]
        rates[cell["name"]] = sum(changes[wire] for wire in outputs) / max(1, len(outputs)) / steps
    told = {"phase": head["phase"], "source": head["source"], "steps": steps, "busy": busy, "mean": sum(rates.values()) / len(rates), "cells": rates}
    with open(job["folder"] + "/toggles.json", "w") as out:
        json.dump(told, out)


main()
