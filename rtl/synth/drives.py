"""How a library's cells drive and what their pins weigh, from the tables of Liberty: times in picoseconds, capacitances in femtofarads.

A table of times is taken as a plane: so much without slope and load, so much more for each picosecond of slope and each femtofarad of load; and what rises as the
mean with what falls, which take turns along a path. That is near enough to choose cells by, and OpenSTA times what was chosen.
"""

import fnmatch
import re

from library import text

COMMENT = re.compile(r"/\*.*?\*/", re.S)
# A group or a statement with arguments, a value, or the end of a group.
TOKEN = re.compile(r'(\w+)\s*\(([^(){}]*)\)\s*(\{?)|(\w+)\s*:\s*("[^"]*"|[^;"{}]*?)\s*;|(\})')
NUMBER = re.compile(r"[-+.\w]+")
POWERS = {"f": 1.0, "p": 1e3, "n": 1e6}
# Tables of a timing group, and what they tell of.
TABLES = {"cell_rise": "delay", "cell_fall": "delay", "rise_transition": "slope", "fall_transition": "slope", "rise_constraint": "setup", "fall_constraint": "setup"}
SLOPES = ("input_net_transition", "constrained_pin_transition")
LOADS = ("total_output_net_capacitance",)


class Kind:
    """A cell of a library: `weighs` of its pins, `arcs` and `starts` by the pin that they lead to, `setups` of its pins."""

    def __init__(self, name):
        self.name, self.pins, self.functions, self.state, self.weighs = name, {}, {}, [], {}
        # From a pin, or from the clock, to a pin: (delay, for each ps of slope, for each fF of load, slope, for each fF of load).
        self.arcs, self.starts, self.setups = {}, {}, {}

    def family(self):
        """What cells have in common that may stand for each other."""
        return tuple(sorted(self.pins.items())), tuple(sorted(self.functions.items())), tuple(sorted(self.state))


def plane(axes, values):
    """What a table of these axes (kind, numbers) says without slope and load, and for each unit of slope and of load."""
    low = [len(numbers) // 3 for _, numbers in axes]
    high = [max(2 * len(numbers) // 3, min(1, len(numbers) - 1)) for _, numbers in axes]

    def at(chosen):
        index = 0
        for place, (_, numbers) in zip(chosen, axes):
            index = index * len(numbers) + place
        return values[index]

    rest, rates = at(low), {"slope": 0.0, "load": 0.0}
    for axis, (kind, numbers) in enumerate(axes):
        step = numbers[high[axis]] - numbers[low[axis]]
        if kind and step:
            rates[kind] = (at([high[each] if each == axis else low[each] for each in range(len(axes))]) - at(low)) / step
            rest -= rates[kind] * numbers[low[axis]]
    return rest, rates["slope"], rates["load"]


def mean(planes):
    return tuple(sum(each) / len(planes) for each in zip(*planes))


class Reader:
    """Reads one file."""

    def __init__(self, kinds):
        self.kinds, self.kind, self.pin = kinds, None, None
        self.templates, self.template = {}, None
        self.timing, self.table = None, None
        self.ps, self.ff = 1.0, 1.0

    def read(self, path):
        stack = []
        with text(path) as file:
            whole = COMMENT.sub("", file.read())
        for match in TOKEN.finditer(whole):
            group, words, opens, key, value, ends = match.groups()
            if ends:
                if stack:
                    self.closed(stack.pop())
            elif opens:
                stack.append(group)
                self.opened(group, words.strip().strip('"'))
            elif group:
                self.listed(group, words)
            else:
                self.said(stack[-1] if stack else "", key, value.strip('"'))

    def opened(self, group, words):
        if group == "cell":
            self.kind = self.kinds[words] = Kind(words)
        elif group == "lu_table_template":
            self.template = self.templates[words] = [[None, []], [None, []]]
        elif group == "pin" and self.kind:
            self.pin = words
        elif group == "timing" and self.pin:
            self.timing = {"related_pin": "", "timing_type": "combinational", "tables": {}}
        elif group in TABLES and self.timing is not None:
            self.table = [list(axis) for axis in self.templates.get(words, [])], []
        elif group in ("ff", "latch", "ff_bank") and self.kind:
            self.kind.state.append((group, words.replace(" ", "")))

    def listed(self, name, words):
        if name == "capacitive_load_unit":
            count, unit = words.split(",")
            self.ff = float(count) * POWERS[unit.strip().lower()[0]]
        elif name.startswith("index_") and (self.table or self.template):
            axes, number = self.table[0] if self.table else self.template, int(name[6:]) - 1
            if number < len(axes):
                axes[number][1] = [float(word) for word in NUMBER.findall(words)]
        elif name == "values" and self.table:
            self.table[1].extend(float(word) for word in NUMBER.findall(words))

    def said(self, group, key, value):
        if key == "time_unit":
            self.ps = float(NUMBER.match(value).group(0)[:-2]) * POWERS[value[-2]] / 1e3
        elif group == "lu_table_template" and key.startswith("variable_") and int(key[9:]) <= 2:
            self.template[int(key[9:]) - 1][0] = "slope" if value in SLOPES else "load" if value in LOADS else None
        elif group == "pin" and self.pin and key == "direction":
            self.kind.pins[self.pin] = value
        elif group == "pin" and self.pin and key == "function":
            self.kind.functions[self.pin] = value
        elif group == "pin" and self.pin and key == "capacitance":
            self.kind.weighs[self.pin] = float(value) * self.ff
        elif group in ("ff", "latch", "ff_bank") and self.kind:
            self.kind.state.append((key, value))
        elif group == "timing" and self.timing is not None and key in self.timing:
            self.timing[key] = value

    def closed(self, group):
        if group in TABLES and self.table:
            axes, values = self.table
            if values:
                self.timing["tables"].setdefault(TABLES[group], []).append(self.plane(axes, values))
            self.table = None
        elif group == "lu_table_template":
            self.template = None
        elif group == "timing" and self.timing:
            self.arc(self.timing)
            self.timing = None
        elif group == "pin":
            self.pin = None
        elif group == "cell":
            self.kind = None

    def plane(self, axes, values):
        """A table in picoseconds and femtofarads."""
        rest, slope, load = plane([axis for axis in axes if axis[1]] if len(values) > 1 else [], values)
        return rest * self.ps, slope, load * self.ps / self.ff

    def arc(self, timing):
        """What a timing group says; of several for the same pins the slowest counts."""
        kind, tables, way = self.kind, timing["tables"], timing["timing_type"]
        takes = timing["related_pin"].split(" ")[0]
        if way.startswith("setup_") and "setup" in tables:
            rest, slope, _ = max(tables["setup"])
            kind.setups[self.pin] = max(kind.setups.get(self.pin, (0.0, 0.0)), (rest, slope))
        elif "delay" in tables and (way.startswith("combinational") or way in ("rising_edge", "falling_edge")):
            rest, slope = mean(tables["delay"]), mean(tables.get("slope", [(0.0, 0.0, 0.0)]))
            arc = (*rest, slope[0], slope[2])
            if way.startswith("combinational"):
                arcs = kind.arcs.setdefault(self.pin, {})
                arcs[takes] = max(arcs.get(takes, arc), arc)
            else:
                kind.starts[self.pin] = max(kind.starts.get(self.pin, arc), arc)


def drives(paths):
    """The cells of these files by name."""
    kinds = {}
    for path in paths:
        Reader(kinds).read(path)
    return kinds


def siblings(kinds, macros, unused):
    """For each cell those that may stand in its place, itself among them, the smallest first: the same pins, functions and state, as tall, and not ruled out."""
    families = {}
    for name, kind in sorted(kinds.items()):
        if name in macros and not any(fnmatch.fnmatchcase(name, pattern) for pattern in unused):
            families.setdefault((kind.family(), macros[name]["size"][1]), []).append(name)
    found = {}
    for names in families.values():
        names.sort(key=lambda name: (macros[name]["size"][0], name))
        found.update({name: names for name in names})
    return found
