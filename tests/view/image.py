"""Heap images and heaps in gdb, for the tests of hakmem-view and hakmem.py.

  image.py compare TEXT STATS.json   do hakmem-view's numbers equal the gauges?
  image.py some TEXT STATS.json      do those that hakmem.py knows?
  image.py near TEXT GAUGES.json     are they near those of a busy daemon?
  image.py page DOM STATS.json       do the page's, as a browser has drawn it?
  image.py mangle DUMP VIEW          VIEW, given copies of DUMP that are damaged
                                     and have a right checksum
"""

import json
import random
import re
import struct
import subprocess
import sys

HEADER = 64
KIND_END = 8


def compare(text_path, stats_path, names=None):
    text = open(text_path).read()
    stats = json.load(open(stats_path))
    wrong = []

    def expect(what, got, wanted):
        if got != wanted:
            wrong.append("%s: %s in the image, %s in the gauges" %
                         (what, got, wanted))

    numbers = dict(re.findall(r"^(\w+) (\d+)$", text, re.M))
    expect("variant", re.match(r"hakmem (\w+)", text).group(1),
           stats["variant"])
    names = names or [
        name for name, value in stats.items() if isinstance(value, int)
    ]
    if len(names) < 10:
        wrong.append("the gauges have lost some numbers")
    for name in names:
        expect(name, int(numbers.get(name, -1)), stats[name])
    found = {
        int(stride): (int(slabs), int(live) + int(cached))
        for stride, slabs, live, cached in re.findall(
            r"^class (\d+): slabs (\d+), live (\d+), cached (\d+)$", text,
            re.M)
    }
    for one in stats["classes"]:
        if one["slabs"] > 0:
            expect("class %d" % one["stride"], found.pop(one["stride"], None),
                   (one["slabs"], one["used"]))
    expect("other classes", found, {})
    if wrong:
        sys.exit("\n".join(wrong))


# What hak_stats only estimates, hakmem.py counts.
EXACT = ("dirty", "mapped", "peak_mapped", "purged", "metadata", "heaps",
         "large_blocks", "large_bytes", "huge_blocks", "huge_bytes")


def some(text_path, stats_path):
    compare(text_path, stats_path, EXACT)


def near(text_path, gauges_path):
    numbers = dict(re.findall(r"^(\w+) (\d+)$", open(text_path).read(), re.M))
    numbers = {name: int(value) for name, value in numbers.items()}
    heap = json.load(open(gauges_path))["heap"]
    # What of it lies in caches is an estimate in the gauges.
    for one in (numbers, heap):
        one["out"] = one["live"] + one["cached"]
    for name in ("out", "mapped", "metadata", "heaps"):
        got, wanted = numbers.get(name, -1), heap[name]
        # The answer with the gauges is freed before the core is made: a
        # SuperSlab may come or go.
        room = max(wanted / 10, 2 << 20 if name == "mapped" else 0)
        if abs(got - wanted) > room:
            sys.exit("%s: %d in gdb, %d in the gauges" % (name, got, wanted))


def page(dom_path, stats_path):
    dom = open(dom_path).read()
    stats = json.load(open(stats_path))
    wrong = []
    gauges = dict(re.findall(r'data-gauge="(\w+)" data-value="(\d+)"', dom))
    for name, value in stats.items():
        if isinstance(value, int) and gauges.get(name) != str(value):
            wrong.append("%s: %s on the page, %d in the gauges" %
                         (name, gauges.get(name), value))
    classes = {
        int(stride): (int(slabs), int(live) + int(cached))
        for stride, slabs, live, cached in re.findall(
            r'data-stride="(\d+)"\s+data-slabs="(\d+)" data-live="(\d+)"'
            r'\s+data-cached="(\d+)"', dom)
    }
    wanted = {
        one["stride"]: (one["slabs"], one["used"])
        for one in stats["classes"] if one["slabs"] > 0
    }
    if classes != wanted or not wanted:
        wrong.append("classes: %s on the page, %s in the gauges" %
                     (classes, wanted))
    if 'data-drawn="yes"' not in dom:
        wrong.append("the page was not drawn to its end")
    if wrong:
        sys.exit("\n".join(wrong))


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def mangle(data, chance):
    # The first records only: a checksum in Python takes its time.
    at = HEADER
    count = 0
    while count < 60:
        kind, size = struct.unpack_from("<II", data, at)
        if kind == KIND_END:
            break
        at += 8 + size
        count += 1
    del data[at:]
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(8, len(data))
        data[place] = chance.choice([0, 1, 127, 128, 255,
                                     chance.randrange(256)])
    data += struct.pack("<IIQQ", KIND_END, 16, count, fnv(data))
    return data


def mangle_all(dump_path, view):
    whole = open(dump_path, "rb").read()
    refused = 0
    for seed in range(60):
        with open("mangled.dump", "wb") as out:
            out.write(mangle(bytearray(whole), random.Random(seed)))
        code = subprocess.run(
            [view, "mangled.dump", "-o", "mangled.html"],
            stderr=subprocess.DEVNULL, timeout=20).returncode
        if code not in (0, 2):
            sys.exit("seed %d: exit %d" % (seed, code))
        refused += code == 2
    if not 5 < refused < 60:
        sys.exit("%d of 60 were refused" % refused)


if __name__ == "__main__":
    commands = {
        "compare": compare, "mangle": mangle_all, "near": near, "page": page,
        "some": some
    }
    commands[sys.argv[1]](*sys.argv[2:])
