#!/usr/bin/env python3
"""Writes the first inputs of the `gguf`, `safetensors` and `chip` targets, from the model fixtures and the shipped chips. Run in this directory.

`examples/seed.rs` writes those of `program`.
"""

import json
import re
from pathlib import Path

FIXTURES = Path("../crates/model/tests/golden/import")
# In the order of fuzz_targets/safetensors.rs.
FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "mixtral", "gemma", "gemma2", "gemma3", "gemma3_text", "gpt2",
            "gpt_oss", "deepseek_v3"]


def target(name):
    directory = Path("corpus") / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def last_layer_only(data):
    """A safetensors file without all layers but the last, which keeps it small."""
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    header.pop("__metadata__", None)
    layer = lambda name: int((re.search(r"\.(\d+)\.", "." + name) or [0, -1])[1])
    last = max(map(layer, header))
    kept, out = {}, b""
    for name, info in header.items():
        if layer(name) in (-1, last):
            first, end = info["data_offsets"]
            kept[name] = info | {"data_offsets": [len(out), len(out) + end - first]}
            out += body[first:end]
    text = json.dumps(kept, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text + out


for file in FIXTURES.glob("*.gguf"):
    (target("gguf") / file.stem).write_bytes(file.read_bytes())
for file in FIXTURES.glob("*/*.safetensors"):
    family = file.parent.name.removesuffix("_mxfp4")
    name = file.parent.name if file.stem == "model" else f"{file.parent.name}-{file.stem.split('-')[1]}"
    seed = bytes([FAMILIES.index(family)]) + last_layer_only(file.read_bytes())
    if len(seed) < 12_000:
        (target("safetensors") / name).write_bytes(seed)
for file in Path("../data/chips").glob("*.toml"):
    (target("chip") / file.stem).write_bytes(file.read_bytes())
