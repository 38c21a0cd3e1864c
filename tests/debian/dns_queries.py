"""Asks a DNS server on loopback, and knows the answers; see dnsmasq_test.sh."""

import argparse
import random
import socket
import struct
import sys
import time

A, TXT = 1, 16
NO_ERROR, NO_SUCH_NAME, REFUSED = 0, 3, 5


def encode_name(name):
    return b"".join(
        bytes([len(label)]) + label.encode() for label in name.split(".")
    ) + b"\0"


def skip_name(packet, at):
    while packet[at] != 0:
        if packet[at] >= 0xC0:
            return at + 2
        at += 1 + packet[at]
    return at + 1


def query(number, name, kind):
    header = struct.pack(">6H", number, 0x100, 1, 0, 0, 0)
    return header + encode_name(name) + struct.pack(">2H", kind, 1)


def parse(packet):
    """The number, the code and the data of the first answer, or None."""
    number, flags, questions, answers = struct.unpack(">4H", packet[:8])
    at = 12
    for _ in range(questions):
        at = skip_name(packet, at) + 4
    data = None
    if answers:
        at = skip_name(packet, at)
        (length,) = struct.unpack(">H", packet[at + 8:at + 10])
        data = packet[at + 10:at + 10 + length]
    return number, flags & 15, data


def questions_and_answers(hosts, generation, chooser):
    """Endlessly (name, type, code, data)."""
    while True:
        what = chooser.randrange(10)
        if what < 6:
            i = chooser.randrange(hosts)
            address = bytes([10, generation, i // 256, i % 256])
            yield f"host{i}", A, NO_ERROR, address
        elif what == 6:
            label = "x" * chooser.randrange(1, 60)
            yield f"{label}.device.test", A, NO_ERROR, bytes([192, 0, 2, 1])
        elif what == 7:
            # Forwarded; a cache of 2,000 holds a part of these.
            name = f"n{chooser.randrange(4000)}.above.test"
            yield name, A, NO_ERROR, bytes([192, 0, 2, 7])
        elif what == 8:
            yield "about.test", TXT, NO_ERROR, b"\x10a record of text"
        else:
            # The server above knows nobody else, and refuses.
            yield f"no{chooser.randrange(1 << 30)}.test", A, REFUSED, None


def ask_udp(port, packet):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(10)
        udp.connect(("127.0.0.1", port))
        udp.send(packet)
        return udp.recv(4096)


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            sys.exit("the server ends the connection")
        data += part
    return data


def ask_tcp(port, packet):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as tcp:
        tcp.sendall(struct.pack(">H", len(packet)) + packet)
        (length,) = struct.unpack(">H", read_exactly(tcp, 2))
        return read_exactly(tcp, length)


def expect(packet, number, question):
    name, _, code, data = question
    got = parse(packet)
    if got != (number, code, data):
        sys.exit(f"{name}: {got}, not {(number, code, data)}")


def ask_all(options):
    ask = ask_tcp if options.tcp else ask_udp
    chooser = random.Random(options.queries)
    source = questions_and_answers(options.hosts, options.generation, chooser)
    for i in range(options.queries):
        question = next(source)
        number = i % 65536
        expect(
            ask(options.port, query(number, question[0], question[1])),
            number,
            question,
        )


def wait_for_generation(options):
    wanted = bytes([10, options.generation, 0, 0])
    for _ in range(100):
        if parse(ask_udp(options.port, query(1, "host0", A)))[2] == wanted:
            return
        time.sleep(0.1)
    sys.exit("the new hosts do not come")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--queries", type=int, default=0)
    parser.add_argument("--hosts", type=int, required=True)
    parser.add_argument("--generation", type=int, required=True)
    parser.add_argument("--tcp", action="store_true")
    parser.add_argument("--wait", action="store_true")
    options = parser.parse_args()
    if options.wait:
        wait_for_generation(options)
    ask_all(options)


main()
