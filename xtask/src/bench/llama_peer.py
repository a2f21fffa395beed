"""The peer: llama.cpp on the same GGUF, through its low-level API, timed as our emulator is.

Prints one JSON object per measurement: kind ("decode" or "prefill"), sequences, threads, tokens_per_second (median of the
repetitions), peak_rss_bytes of this process. Decoding feeds fixed token numbers, one per sequence and step, each sequence in
its own part of the cache: sampling is not part of the measure, on either side. Logits are computed for every decoded token and
for the last token of a prefill.

Flash attention is off, the cache is binary16; how the file is loaded is left to llama.cpp's defaults (mapped, not locked).
"""

import argparse
import ctypes
import json
import statistics
import time

import llama_cpp
from llama_cpp import llama_cpp as api


def quiet_log(_level, _text, _user):
    """Drops llama.cpp's own log lines, which would hide the measurements."""


QUIET_LOG = api.llama_log_callback(quiet_log)


def peak_rss_bytes():
    """The high-water mark of resident memory, as the kernel counts it."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise SystemExit("/proc/self/status has no VmHWM line")


def open_model(path):
    """Maps the model file and leaves every layer on the processor."""
    params = api.llama_model_default_params()
    params.n_gpu_layers = 0
    model = api.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise SystemExit(f"{path}: llama.cpp cannot load this model")
    return model


def open_context(model, threads, sequences, cells):
    """A context with `cells` cache cells, shared by `sequences` sequences."""
    params = api.llama_context_default_params()
    params.n_ctx = cells
    params.n_batch = 512
    params.n_ubatch = 512
    params.n_seq_max = sequences
    params.n_threads = threads
    params.n_threads_batch = threads
    params.flash_attn_type = api.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.no_perf = True
    context = api.llama_init_from_model(model, params)
    if not context:
        raise SystemExit("llama.cpp refused the context parameters")
    return context


def fill(batch, entries):
    """Writes `(token, position, sequence, wants_logits)` entries into the batch."""
    batch.n_tokens = len(entries)
    for i, (token, position, sequence, logits) in enumerate(entries):
        batch.token[i] = token
        batch.pos[i] = position
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = sequence
        batch.logits[i] = logits


def decode(context, batch):
    """Runs one batch to its end."""
    code = api.llama_decode(context, batch)
    if code != 0:
        raise SystemExit(f"llama_decode returned {code}")
    api.llama_synchronize(context)


def token_at(sequence, position):
    """A fixed, ordinary token number, different between sequences and positions."""
    return 1000 + (sequence * 131 + position * 17) % 20000


def time_decode(context, batch, sequences, prompt, steps):
    """Seconds for `steps` steps of all sequences, after a prompt that is not timed."""
    api.llama_memory_clear(api.llama_get_memory(context), True)
    for sequence in range(sequences):
        fill(batch, [(token_at(sequence, p), p, sequence, p == prompt - 1) for p in range(prompt)])
        decode(context, batch)
    start = time.perf_counter()
    for position in range(prompt, prompt + steps):
        fill(batch, [(token_at(s, position), position, s, True) for s in range(sequences)])
        decode(context, batch)
    return time.perf_counter() - start


def time_prefill(context, batch, tokens):
    """Seconds for one prompt of `tokens` tokens in one batch."""
    api.llama_memory_clear(api.llama_get_memory(context), True)
    fill(batch, [(token_at(0, p), p, 0, p == tokens - 1) for p in range(tokens)])
    start = time.perf_counter()
    decode(context, batch)
    return time.perf_counter() - start


def main():
    """Measures what the arguments ask for and prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--prompt", type=int, default=32)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--prefill", type=int, default=0, help="time a prompt of this length instead of decoding")
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()

    api.llama_log_set(QUIET_LOG, ctypes.c_void_p(0))
    api.llama_backend_init()
    model = open_model(args.model)
    cells = args.prefill or args.sequences * (args.prompt + args.steps)
    # llama.cpp splits the cells evenly between sequences and rounds each share up to 256.
    context = open_context(model, args.threads, args.sequences, max(cells, 256 * args.sequences))
    batch = api.llama_batch_init(512, 0, 1)
    if args.prefill:
        run = lambda: args.prefill / time_prefill(context, batch, args.prefill)
    else:
        run = lambda: args.sequences * args.steps / time_decode(
            context, batch, args.sequences, args.prompt, args.steps
        )
    run()  # warm: pages of the file, thread pool
    rates = [run() for _ in range(args.repeat)]
    print(
        json.dumps(
            {
                "kind": "prefill" if args.prefill else "decode",
                "sequences": args.sequences,
                "threads": args.threads,
                "tokens_per_second": statistics.median(rates),
                "peak_rss_bytes": peak_rss_bytes(),
                "version": llama_cpp.__version__,
                "system": api.llama_print_system_info().decode(),
            }
        )
    )


main()
