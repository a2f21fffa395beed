"""Liberty files as text, since not every program reads packed ones: `unpack.py JOB` writes them into the job's folder."""

import json
import os
import sys

from library import text

job = json.load(open(sys.argv[1]))
for path in job["liberty"]:
    with open(os.path.join(job["folder"], os.path.basename(path).removesuffix(".gz")), "w") as out:
        out.writelines(text(path))
