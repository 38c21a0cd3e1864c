"""hakmem's heap in gdb, of a live process or of a core file.

  (gdb) source hakmem.py
  (gdb) hakmem stats          the gauges, and the size classes
  (gdb) hakmem heap           a line per SuperSlab, the heaps, the spans
  (gdb) hakmem block ADDRESS  what lies at an address, any address

Needs the program with its symbol table (not stripped), no debug information.
It runs no code of the process and takes no lock: a heap that a thread was just
changing may look inconsistent for one slab. Use the file that came with the
hakmem in the program; another layout is refused.
"""

import collections
import struct

import gdb

# The shape of the heap: alloc/superslab/geometry.h, alloc/tiny/size_class.h.
SLAB = 1 << 16
SUPER = 1 << 20
UNIT = 1 << 12
SLABS = SUPER // SLAB
UNITS = SUPER // UNIT
SUPERS = 1 << 16
WINDOW = SUPERS * SUPER
STRIDES = (16, 32, 48, 64, 80, 96, 112, 128,
           144, 176, 208, 240, 272, 336, 400, 464,
           528, 656, 784, 912, 1040, 1296, 1552, 1808,
           2064, 2576, 3088, 3600, 4384, 5136, 6160, 7184,
           9296, 10752, 12912, 16128)
LIVE, FREE_BIAS = 0xA0, 0x28
RELEASED, LARGE, ABSENT = 1, 2, 3
# alloc/superslab/window.h: struct WindowState.
TABLE, COUNTS, MAP = 512, 512 + SUPERS * 16, 1049664
# alloc/superslab/slab_descriptor.h: SuperMeta, SlabRecord, SlabDescriptor.
SUPER_META, RECORD, BITMAP = 64, 64 + 256, 64
DESCRIPTOR = struct.Struct("<QQQQIIIHHHHHHHHbBBB")
MOST_BLOCKS = 2048
# alloc/large/span_tag.h
USED, CACHED, DIRTY, CLEAN, BUSY, TAIL = 1, 2, 3, 4, 5, 6
SPAN_STATES = {USED: "in use", CACHED: "in a thread's cache",
               DIRTY: "free, dirty", CLEAN: "free, clean",
               BUSY: "being given back"}

WINDOW_SYMBOL, MAP_SYMBOL = "hakmem_window", "hakmem_map"
BASE_SYMBOL = "_ZN6hakmem9superslab13g_window_baseE"
LOCK_SYMBOL = "_ZN6hakmem9superslab13g_window_lockE"
BUDGET_SYMBOL = "_ZN6hakmem9superslab8g_budgetE"

Slab = collections.namedtuple(
    "Slab", "index address cls stride first capacity used owner returned "
    "live cached free damaged")
Span = collections.namedtuple("Span", "address units state block size")


def fail(sentence):
    raise gdb.GdbError("hakmem: " + sentence)


def read(address, size):
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.MemoryError:
        fail("0x%x is not to be read: the core file lacks it, or the heap is "
             "damaged." % address)


def words(address, count, size="Q"):
    layout = "<%d%s" % (count, size)
    return struct.unpack(layout, read(address, struct.calcsize(layout)))


def elf_symbols(path):
    """The symbol table of an ELF64 file: {name: (value, size)}; {} if none."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        if data[:6] != b"\x7fELF\x02\x01":
            return {}
        offset, = struct.unpack_from("<Q", data, 40)
        entry, count = struct.unpack_from("<HH", data, 58)
        sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * entry)
                    for i in range(count)]
        found = {}
        for section in sections:
            if section[1] != 2:  # SHT_SYMTAB
                continue
            strings = sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], 24):
                name, _, _, _, value, size = struct.unpack_from(
                    "<IBBHQQ", data, at)
                end = data.index(b"\0", strings + name)
                text = data[strings + name:end]
                if b"hakmem" in text:
                    found[text.decode("ascii", "replace")] = (value, size)
        return found
    except (OSError, ValueError, IndexError, struct.error):
        return {}


class Heap:
    """The heap of the selected process."""

    def __init__(self):
        path = gdb.current_progspace().filename
        if path is None:
            fail("gdb has no program; name the file that was linked.")
        self.symbols = elf_symbols(path)
        for name in (WINDOW_SYMBOL, MAP_SYMBOL, BASE_SYMBOL, LOCK_SYMBOL):
            if name not in self.symbols:
                fail("%s has no symbol %s: it is stripped, or not linked with "
                     "hakmem." % (path, name))
        if self.symbols[MAP_SYMBOL][0] - self.symbols[WINDOW_SYMBOL][0] != MAP:
            fail("the hakmem in this program is laid out differently; use the "
                 "hakmem.py that came with it.")
        if gdb.selected_inferior().pid == 0:
            fail("there is no process and no core file.")
        # Where a position-independent program was loaded.
        here = int(gdb.parse_and_eval("(long) &%s" % WINDOW_SYMBOL))
        self.moved = here - self.symbols[WINDOW_SYMBOL][0]
        self.lock = (self.symbols[LOCK_SYMBOL][1] + 7) // 8 * 8
        self.window = self.address(WINDOW_SYMBOL)
        self.base = words(self.address(BASE_SYMBOL), 1)[0]
        # {init, claim_hint, misses, high_water, mapped, peak_mapped, ...}
        counts = words(self.window + COUNTS, 6, "I")
        self.supers = 0 if self.base >> 63 else min(counts[3], SUPERS)
        self.mapped, self.peak = counts[4] * SUPER, counts[5] * SUPER
        self.map = read(self.window + MAP, max(self.supers * SLABS, 1))
        self.table = [words(self.window + TABLE + 16 * (SUPERS - 1 - i), 2)
                      for i in range(self.supers)]

    def address(self, name):
        return self.symbols[name][0] + self.moved

    def variant(self):
        for name in ("release", "hardened", "checked"):
            if "hakmem_marker_" + name in self.symbols:
                return name
        return "of an unknown variant"

    def kind(self, slab_index):
        if slab_index >= len(self.map):
            return 0
        return self.map[slab_index]

    def slab(self, index):
        """None: no blocks are in it."""
        kind = self.kind(index)
        meta = self.table[index // SLABS][0] if kind >= LIVE else 0
        if meta == 0 or kind - LIVE >= len(STRIDES):
            return None
        record = read(meta + SUPER_META + index % SLABS * RECORD, RECORD)
        (remote, owner, _, _, _, _, _, used, capacity, stride, first, _, chain,
         _, _, _, _, _, _) = DESCRIPTOR.unpack_from(record)
        stride *= 16
        first *= 16
        if stride < STRIDES[kind - LIVE] or first >= SLAB:
            return None
        capacity = min(capacity, MOST_BLOCKS, (SLAB - first) // stride)
        address = self.base + index * SLAB
        memory = None
        states = {"live": 0, "cached": 0, "free": 0, "damaged": 0}
        for i in range(capacity):
            if record[BITMAP + i // 8] >> (i % 8) & 1:
                states["free"] += 1
                continue
            if memory is None:
                memory = read(address, first + capacity * stride)
            states[state_of(memory[first + i * stride - 1], kind)] += 1
        returned = (remote >> 16 & 0xFFFF) + chain
        return Slab(index, address, kind - LIVE, stride, first, capacity, used,
                    owner, returned, **states)

    def slabs(self):
        for index in range(self.supers * SLABS):
            slab = self.slab(index)
            if slab is not None:
                yield slab

    def heaps(self):
        """{address: id}, of all there ever were."""
        found = {}
        if "hakmem_registry" not in self.symbols:
            return found
        at = self.address("hakmem_registry")
        size = self.symbols[LOCK_SYMBOL][1]
        heap, = words(at + (2 * size + 7) // 8 * 8, 1)
        while heap != 0 and heap not in found:
            # {Lock, idle, notify, next_heap, next_idle, id}
            notify = (size + 1 + 7) // 8 * 8
            found[heap], = words(heap + notify + 24, 1, "I")
            heap, = words(heap + notify + 8, 1)
        return found

    def spans(self):
        for index, (_, meta) in enumerate(self.table):
            if meta == 0:
                continue
            tags = words(meta, UNITS, "I")
            for unit, tag in enumerate(tags):
                state, color, units = tag & 7, tag >> 3 & 63, tag >> 9
                if self.kind(index * SLABS + unit // 16) != LARGE:
                    continue
                if state in SPAN_STATES and units > 0:
                    skip = color * 64 if state in (USED, CACHED) else 0
                    address = self.base + index * SUPER + unit * UNIT
                    yield Span(address, units, state, address + skip,
                               units * UNIT - skip)

    def huge(self):
        """[(address, bytes)] by address."""
        if "hakmem_huge" not in self.symbols:
            return []
        # {Lock, slots, capacity, ...}
        slots, capacity = words(self.address("hakmem_huge") + self.lock, 2)
        if slots == 0:
            return []
        table = words(slots, 2 * capacity)
        # Release marks lone blocks in the lowest bit; hardened has odd sizes.
        mark = 1 if self.variant() == "release" else 0
        return sorted((address, size & ~mark)
                      for address, size in zip(table[::2], table[1::2])
                      if address > 1)

    def metadata(self):
        if "hakmem_metadata" not in self.symbols:
            return 0
        return words(self.address("hakmem_metadata") + self.lock, 3)[2]


def state_of(header, kind):
    if header == kind:
        return "live"
    return "cached" if header == kind + FREE_BIAS else "damaged"


def print_stats(heap):
    slabs, spans, huge = list(heap.slabs()), list(heap.spans()), heap.huge()
    out = [span for span in spans if span.state in (USED, CACHED)]
    budget = words(heap.address(BUDGET_SYMBOL), 6)
    huge_bytes = sum(size for _, size in huge)
    mapped = heap.mapped + huge_bytes
    live = sum(s.live * s.stride for s in slabs) + huge_bytes + sum(
        s.units * UNIT for s in out if s.state == USED)
    cached = sum(s.cached * s.stride for s in slabs) + sum(
        s.units * UNIT for s in out if s.state == CACHED)
    print("hakmem " + heap.variant())
    for name, value in (
            ("live", live), ("cached", cached), ("dirty", budget[1]),
            ("mapped", mapped), ("peak_mapped", max(heap.peak, mapped)),
            ("purged", budget[2]), ("metadata", heap.metadata()),
            ("large_blocks", len(out)),
            ("large_bytes", sum(s.units * UNIT for s in out)),
            ("huge_blocks", len(huge)), ("huge_bytes", huge_bytes),
            ("heaps", len(heap.heaps()))):
        print("%s %d" % (name, value))
    for cls, stride in enumerate(STRIDES):
        mine = [slab for slab in slabs if slab.cls == cls]
        if not mine:
            continue
        # What came back to a slab of no heap is as good as free.
        cached = sum(s.cached - (0 if s.owner else s.returned) for s in mine)
        print("class %d: slabs %d, live %d, cached %d" %
              (stride, len(mine), sum(s.live for s in mine), cached))
    damaged = sum(slab.damaged for slab in slabs)
    if damaged:
        print("damaged headers %d" % damaged)


def cell(heap, index):
    kind = heap.kind(index)
    if kind == LARGE:
        return " == "
    if kind == ABSENT:
        return "  - "
    if kind < LIVE:
        return "  . "
    slab = heap.slab(index)
    if slab is None:
        return "  ? "
    full = 100 * slab.live // max(slab.capacity, 1)
    return "%2d%s%s" % (slab.cls, ":" if slab.owner else "!",
                        "#" if full >= 95 else str(full // 10))


def print_heap(heap):
    print("window at 0x%x; each slab: class:tenths that are live, # nearly "
          "all;" % heap.base)
    print("! of no heap, == spans, . free, - not mapped")
    for index in range(heap.supers):
        kinds = heap.map[index * SLABS:(index + 1) * SLABS]
        if any(kind >= LARGE for kind in kinds):
            print("0x%x %s" % (heap.base + index * SUPER, " ".join(
                cell(heap, index * SLABS + i) for i in range(SLABS))))
    owned = collections.defaultdict(list)
    for slab in heap.slabs():
        owned[slab.owner].append(slab)
    names = heap.heaps()
    for owner, slabs in sorted(owned.items(), key=lambda one: one[0]):
        name = "heap %d" % names[owner] if owner in names else (
            "heap at 0x%x" % owner if owner else "of no heap")
        print("%s: %d slabs, %d bytes live, %d bytes cached" % (
            name, len(slabs), sum(s.live * s.stride for s in slabs),
            sum(s.cached * s.stride for s in slabs)))
    for state, name in SPAN_STATES.items():
        spans = [span for span in heap.spans() if span.state == state]
        if spans:
            print("spans %s: %d, %d bytes" % (
                name, len(spans), sum(s.units for s in spans) * UNIT))
    for address, size in heap.huge():
        print("Huge 0x%x, %d bytes" % (address, size))


def small_block(heap, slab, address):
    inside = address - slab.address - slab.first
    if inside < 0 or inside // slab.stride >= slab.capacity:
        return "at the edge of a slab, in no block"
    number = inside // slab.stride
    start = slab.address + slab.first + number * slab.stride
    meta = heap.table[slab.index // SLABS][0]
    bit = read(meta + SUPER_META + slab.index % SLABS * RECORD + BITMAP +
               number // 8, 1)[0] >> (number % 8) & 1
    header = read(start - 1, 1)[0]
    state = "free" if bit else state_of(header, slab.cls + LIVE)
    text = "in" if address != start else "the start of"
    name = heap.heaps().get(slab.owner)
    return ("%s a %s block of stride %d (class %d)\n  starts at 0x%x, offset "
            "%d, header byte 0x%02x\n  slab 0x%x, %s" %
            (text, state, slab.stride, slab.cls, start, address - start,
             header, slab.address,
             "heap %d" % name if name is not None else "of no heap"))


def block_at(heap, address):
    for start, size in heap.huge():
        if start <= address < start + size:
            return "in a live Huge block\n  starts at 0x%x, offset %d, %d " \
                "bytes" % (start, address - start, size)
    if not 0 <= address - heap.base < WINDOW:
        return "not in the heap"
    index = (address - heap.base) // SLAB
    kind = heap.kind(index)
    if kind in (0, ABSENT):
        return "in the window, where the heap never was"
    slab = heap.slab(index)
    if slab is not None:
        return small_block(heap, slab, address)
    for span in heap.spans():
        if kind == LARGE and 0 <= address - span.address < span.units * UNIT:
            name = "a live Large block" if span.state == USED else (
                "a span %s" % SPAN_STATES[span.state])
            return "in %s\n  starts at 0x%x, offset %d, %d bytes" % (
                name, span.block, address - span.block, span.size)
    return "in a slab or span that was released"


class Hakmem(gdb.Command):
    """hakmem's heap: hakmem stats, hakmem heap, hakmem block ADDRESS."""

    def __init__(self):
        super().__init__("hakmem", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        command, _, rest = argument.strip().partition(" ")
        if command == "stats" and not rest:
            print_stats(Heap())
        elif command == "heap" and not rest:
            print_heap(Heap())
        elif command == "block" and rest:
            heap = Heap()
            address = int(gdb.parse_and_eval(rest)) & (1 << 64) - 1
            print("0x%x: %s" % (address, block_at(heap, address)))
        else:
            fail("say hakmem stats, hakmem heap, or hakmem block ADDRESS.")


Hakmem()
