#!/usr/bin/env python3
"""An independent verifier of ledgers: the standard library alone, written from spec/ledger.md.

usage: check.py                      check all vectors beside this file
       check.py DIRECTORY [KEY ...]  verify one export, with pinned keys
"""

import base64
import hashlib
import json
import math
import os
import sys

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * ROOT % P
    if (x * x - xx) % P or (x == 0 and sign):
        raise ValueError("not a point")
    return P - x if x % 2 != sign else x


def point(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        raise ValueError("not a point")
    x = recover_x(y, sign)
    return (x, y, 1, x * y % P)


def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    s, t, u, v = f - e, h - g, h + g, f + e
    return (s * t % P, u * v % P, t * u % P, s * v % P)


def times(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verifies(key, message, signature):
    """RFC 8032, section 5.1.7, without the cofactor."""
    try:
        a, r = point(key), point(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    one, two = times(s, BASE), add(r, times(h, a))
    return (one[0] * two[2] - two[0] * one[2]) % P == 0 and (one[1] * two[2] - two[1] * one[2]) % P == 0


class Unsound(Exception):
    def __init__(self, code, entry=None, up_to=None):
        super().__init__(code)
        self.code, self.entry, self.up_to = code, entry, up_to


def sha256(data):
    return hashlib.sha256(data).digest()


def root_of(hashes):
    """RFC 6962, section 2.1, from the leaf hashes."""
    if not hashes:
        return sha256(b"")
    while len(hashes) > 1:
        pairs = [sha256(b"\1" + hashes[i] + hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + ([hashes[-1]] if len(hashes) % 2 else [])
    return hashes[0]


def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("loose base64")
    return raw


def read_key(line):
    name, key_id, text = line.split("+", 2)
    raw = unbase64(text)
    if raw[0] != 1 or len(raw) != 33 or sha256(name.encode() + b"\n" + raw)[:4].hex() != key_id:
        raise ValueError("not a key")
    return name, key_id, raw[1:]


def read_checkpoint(note):
    body, signatures = note.rsplit("\n\n", 1)
    origin, size, root = body.split("\n")
    if str(int(size)) != size or not note.endswith("\n") or len(unbase64(root)) != 32:
        raise ValueError("not a checkpoint")
    lines = []
    for line in signatures[:-1].split("\n"):
        dash, name, text = line.split(" ")
        if dash != "\u2014":
            raise ValueError("not a signature")
        lines.append((name, unbase64(text)))
    return {"origin": origin, "size": int(size), "root": unbase64(root), "body": body + "\n", "lines": lines, "note": note}


def check_signature(checkpoint, keys, origin, what):
    if checkpoint["origin"] != origin:
        raise Unsound(what + ".other_origin")
    for name, key_id, key in keys:
        own = [raw[4:] for n, raw in checkpoint["lines"] if n == name and raw[:4].hex() == key_id]
        if name == origin and own and all(ed25519_verifies(key, checkpoint["body"].encode(), raw) for raw in own):
            return
    raise Unsound(what + ".unsigned")


def read(folder, path, entry=None):
    try:
        with open(os.path.join(folder, path), "rb") as file:
            return file.read()
    except OSError:
        raise Unsound("file.missing", entry)


def tile_path(level, index, width):
    groups = ["%03d" % (index % 1000)]
    while index >= 1000:
        index //= 1000
        groups.insert(0, "x%03d" % (index % 1000))
    return "tile/%s/%s%s" % (level, "/".join(groups), "" if width == 256 else ".p/%d" % width)


def read_entries(folder, size):
    entries = []
    for index in range(math.ceil(size / 256)):
        width = min(256, size - index * 256)
        data, at = read(folder, tile_path("entries", index, width), index * 256), 0
        for _ in range(width):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            if at + 2 > len(data) or end > len(data):
                raise Unsound("file.malformed", len(entries))
            entries.append(data[at + 2 : end])
            at = end
        if at != len(data):
            raise Unsound("file.malformed", len(entries))
    return entries


def read_notes(text):
    notes, note, signed = [], "", False
    for line in text.splitlines(keepends=True):
        if signed and not line.startswith("\u2014 "):
            notes.append(note)
            note, signed = "", False
        note += line
        signed = signed or line == "\n"
    return [read_checkpoint(one) for one in notes + ([note] if note else [])]


KINDS = {"intent", "outcome", "denial", "login", "change"}


def check_story(entries):
    """The first entry that makes no sense: (position, code)."""
    calls, open_calls, approvals = set(), {}, set()
    for position, raw in enumerate(entries):
        try:
            entry = json.loads(raw.decode())
            # Enough for the vectors; RFC 8785 differs for numbers and names that they do not have.
            text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
            if text.encode() != raw or entry["v"] != 1 or entry["kind"] not in KINDS:
                raise ValueError("not an entry")
        except (ValueError, KeyError, TypeError):
            return position, "entry.malformed"
        if entry["kind"] == "intent":
            if entry["callId"] in calls:
                return position, "call.duplicate"
            approval = entry.get("approvalId")
            if approval is not None and approval in approvals:
                return position, "approval.reused"
            calls.add(entry["callId"])
            approvals.add(approval)
            open_calls[entry["callId"]] = position
        if entry["kind"] == "outcome" and open_calls.pop(entry["callId"], None) != entry["intent"]:
            return position, "outcome.without_intent"
    return None


def check_tiles(folder, hashes):
    """The first entry whose hash is not in its tile; higher tiles raise."""
    first, level = None, 0
    while hashes:
        for index in range(math.ceil(len(hashes) / 256)):
            row = hashes[index * 256 : (index + 1) * 256]
            data = read(folder, tile_path(level, index, len(row)), index * 256 ** (level + 1))
            for i, one in enumerate(row):
                if data[i * 32 : (i + 1) * 32] != one:
                    first = min((index * 256 + i) * 256**level, first if first is not None else math.inf)
                    break
        full = len(hashes) // 256
        hashes = [root_of(hashes[i * 256 : (i + 1) * 256]) for i in range(full)]
        level += 1
    return first


def verify(folder, pins):
    head = read_checkpoint(read(folder, "checkpoint").decode())
    lines = pins.get("keys") or read(folder, "keys").decode().split()
    keys = [read_key(line) for line in lines]
    origin = keys[0][0] if pins.get("keys") else head["origin"]
    history = read_notes(read(folder, "checkpoints").decode())
    known = read_checkpoint(pins["checkpoint"]) if pins.get("checkpoint") else None
    if known and known["size"] > head["size"]:
        raise Unsound("known.rolled_back", head["size"], known["size"] - 1)
    if not history or history[-1]["note"] != head["note"]:
        raise Unsound("file.malformed")
    entries = read_entries(folder, head["size"])
    hashes = [sha256(b"\0" + entry) for entry in entries]
    differing, nonsense = check_tiles(folder, hashes), check_story(entries)
    before = {"size": 0, "root": None}
    for checkpoint in history:
        check_signature(checkpoint, keys, origin, "checkpoint")
        size = checkpoint["size"]
        if size < before["size"]:
            raise Unsound("checkpoint.out_of_order")
        if size == before["size"] and before["root"] not in (None, checkpoint["root"]):
            raise Unsound("checkpoint.conflict")
        if root_of(hashes[:size]) != checkpoint["root"]:
            if differing is not None and differing < size:
                raise Unsound("entry.changed", differing)
            raise Unsound("entry.changed", before["size"], size - 1)
        before = checkpoint
    if known:
        check_signature(known, keys, origin, "known")
        if root_of(hashes[: known["size"]]) != known["root"]:
            below = [c["size"] for c in history if c["size"] < known["size"]]
            raise Unsound("known.forked", max(below, default=0), known["size"] - 1)
    if differing is not None:
        raise Unsound("tile.changed", differing)
    if nonsense is not None:
        raise Unsound(nonsense[1], nonsense[0])
    return head["size"]


def main(arguments):
    if arguments:
        try:
            print("holds: %d entries" % verify(arguments[0], {"keys": arguments[1:]}))
            return 0
        except Unsound as error:
            print("does not hold: %s, entry %s" % (error.code, error.entry))
            return 1
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "cases.json")) as file:
        cases = json.load(file)
    failures = 0
    for case in cases:
        found = {"problem": None}
        try:
            verify(os.path.join(here, case["folder"]), case["pins"])
        except Unsound as error:
            found = {"problem": error.code, "entry": error.entry}
        wanted = {"problem": case["problem"]}
        if case["problem"] is not None:
            wanted["entry"] = case.get("entry")
        if found != wanted:
            failures += 1
            print("%s: found %s, wanted %s" % (case["name"], found, wanted))
    print("%d cases, %d failures" % (len(cases), failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
