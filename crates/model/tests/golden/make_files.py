#!/usr/bin/env python3
"""Writes the small model files of import/, and beside each a text of what is in it.

GGUF files are written by the `gguf` package, safetensors models by `transformers` (random weights, the names and layouts of the real
families). What is expected is worked out here from the stored tensors: names by the `gguf` package's own table, values by numpy, MXFP4 by
`transformers`. A line of a text: tensor name, shape with the outermost extent first, encoding, the first 16 hex digits of the SHA-256 of the
values as little-endian binary32.

Needs: pip install gguf==0.19.0 transformers==5.23.0 torch safetensors. Run in this directory.
"""

import hashlib
import re
import shutil
from collections import defaultdict
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers as tf
from gguf import GGMLQuantizationType as Q
from gguf import GGUFValueType as V
from safetensors.torch import load_file, save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

OUT = Path("import")
ENCODING = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16"}


def line(name, values, encoding):
    values = np.ascontiguousarray(values, dtype=np.float32)
    digest = hashlib.sha256(values.tobytes()).hexdigest()[:16]
    return f"{name} {'x'.join(map(str, values.shape))} {encoding} {digest}"


def write_lines(path, lines):
    path.write_text("".join(f"{text}\n" for text in sorted(lines)))


def gguf_types():
    """Every metadata type, alone and in arrays, nested arrays, and an alignment of its own."""
    writer = gguf.GGUFWriter(OUT / "types.gguf", "test")
    writer.add_custom_alignment(64)
    values = {
        V.UINT8: 250, V.INT8: -3, V.UINT16: 65000, V.INT16: -300, V.UINT32: 4000000000, V.INT32: -70000, V.FLOAT32: 0.375, V.BOOL: True,
        V.STRING: "déjà vu", V.UINT64: 2**63 + 1, V.INT64: -(2**40), V.FLOAT64: 1e-300,
    }
    for kind, value in values.items():
        writer.add_key_value(f"one.{kind.name.lower()}", value, kind)
        writer.add_key_value(f"many.{kind.name.lower()}", [value, value, value], V.ARRAY, sub_type=kind)
    writer.add_key_value("nested", [[1, 2], [3], [4, 5, 6]], V.ARRAY)
    writer.add_tensor("a.weight", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("b.weight", np.arange(24, dtype=np.float16).reshape(2, 3, 4))
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_encodings(rng):
    """One tensor per encoding, random bytes with finite scales."""
    writer = gguf.GGUFWriter(OUT / "encodings.gguf", "llama")
    lines = []
    for kind in [Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0, Q.Q2_K, Q.Q3_K, Q.Q4_K, Q.Q5_K, Q.Q6_K, Q.MXFP4]:
        length, size = gguf.GGML_QUANT_SIZES[kind]
        data = rng.integers(0, 60, (3, 256 // length * size), dtype=np.uint8)  # a high byte below 0x7c: no infinity, no NaN
        name = f"{kind.name.lower()}.weight"
        writer.add_tensor(name, data, raw_dtype=kind)
        lines.append(line(name, gguf.dequantize(data, kind), kind.name.lower()))
    for kind, data in [(Q.F32, rng.standard_normal((2, 5), dtype=np.float32)), (Q.F16, rng.standard_normal((3, 2, 5)).astype(np.float16))]:
        writer.add_tensor(f"{kind.name.lower()}.weight", data)
        lines.append(line(f"{kind.name.lower()}.weight", data, kind.name.lower()))
    finish(writer)
    write_lines(OUT / "encodings.txt", lines)


def gguf_variants(rng):
    """GGUF files whose names or layouts differ from the usual: old Mixtral, GPT-2, gpt-oss."""
    q = lambda rows, columns: gguf.quantize(rng.standard_normal((rows, columns), dtype=np.float32), Q.Q8_0)
    lines = defaultdict(list)

    writer = gguf.GGUFWriter(OUT / "experts.gguf", "llama")
    for which in ["gate", "up", "down"]:
        parts = [q(2, 32) for _ in range(3)]
        for expert in [2, 0, 1]:
            writer.add_tensor(f"blk.0.ffn_{which}.{expert}.weight", parts[expert], raw_dtype=Q.Q8_0)
        stacked = np.stack([gguf.dequantize(p, Q.Q8_0) for p in parts])
        lines["experts"].append(line(f"blk.0.ffn_{which}_exps.weight", stacked, "q8_0"))
    finish(writer)

    writer = gguf.GGUFWriter(OUT / "fused.gguf", "gpt2")
    weight, bias = q(96, 32), rng.standard_normal(96, dtype=np.float32)
    writer.add_tensor("blk.0.attn_qkv.weight", weight, raw_dtype=Q.Q8_0)
    writer.add_tensor("blk.0.attn_qkv.bias", bias)
    for i, part in enumerate("qkv"):
        lines["fused"].append(line(f"blk.0.attn_{part}.weight", gguf.dequantize(weight, Q.Q8_0)[32 * i:32 * i + 32], "q8_0"))
        lines["fused"].append(line(f"blk.0.attn_{part}.bias", bias[32 * i:32 * i + 32], "f32"))
    finish(writer)

    for name, expected in lines.items():
        write_lines(OUT / f"{name}.txt", expected)


COMMON = dict(vocab_size=12, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
              head_dim=8, pad_token_id=0, bos_token_id=1, eos_token_id=2, max_position_embeddings=64)
MOE = dict(num_experts=3, num_experts_per_tok=2, moe_intermediate_size=8)

# Family: configuration, model, element type, architecture in the gguf package.
FAMILIES = {
    "llama": (tf.LlamaConfig(**COMMON), tf.LlamaForCausalLM, torch.bfloat16, "LLAMA"),
    "mistral": (tf.MistralConfig(**COMMON), tf.MistralForCausalLM, torch.bfloat16, "LLAMA"),
    "qwen2": (tf.Qwen2Config(**COMMON, tie_word_embeddings=True), tf.Qwen2ForCausalLM, torch.float16, "QWEN2"),
    "qwen3": (tf.Qwen3Config(**COMMON), tf.Qwen3ForCausalLM, torch.bfloat16, "QWEN3"),
    "qwen2_moe": (tf.Qwen2MoeConfig(**COMMON, **MOE, shared_expert_intermediate_size=8), tf.Qwen2MoeForCausalLM, torch.bfloat16, "QWEN2MOE"),
    "qwen3_moe": (tf.Qwen3MoeConfig(**COMMON, **MOE), tf.Qwen3MoeForCausalLM, torch.bfloat16, "QWEN3MOE"),
    "mixtral": (tf.MixtralConfig(**COMMON, num_local_experts=3), tf.MixtralForCausalLM, torch.bfloat16, "LLAMA"),
    "gemma": (tf.GemmaConfig(**COMMON), tf.GemmaForCausalLM, torch.bfloat16, "GEMMA"),
    "gemma2": (tf.Gemma2Config(**COMMON), tf.Gemma2ForCausalLM, torch.bfloat16, "GEMMA2"),
    "gemma3_text": (tf.Gemma3TextConfig(**COMMON), tf.Gemma3ForCausalLM, torch.bfloat16, "GEMMA3"),
    "gpt2": (tf.GPT2Config(vocab_size=12, n_embd=8, n_layer=2, n_head=2, n_positions=16, bos_token_id=1, eos_token_id=2),
             tf.GPT2LMHeadModel, torch.float32, "GPT2"),
    "gpt_oss": (tf.GptOssConfig(**{**COMMON, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}, num_local_experts=2,
                                num_experts_per_tok=1, layer_types=["full_attention"]),
                tf.GptOssForCausalLM, torch.bfloat16, "GPT_OSS"),
    "deepseek_v3": (tf.DeepseekV3Config(**{**COMMON, "num_key_value_heads": 2}, n_routed_experts=4, n_group=2, topk_group=1,
                                        num_experts_per_tok=2, moe_intermediate_size=8, first_k_dense_replace=1, q_lora_rank=8,
                                        kv_lora_rank=8, qk_rope_head_dim=4, qk_nope_head_dim=4, v_head_dim=4),
                    tf.DeepseekV3ForCausalLM, torch.bfloat16, "DEEPSEEK2"),
}
# Where this project's names differ from the gguf package's: a layer's second norm is always ffn_norm.
RENAMED = {"GPT_OSS": ("post_attention_norm", "ffn_norm")}


def stacked_experts(tensors):
    """Tensors with `experts.N.` stacked under a name without the number."""
    stacks, rest = defaultdict(dict), {}
    for name, tensor in tensors.items():
        found = re.fullmatch(r"(.*\.experts)\.(\d+)\.(.*)", name)
        if found:
            stacks[f"{found[1]}.{found[3]}"][int(found[2])] = tensor
        else:
            rest[name] = tensor
    for name, parts in stacks.items():
        name = re.sub(r"model\.(layers\.\d+)\.block_sparse_moe", r"\1.feed_forward", name)
        rest[name] = torch.stack([parts[i] for i in range(len(parts))])
    return rest


def pieces(arch, name, tensor):
    """The tensor as GGUF has it: (name in the gguf package's table, suffix, values, encoding)."""
    encoding = ENCODING[tensor.dtype]
    stem, dot, suffix = name.rpartition(".")
    if suffix not in ("weight", "bias"):
        stem, suffix = name, "weight"
    values = tensor.float().numpy()
    if arch.startswith("GEMMA") and "norm" in name:
        yield stem, suffix, values + np.float32(1), "f32"
    elif arch == "GPT2" and re.search(r"\.c_(attn|proj|fc)\.weight$", name):
        yield stem, suffix, values.T, encoding
    elif "experts.gate_up_proj" in name or "experts.down_proj" in name and arch == "GPT_OSS":
        suffix = "bias" if name.endswith("_bias") else "weight"
        stem = stem.removesuffix("_bias")
        values = values if suffix == "bias" else values.swapaxes(-1, -2)
        if "gate_up" not in stem:
            yield stem, suffix, values, encoding
            return
        gate, up = (values[:, 0::2], values[:, 1::2])
        yield stem.replace("gate_up_proj", "gate_proj"), suffix, gate, encoding
        yield stem.replace("gate_up_proj", "up_proj"), suffix, up, encoding
    elif name.endswith("e_score_correction_bias"):
        yield name.replace("_bias", ""), "bias", values, encoding
    elif name.endswith("shared_expert_gate.weight"):
        yield stem, suffix, values.squeeze(), encoding
    else:
        yield stem, suffix, values, encoding


def expected(arch, layers, tensors):
    table = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, arch), layers)
    for name, tensor in stacked_experts(tensors).items():
        for stem, suffix, values, encoding in pieces(arch, name, tensor):
            ours = table.get_name(stem)
            if ours is None:
                raise SystemExit(f"{arch}: the gguf package does not know {stem}")
            ours = f"{ours.replace(*RENAMED.get(arch, ('', '')))}.{suffix}"
            if "attn_qkv" in ours:
                for part, third in zip("qkv", np.split(values, 3)):
                    yield line(ours.replace("qkv", part), third, encoding)
            else:
                yield line(ours, values, encoding)


def hugging_face():
    for family, (config, model, dtype, arch) in FAMILIES.items():
        torch.manual_seed(len(family))
        built = model(config).to(dtype)
        for tensor in [*built.parameters(), *built.buffers()]:
            if tensor.is_floating_point():
                tensor.data.normal_()
        built.save_pretrained(OUT / family, max_shard_size="6KB" if family == "llama" else "1GB")
        (OUT / family / "generation_config.json").unlink(missing_ok=True)
        tensors = {}
        for file in (OUT / family).glob("*.safetensors"):
            tensors |= load_file(file)
        write_lines(OUT / f"{family}.txt", expected(arch, config.num_hidden_layers, tensors))


def mxfp4():
    """gpt-oss as it is published: blocks and scales. The values come from transformers' own unpacking."""
    source, target = OUT / "gpt_oss", OUT / "gpt_oss_mxfp4"
    target.mkdir()
    shutil.copy(source / "config.json", target)
    tensors = load_file(source / "model.safetensors")
    generator = torch.Generator().manual_seed(7)
    lines = []
    for name in [n for n in tensors if re.search(r"experts\.(gate_up|down)_proj$", n)]:
        experts, inputs, outputs = tensors.pop(name).shape
        blocks = torch.randint(0, 256, (experts, outputs, inputs // 32, 16), generator=generator, dtype=torch.uint8)
        scales = torch.randint(120, 132, (experts, outputs, inputs // 32), generator=generator, dtype=torch.uint8)
        tensors |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
        decoded = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32).swapaxes(-1, -2).numpy()
        decoded = decoded + np.float32(0)  # E2M1's negative zero: ggml, and this project, have one zero
        layer = re.search(r"\d+", name)[0]
        if "gate_up" in name:
            lines.append(line(f"blk.{layer}.ffn_gate_exps.weight", decoded[:, 0::2], "mxfp4"))
            lines.append(line(f"blk.{layer}.ffn_up_exps.weight", decoded[:, 1::2], "mxfp4"))
        else:
            lines.append(line(f"blk.{layer}.ffn_down_exps.weight", decoded, "mxfp4"))
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    plain = {n: t for n, t in tensors.items() if t.dtype != torch.uint8}
    write_lines(OUT / "gpt_oss_mxfp4.txt", [*lines, *expected("GPT_OSS", 1, plain)])


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    rng = np.random.default_rng(42)
    gguf_types()
    gguf_encodings(rng)
    gguf_variants(rng)
    hugging_face()
    mxfp4()
    for file in OUT.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
