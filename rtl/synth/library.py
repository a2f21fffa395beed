"""What the flow must know of a cell library: areas, pins, functions, sequential cells (Liberty); sizes and places of pins (LEF)."""

import gzip
import re

START = re.compile(r"\s*(\w+)\s*\(\s*\"?([^\")]*)\"?\s*\)\s*\{")
VALUE = re.compile(r"\s*(\w+)\s*:\s*\"?([^\";]*)\"?\s*;")


def text(path):
    """A text file's lines, packed or not."""
    return gzip.open(path, "rt") if path.endswith(".gz") else open(path)


def liberty(paths):
    """Cells by name: area, pins with their direction and function, whether they hold a state, and which one comes next."""
    cells = {}
    for path in paths:
        stack, cell = [], None
        for line in text(path):
            start = START.match(line)
            if start:
                group, name = start.group(1), start.group(2).strip()
                stack.append((group, name))
                if group == "cell":
                    cell = cells[name] = {"area": 0.0, "pins": {}, "functions": {}, "state": False}
                if group in ("ff", "latch", "ff_bank") and len(stack) >= 2 and stack[-2][0] == "cell":
                    cell["state"] = True
                    cell["state_names"] = [word.strip() for word in name.split(",")][:2]
                # A group that begins and ends in one line.
                if line.count("}") >= line.count("{"):
                    stack.pop()
                continue
            value = VALUE.match(line)
            if value and stack:
                group, name = stack[-1]
                if group == "cell" and value.group(1) == "area":
                    cell["area"] = float(value.group(2))
                if group == "pin" and value.group(1) == "direction":
                    cell["pins"][name] = value.group(2).strip()
                if group == "pin" and value.group(1) == "function":
                    cell["functions"][name] = value.group(2)
                if group == "ff" and value.group(1) == "next_state":
                    cell["next_state"] = value.group(2)
            for _ in range(line.count("}") - line.count("{")):
                if stack:
                    stack.pop()
    return cells


def lef(paths):
    """The site (width, height) and the macros: width, height, pins with the middle of their shapes; all in micrometres."""
    site, sites, macros = None, {}, {}
    for path in paths:
        macro = pin = place = None
        for line in text(path):
            words = line.split()
            if not words:
                continue
            key = words[0]
            if key == "SITE" and len(words) == 2 and macro is None:
                place = words[1]
            elif key == "MACRO":
                macro, pin = macros.setdefault(words[1], {"pins": {}}), None
            elif key == "SIZE" and len(words) >= 4:
                size = (float(words[1]), float(words[3]))
                if macro is not None:
                    macro["size"] = size
                elif place is not None:
                    sites[place] = size
            elif key == "SITE" and macro is not None:
                site = site or words[1]
            elif key == "PIN" and macro is not None:
                pin = macro["pins"].setdefault(words[1], [])
            elif key == "OBS":
                pin = None
            elif key == "RECT" and pin is not None:
                pin.append([float(word) for word in words[1:5]])
            elif key == "END" and len(words) > 1:
                if macro is not None and words[1] in macro["pins"]:
                    pin = None
                elif words[1] in macros:
                    macro = pin = None
                elif words[1] == place:
                    place = None
    for macro in macros.values():
        macro["pins"] = {name: middle(boxes) for name, boxes in macro["pins"].items() if boxes}
    return sites[site] if site in sites else next(iter(sites.values())), macros


def middle(boxes):
    """The middle of the box around boxes."""
    return (min(box[0] for box in boxes) + max(box[2] for box in boxes)) / 2, (min(box[1] for box in boxes) + max(box[3] for box in boxes)) / 2
