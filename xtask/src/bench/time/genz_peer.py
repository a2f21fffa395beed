"""GenZ on Llama 3 8B in bfloat16 on its H100: one prompt, one decode step, and how many points it makes a second. Prints one JSON object."""

import argparse
import contextlib
import io
import json
import time
import warnings

warnings.filterwarnings("ignore")

from GenZ import decode_moddeling, prefill_moddeling  # noqa: E402

MEASURED_SECONDS = 3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompt", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    arguments = parser.parse_args()
    usual = {"model": "llama3_8b", "system_name": "H100_GPU", "bits": "bf16", "input_tokens": arguments.prompt}

    def decode():
        return decode_moddeling(batch_size=arguments.batch, Bb=1, **usual)

    with contextlib.redirect_stdout(io.StringIO()):
        prefill = prefill_moddeling(batch_size=1, **usual)["Latency"]
        step = decode()["Latency"]
        start, points = time.process_time(), 0
        while time.process_time() - start < MEASURED_SECONDS:
            decode()
            points += 1
        rate = points / (time.process_time() - start)
    # GenZ gives milliseconds.
    print(json.dumps({"prefill_seconds": prefill / 1e3, "decode_seconds": step / 1e3, "points_per_second": rate}))


if __name__ == "__main__":
    main()
