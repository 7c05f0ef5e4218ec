"""Recomputes the hashes of architecture.md, section 3, from the rows of a ledger given as JSON on stdin."""

import hashlib
import json
import struct
import sys
import uuid


def sha256(data):
    return hashlib.sha256(data).digest()


def field(data):
    return struct.pack(">I", len(data)) + data


def leaf(event):
    integer = lambda number: struct.pack(">q", number)
    return sha256(
        b"\x00"
        + field(uuid.UUID(event["event_id"]).bytes)
        + field(event["aggregate_type"].encode())
        + field(event["aggregate_id"].encode())
        + field(integer(event["sequence"]))
        + field(event["event_type"].encode())
        + field(event["event_version"].encode())
        + field(uuid.UUID(event["command_id"]).bytes)
        + field(integer(event["command_ordinal"]))
        + field(sha256(event["payload"].encode()))
        + field(sha256(event["metadata"].encode()))
    )


def root(leaves):
    """RFC 9162, section 2.1.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:]))


def main():
    ledger = json.load(sys.stdin)
    events = {event["position"]: event for event in ledger["events"]}
    chain = bytes(32)
    for block in ledger["blocks"]:
        first, last = block["first_position"], block["last_position"]
        leaves = [leaf(events[position]) for position in range(first, last + 1)]
        for position, computed in zip(range(first, last + 1), leaves):
            assert computed.hex() == events[position]["leaf"], f"leaf of position {position}"
        assert root(leaves).hex() == block["root"], f"root of the block at {first}"
        chain = sha256(chain + struct.pack(">qqq", first, last + 1 - first, block["micros"]) + root(leaves))
        assert chain.hex() == block["chain"], f"chain of the block at {first}"
    print(f"{len(events)} events, {len(ledger['blocks'])} blocks, {chain.hex()}")


main()
