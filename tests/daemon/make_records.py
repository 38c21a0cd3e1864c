#!/usr/bin/env python3
"""Writes records.jsonl and records.expected: what the load generator replays.

The seed is fixed, so the two files are the same wherever this runs; they are
in the tree so that nothing has to run it.  The expectations are worked out
here, in a second implementation of rules.lua: the load generator compares the
daemon's answers with these, so a daemon that answers quickly and wrongly fails.

  make_records.py FOLDER
"""

import datetime
import json
import math
import pathlib
import random
import sys

SEED = 20260107
COUNT = 2000

# unit: (offset, scale); a reading in base units is (raw - offset) * scale.
UNITS = {
    "C": (0.0, 1.0), "F": (32.0, 5.0 / 9.0), "K": (273.15, 1.0),
    "Pa": (0.0, 1.0), "hPa": (0.0, 100.0), "mbar": (0.0, 100.0),
    "kPa": (0.0, 1000.0), "psi": (0.0, 6894.757), "bar": (0.0, 100000.0),
    "V": (0.0, 1.0), "mV": (0.0, 0.001), "A": (0.0, 1.0), "mA": (0.0, 0.001),
    "W": (0.0, 1.0), "kW": (0.0, 1000.0), "J": (0.0, 1.0),
    "Wh": (0.0, 3600.0), "kWh": (0.0, 3600000.0), "MJ": (0.0, 1000000.0),
    "m/s2": (0.0, 1.0), "g": (0.0, 9.80665), "mg": (0.0, 0.00980665),
    "ratio": (0.0, 1.0), "%": (0.0, 0.01), "m3/h": (0.0, 1.0),
    "l/min": (0.0, 0.06), "dBm": (0.0, 1.0), "s": (0.0, 1.0),
    "ms": (0.0, 0.001), "m": (0.0, 1.0), "km": (0.0, 1000.0),
}
QUANTITY = {}
for _quantity, _units in {
        "temperature": "C F K", "pressure": "Pa hPa mbar kPa psi bar",
        "voltage": "V mV", "current": "A mA", "power": "W kW",
        "energy": "J Wh kWh MJ", "acceleration": "m/s2 g mg",
        "ratio": "ratio %", "flow": "m3/h l/min", "signal": "dBm",
        "time": "s ms", "length": "m km"}.items():
    for _unit in _units.split():
        QUANTITY[_unit] = _quantity

# quantity: (lowest, highest) that is no alert.
LIMITS = {
    "temperature": (-40.0, 85.0), "pressure": (1000.0, 1200000.0),
    "voltage": (2.9, 480.0), "current": (-40.0, 40.0),
    "power": (-5000.0, 22000.0), "acceleration": (-160.0, 160.0),
    "ratio": (0.05, 1.0), "flow": (0.0, 90.0), "signal": (-115.0, 0.0),
}

SITES = [
    "Værløse Nord", "Zürich-Örlikon", "São Paulo 3", "Łódź Zachód", "東京湾",
    "Ταύρος", "Нижний Новгород", "Reykjavík", "कोलकाता", "Pump house 7",
    "Building \"C\" / roof", "Depot\\Süd", "القاهرة", "🛰 relay 4", "Malmö",
]
PHRASES = [
    "link up, negotiated 100 Mbit/s", "calibration table loaded (crc ok)",
    "retry %d of 5 on bus i2c-%d", "modem: +CEREG: 5,\"1A2B\",\"01C3D4\"",
    "Ventil öffnet nicht vollständig", "温度センサーの応答が遅い",
    "flash page %d rewritten after %d ms", "clock stepped by %d ms",
    "обрыв датчика уровня", "certificate expires in %d days",
    "watchdog reset, reason 0x%02x", "brown-out at %d mV", "µSD wear %d%%",
    "queue full: %d records dropped", "\tregister dump:\n  r0=%08x r1=%08x",
    "door opened ☂ while raining", "naïve façade — “quoted” text…",
]
PATTERNS = {
    "temperature": ["C", "C", "F", "K"],
    "pressure": ["hPa", "mbar", "psi", "kPa"],
    "voltage": ["V", "mV"], "current": ["A", "mA"], "power": ["W", "kW"],
    "energy": ["Wh", "kWh", "MJ"], "flow": ["m3/h", "l/min"],
    "ratio": ["%", "ratio"], "signal": ["dBm"], "length": ["m", "km"],
}
TYPICAL = {
    "temperature": (-20.0, 80.0), "pressure": (95000.0, 600000.0),
    "voltage": (3.0, 240.0), "current": (0.0, 16.0), "power": (0.0, 9000.0),
    "energy": (0.0, 9e8), "flow": (0.0, 60.0), "ratio": (0.08, 1.0),
    "signal": (-110.0, -50.0), "length": (0.0, 9000.0),
}


def to_unit(value, unit):
    """A base value as a device would print it in `unit`."""
    offset, scale = UNITS[unit]
    return round(value / scale + offset, 3)


class Maker:
    """Draws records; all randomness comes from one generator."""

    def __init__(self, rng):
        self.rng = rng

    def base(self, quantity):
        low, high = TYPICAL[quantity]
        value = self.rng.uniform(low, high)
        if self.rng.random() < 0.03:  # out of limits: an alert
            value = high * 1.6 if self.rng.random() < 0.7 else low - 60.0
        return value

    def reading(self, quantity, name=None):
        unit = self.rng.choice(PATTERNS[quantity])
        value = to_unit(self.base(quantity), unit)
        if self.rng.random() < 0.2:
            value = int(value)
        out = {"metric": name or quantity, "value": value, "unit": unit}
        if self.rng.random() < 0.3:
            out["quality"] = self.rng.choice(["good", "suspect", None])
        return out

    def when(self):
        epoch = 1767225600 + self.rng.randrange(0, 180 * 86400)
        style = self.rng.randrange(4)
        if style == 0:
            return epoch
        if style == 1:
            return epoch * 1000 + self.rng.randrange(1000)
        zone = self.rng.choice([0, 0, 60, 120, -300, 330, 345])
        local = datetime.datetime.fromtimestamp(
            epoch + zone * 60, datetime.timezone.utc)
        text = local.strftime("%Y-%m-%dT%H:%M:%S")
        if zone == 0:
            return text + "Z"
        sign = "+" if zone > 0 else "-"
        return "%s%s%02d:%02d" % (text, sign, abs(zone) // 60, abs(zone) % 60)

    def device(self, kind):
        return "%s-%04d" % (kind, self.rng.randrange(40))

    def phrase(self):
        text = self.rng.choice(PHRASES)
        holes = text.count("%") - 2 * text.count("%%")
        return text % tuple(self.rng.randrange(1, 200) for _ in range(holes))

    def log(self, count):
        levels = ["info"] * 12 + ["warn"] * 4 + ["error"]
        return [{"level": self.rng.choice(levels), "text": self.phrase()}
                for _ in range(count)]

    def wave(self, count, amplitude):
        step = self.rng.uniform(0.05, 0.9)
        return [round(amplitude * math.sin(step * i)
                      + self.rng.uniform(-1, 1), 2) for i in range(count)]

    def heartbeat(self):
        record = {"device": self.device("node"), "at": self.when(),
                  "values": {"battery": [self.rng.randrange(4, 101), "%"],
                             "rssi": [-self.rng.randrange(50, 118), "dBm"]}}
        if self.rng.random() < 0.5:
            record["uptime"] = self.rng.randrange(10**7)
        return record

    def meter(self):
        quantities = ["voltage", "current", "power", "energy"]
        return {"schema": 2, "device": self.device("meter"),
                "at": self.when(),
                "site": {"name": self.rng.choice(SITES)},
                "readings": [
                    self.reading(q, "%s.l%d" % (q, phase))
                    for phase in range(1, self.rng.choice([1, 3, 3]) + 1)
                    for q in quantities]}

    def station(self):
        return {"schema": 2, "device": self.device("station"),
                "at": self.when(), "firmware": "4.%d.%d+g%07x" % (
                    self.rng.randrange(14), self.rng.randrange(9),
                    self.rng.randrange(1 << 28)),
                "site": {"name": self.rng.choice(SITES),
                         "lat": round(self.rng.uniform(-60, 70), 5),
                         "lon": round(self.rng.uniform(-179, 179), 5),
                         "tags": self.rng.sample(SITES, 3)},
                "readings": [self.reading(q, "%s/%s" % (self.rng.choice(
                    ["inlet", "outlet", "ambient", "außen"]), q))
                             for q in self.rng.choices(
                                 list(PATTERNS), k=self.rng.randrange(3, 24))],
                "log": self.log(self.rng.randrange(5))}

    def vibration(self):
        count = int(2 ** self.rng.uniform(4, 9.3))
        return {"schema": 2, "device": self.device("motor"),
                "at": self.when(), "readings": [
                    {"metric": "bearing.%d" % i, "unit": "mg",
                     "hz": self.rng.choice([800, 1600, 3200]),
                     "axes": {axis: self.wave(count, 900.0)
                              for axis in "xyz"}}
                    for i in range(self.rng.choice([1, 1, 2]))]}

    def track(self):
        count = int(2 ** self.rng.uniform(3, 8))
        lat, lon = self.rng.uniform(-60, 70), self.rng.uniform(-170, 170)
        points = []
        for i in range(count):
            lat += self.rng.uniform(-1e-3, 1e-3)
            lon += self.rng.uniform(-1e-3, 1e-3)
            points.append([round(lat, 6), round(lon, 6), [i, None, i % 7 == 0]])
        return {"device": self.device("truck"), "at": self.when(),
                "track": points,
                "readings": [{"metric": "speed.legs", "unit": "km",
                              "samples": [round(self.rng.uniform(0, 2), 3)
                                          for _ in range(count)]}]}

    def bundle(self):
        return {"device": self.device("router"), "at": self.when(),
                "log": self.log(int(2 ** self.rng.uniform(3, 8.4)))}

    def tree(self, depth):
        if depth == 0 or self.rng.random() < 0.2:
            return self.rng.choice([True, False, None, 0, -1.5e-3, 6.02e23, "",
                                    self.phrase(), [], {}, [[]]])
        if self.rng.random() < 0.5:
            return [self.tree(depth - 1) for _ in range(self.rng.randrange(5))]
        return {self.rng.choice(["κλειδί", "mode", "limits", "ключ", "a b",
                                 "p%d" % self.rng.randrange(50)]):
                self.tree(depth - 1) for _ in range(self.rng.randrange(7))}

    def configuration(self):
        record = self.station()
        record["config"] = {"active": self.tree(7), "factory": self.tree(6)}
        return record

    def gateway(self):
        children = [self.rng.choice([self.heartbeat, self.meter,
                                     self.station])()
                    for _ in range(self.rng.randrange(2, 14))]
        return {"schema": 2, "device": self.device("gateway"),
                "at": self.when(), "children": children}

    def damaged(self):
        """Well-formed JSON that the rules must refuse."""
        record = self.meter()
        flaw = self.rng.randrange(4)
        if flaw == 0:
            del record["device"]
        elif flaw == 1:
            record["readings"][-1]["unit"] = "furlong"
        elif flaw == 2:
            record["readings"][0]["value"] = None
        else:
            record["at"] = "yesterday"
        return record

    def any(self):
        kinds = [(self.heartbeat, 34), (self.meter, 22), (self.station, 20),
                 (self.vibration, 5), (self.track, 5), (self.bundle, 3),
                 (self.configuration, 5), (self.gateway, 5),
                 (self.damaged, 2)]
        return self.rng.choices([k for k, _ in kinds],
                                [w for _, w in kinds])[0]()


class Rejected(Exception):
    """The rules refuse this record."""


def seconds(at):
    if isinstance(at, str):
        try:
            return int(datetime.datetime.fromisoformat(
                at.replace("Z", "+00:00")).timestamp())
        except ValueError:
            raise Rejected("time") from None
    return at // 1000 if at >= 10**11 else at


class Expectation:
    """What rules.lua must find in a record."""

    def __init__(self):
        self.readings = self.alerts = self.sum = self.text_bytes = 0

    def judge(self, record):
        if not record.get("device"):
            raise Rejected("device")
        at = seconds(record["at"])
        self.text(record.get("site", {}).get("name", ""))
        for value, unit in record.get("values", {}).values():
            self.one([value], unit)
        for reading in record.get("readings", []):
            for samples in self.series(reading):
                self.one(samples, reading["unit"])
        for line in record.get("log", []):
            self.text(line["text"])
            lower = line["text"].encode().lower()
            self.alerts += line["level"] == "error" or b"watchdog" in lower
        for child in record.get("children", []):
            self.judge(child)
        return at

    @staticmethod
    def series(reading):
        if "axes" in reading:
            return [reading["axes"][axis] for axis in "xyz"]
        if "samples" in reading:
            return [reading["samples"]]
        return [[reading["value"]]]

    def one(self, samples, unit):
        if unit not in UNITS or None in samples:
            raise Rejected("reading")
        offset, scale = UNITS[unit]
        values = [(float(raw) - offset) * scale for raw in samples]
        total = 0.0
        for value in values:
            total += value
        mean = total / len(values)
        low, high = LIMITS.get(QUANTITY[unit], (-math.inf, math.inf))
        self.readings += 1
        self.sum += math.floor(mean * 1000.0 + 0.5)
        self.alerts += min(values) < low or max(values) > high

    def text(self, text):
        self.text_bytes += len(text.encode())


def expected_line(record):
    found = Expectation()
    try:
        at = found.judge(record)
    except Rejected:
        return "rejected"
    return "%s %d %d %d %d %d" % (record["device"], at, found.readings,
                                  found.alerts, found.sum, found.text_bytes)


def main(argv):
    if len(argv) != 2 or not pathlib.Path(argv[1]).is_dir():
        print("make_records.py: give one existing folder.", file=sys.stderr)
        return 2
    rng = random.Random(SEED)
    maker = Maker(rng)
    lines, expected = [], []
    for _ in range(COUNT):
        record = maker.any()
        # Some devices escape what is not ASCII, some put blanks, most do not.
        style = rng.randrange(8)
        text = json.dumps(record, ensure_ascii=style < 2,
                          separators=(", ", ": ") if style == 7 else (",", ":"))
        if len(text.encode()) > 30 * 1024:
            continue
        lines.append(text)
        expected.append(expected_line(record))
    folder = pathlib.Path(argv[1])
    (folder / "records.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "records.expected").write_text("\n".join(expected) + "\n",
                                             "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
