"""How many of PyTorch's own sample inputs symdl agrees with.

python -m tests.samples                    # all operators, in the reference interpreter
python -m tests.samples sum nn.functional.glu
python -m tests.samples --target cpu       # by kernels
python -m tests.samples --update           # writes tests/samples/exceptions.json anew
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from .counting import EMPTY, counted, kept, samples, summary, verdict, write
from .spellings import ALL
from .without import REASONS


def main() -> None:
    reads = argparse.ArgumentParser(prog="python -m tests.samples")
    reads.add_argument("names", nargs="*", help="operators by PyTorch's names; all by default")
    reads.add_argument("--target", help="compute by the kernels of a target")
    reads.add_argument("--update", action="store_true", help="write the file of exceptions anew")
    given = reads.parse_args()
    table = {}
    for name in given.names or ALL:
        verdicts = [verdict(name, s, target=given.target) for s in samples(name)]
        table[name] = counted(name, verdicts)
        count = Counter(v.kind for v in verdicts)
        others = ", ".join(f"{n} {kind}" for kind, n in count.items() if kind != "agrees")
        print(f"{name:45} {count['agrees']:3} of {len(verdicts):3} agree{': ' if others else ''}{others}")
        for reason, places in table[name].get("exceptions", {}).items():
            if reason != EMPTY:
                print(f"{'':10} {len(places)} × {reason}")
        sys.stdout.flush()
    print(*summary(table), sep="\n")
    if given.update:
        write(kept() | table if given.names else table)
    if not given.names:
        print("no spelling:")
        for reason, names in REASONS.items():
            print(f"{len(names.split()):5}  {reason}")


if __name__ == "__main__":
    main()
