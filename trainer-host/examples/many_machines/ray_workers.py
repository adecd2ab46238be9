#!/usr/bin/env python3
"""One study on a Ray cluster: each Ray task is a worker of the same study.

    pip install ray
    export PGPASSWORD=...                       # or ~/.pgpass on each node
    python3 ray_workers.py --workers 16 /shared/gestures.csv \\
        --storage postgres://tuner@database.example/tuning --study gestures --trials 400 --set tune.lag=16

Ray places the workers and starts them again when a node dies. The study is on the server: another worker goes on with
the trials of a lost one. All flags behind the first path are those of `trainer-host tune`. Without a cluster, Ray runs
the workers on this machine.
"""

import argparse
import os
import subprocess
import sys

import ray


@ray.remote(num_cpus=1, max_retries=3)
def work(number, command, environment):
    """Runs a worker to the end of the study, and returns its exit status and the end of what it said."""
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    return number, done.returncode, done.stderr[-2000:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=4, help="workers, each on one core")
    parser.add_argument("--program", default="trainer-host", help="the program, at a place that all nodes see")
    parser.add_argument("data")
    arguments, flags = parser.parse_known_args()
    if not any(flag.startswith("--storage") for flag in flags):
        sys.exit("--storage is missing: the address of a PostgreSQL database that all nodes reach")
    # Ray's nodes do not have this shell's variables.
    environment = {name: value for name, value in os.environ.items() if name.startswith("PG")}
    command = [arguments.program, "tune", arguments.data, *flags, "--workers", "1"]
    ray.init()
    waiting = [work.remote(number, command, environment) for number in range(arguments.workers)]
    failed = 0
    while waiting:
        (ended, *_), waiting = ray.wait(waiting)
        number, status, said = ray.get(ended)
        print(f"worker {number} ended with status {status}", flush=True)
        if status != 0:
            failed += 1
            print(said, file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
