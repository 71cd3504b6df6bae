"""`python -m benchmarks [cost|comparison]`: prints tables; asserts nothing, because a clock is no test.

Each row takes its commands in turn, several times over, so that a busy machine slows them all; the ratio is that of
the medians.
"""

from __future__ import annotations

import argparse

from benchmarks import comparison, cost


def main() -> None:
    """Run what was asked for and print its tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "what",
        nargs="?",
        choices=["cost", "comparison"],
        default="cost",
        help="cost: what an audit takes; comparison: what other tools take and find on benchmarks/planted",
    )
    parser.add_argument(
        "--each", action="store_true", help="comparison: also list each mistake, each alarm and who found it"
    )
    arguments = parser.parse_args()
    if arguments.what == "cost":
        cost.report()
    else:
        comparison.report(each=arguments.each)


if __name__ == "__main__":
    main()
