"""``make reliability`` runs all of this folder; ``python -m tests.reliability soak --minutes 120`` one part of it."""

from __future__ import annotations

import argparse
import sys


def main() -> int:
    """Runs the part named on the command line; returns the exit status, 0 where everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    faults_parser = parts.add_parser("faults", help="faults on purpose: nothing that was acknowledged may be lost")
    faults_parser.add_argument("--count", type=int, default=10_000)
    faults_parser.add_argument("--seed", type=int, default=0)
    faults_parser.add_argument("--scene", help="this one alone, such as 'slow clients'")
    fuzz_parser = parts.add_parser("fuzz", help="input that nobody thought of: only errors of ours may come out")
    fuzz_parser.add_argument("--count", type=int, default=1_000_000)
    fuzz_parser.add_argument("--first", type=int, default=0, help="number of the first input, to go on")
    fuzz_parser.add_argument("--target", help="this one alone, such as messages")
    soak_parser = parts.add_parser("soak", help="hours of use in a browser: memory must be flat")
    soak_parser.add_argument("--minutes", type=int, default=120)
    arguments = parser.parse_args()
    if arguments.part == "faults":
        from tests.reliability import faults

        return faults.main(arguments.count, arguments.seed, arguments.scene)
    if arguments.part == "fuzz":
        from tests.reliability import fuzz

        return fuzz.main(arguments.count, arguments.first, arguments.target)
    from tests.reliability import soak

    return soak.main(arguments.minutes)


if __name__ == "__main__":
    sys.exit(main())
