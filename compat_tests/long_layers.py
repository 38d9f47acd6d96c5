"""Many random configurations of layers beside tf.keras:

python -m compat_tests.long_layers --examples 200 [names of layers]
"""

from __future__ import annotations

import argparse
import traceback
import warnings

from compat_tests.checks.draw_texts import TEXTS, check_drawn_texts
from compat_tests.checks.drawn import LAYERS, check_drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    known = [*LAYERS, *(f"{name} of texts" for name in TEXTS)]
    parser.add_argument("names", nargs="*", default=known)
    parser.add_argument("--examples", type=int, default=200, help="configurations for each layer")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    failed = []
    for name in options.names:
        try:
            check = check_drawn_texts if name.endswith(" of texts") else check_drawn
            name = name.removesuffix(" of texts")
            count = check(name, options.examples, derandomize=False)
            print(f"{name}: {count} configurations agree", flush=True)
        except Exception as error:
            failed.append(name)
            print(f"{name}: {error}", flush=True)
            traceback.print_exc(limit=-3)
    print("all agree" if not failed else f"differ: {', '.join(failed)}")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
