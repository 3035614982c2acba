"""Runs commands and says what each took: a request a line on standard input, an answer a line on standard output.

{"command": [...], "env": {...}, "cwd": "..."} is answered by {"status", "wall", "cpu"}, in microseconds. The CPU time is
that of the command and of all its children that it waited for.
"""

import json
import os
import sys
import time

devnull = os.open(os.devnull, os.O_RDWR)
streams = [(os.POSIX_SPAWN_DUP2, devnull, number) for number in range(3)]

for line in sys.stdin:
    request = json.loads(line)
    command = request["command"]
    os.chdir(request["cwd"])
    began = time.perf_counter()
    process = os.posix_spawn(command[0], command, request["env"], file_actions=streams)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - began
    answer = {
        "status": os.waitstatus_to_exitcode(status),
        "wall": wall * 1e6,
        "cpu": (usage.ru_utime + usage.ru_stime) * 1e6,
    }
    print(json.dumps(answer), flush=True)
