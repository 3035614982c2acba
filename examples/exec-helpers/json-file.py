#!/usr/bin/env python3
"""A helper for Keyfall's provider `exec` over a JSON file of texts: json-file.py FILE

It reads, lists and writes, all names or none, and refuses a write if the file was changed in between.
The protocol: https://github.com/keyfall/keyfall/blob/main/docs/providers/exec.md#the-protocol-of-a-helper
"""

import fcntl
import hashlib
import json
import os
import sys


def say(line):
    print(json.dumps(line, ensure_ascii=True))


def load(path):
    """The values of the file, and what names its state."""
    with open(path, "rb") as file:
        content = file.read()
    values = json.loads(content)
    if not isinstance(values, dict) or not all(isinstance(each, str) for each in values.values()):
        raise ValueError("not an object of texts")
    return values, hashlib.sha256(content).hexdigest()


def store(path, values):
    content = json.dumps(values).encode()
    temporary = f"{path}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    return hashlib.sha256(content).hexdigest()


def read(path):
    values, revision = load(path)
    for name, value in values.items():
        say({"name": name, "value": value})
    # one file holds everything: what has no line is not here
    say({"done": True, "complete": True, "revision": revision})


def names_of(path):
    for name in load(path)[0]:
        say({"name": name})
    say({"done": True})


def write(path, changes, expected):
    # one writer at a time, from the read to the replacement
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            values, revision = load(path)
        except FileNotFoundError:
            values, revision = {}, None
        if expected is not None and expected != revision:
            sys.exit(73)
        for change in changes:
            if change["value"] is None:
                values.pop(change["name"], None)
            else:
                values[change["name"]] = change["value"]
        say({"done": True, "revision": store(path, values)})


def main(path):
    request, *lines = [json.loads(line) for line in sys.stdin]
    action = request["action"]
    try:
        if action in ("read", "read-all"):
            read(path)
        elif action == "list":
            names_of(path)
        elif action == "write":
            write(path, lines, request.get("ifRevision"))
        else:
            sys.exit(64)
    except FileNotFoundError:
        sys.exit(66)
    except PermissionError:
        sys.exit(77)
    except ValueError:
        sys.exit(65)
    except OSError:
        sys.exit(69)


if len(sys.argv) != 2:
    sys.exit("usage: json-file.py FILE")
main(sys.argv[1])
