"""Reads recorded exchanges from standard input and writes what an oracle finds about them."""

import json
import sys
from collections import Counter


class Fault(Exception):
    """What a request or its answer breaks."""


def same(what, ours, theirs):
    """Both must be equal."""
    if ours != theirs:
        raise Fault(f"{what}: acmite has {ours!r}, the oracle {theirs!r}")


def run(judge):
    """Runs the checks that `judge(exchange, facts)` yields, each with its name; one that raises is a fault, whether
    it is a Fault or the oracle's own refusal."""
    given = json.load(sys.stdin)
    checked, faults = Counter(), []

    def attempt(name, exchange, check):
        try:
            result = check()
            checked[name] += 1
            return result
        except Exception as error:
            kind = "" if isinstance(error, Fault) else f"{type(error).__name__}: "
            faults.append(f"{name}: {exchange['method']} {exchange['path']}: {kind}{error}")

    for exchange in given["exchanges"]:
        for name, check in attempt("exchanges", exchange, lambda: list(judge(exchange, given["facts"]))) or ():
            attempt(name, exchange, check)
    json.dump({"checked": checked, "faults": faults}, sys.stdout)
