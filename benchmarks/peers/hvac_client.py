"""hvac, speaking as harness/client.mjs does: requests on standard input, answers on file descriptor 3."""

import json
import os
import resource
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import hvac
import requests


def connect(settings):
    session = requests.Session()
    # as many connections as there are threads: by default ten are kept
    session.mount("http://", requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=64))
    client = hvac.Client(url=settings["address"], token=settings["token"], session=session)

    def read():
        answer = client.secrets.kv.v2.read_secret_version(
            path=settings["path"], mount_point=settings["mount"], raise_on_deleted_version=True
        )
        data = answer["data"]["data"]
        if data["NAME_7"] != "value 7" or data["NAME_39"] != "value 39":
            raise RuntimeError("nothing was read")

    return read


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def work(operation, end, most):
    times = []
    now = time.perf_counter()
    while not times or (now < end and len(times) < most):
        started = now
        operation()
        now = time.perf_counter()
        times.append(now - started)
    return times


def measure(operation, milliseconds, width, operations=float("inf")):
    before = cpu_seconds()
    began = time.perf_counter()
    end = began + milliseconds / 1e3
    if width == 1:
        times = work(operation, end, operations)
    else:
        with ThreadPoolExecutor(width) as threads:
            parts = [threads.submit(work, operation, end, operations / width) for _ in range(width)]
            times = [each for part in parts for each in part.result()]
    wall = time.perf_counter() - began
    return {
        "count": len(times),
        "wall": wall * 1e6,
        "cpu": (cpu_seconds() - before) * 1e6,
        "p50": statistics.median(times) * 1e6,
    }


def call(operation):
    began = time.perf_counter()
    try:
        operation()
        answered = True
    except Exception:
        answered = False
    return {"wall": (time.perf_counter() - began) * 1e3, "answered": answered}


operation = None
with os.fdopen(3, "w", buffering=1) as answers:
    for line in sys.stdin:
        request = json.loads(line)
        if "settings" in request:
            operation = connect(request["settings"])
            answer = {}
        elif "call" in request:
            answer = call(operation)
        else:
            answer = measure(operation, **request)
        answers.write(json.dumps(answer) + "\n")
