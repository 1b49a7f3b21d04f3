"""What `make demo` shows: right gradients, somebody else's, and a broken layer.

Always exits 0 once the checks have run, whatever they find in other people's code.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

PARTS = {
    "check examples/seed.py": "The seed: two worked examples, each gradient proved",
    "derive examples/seed.py:linear --to torch": "Its layer's backward, derived",
    "explain examples/seed.py:mul_add_sum": "Its sum, line by line with the numbers",
    "check examples/entmax_audit.py": "A published package: entmax 1.3, as it is",
    "check examples/broken_linear.py": "A linear layer with two mistakes, on purpose",
}


def main() -> int:
    """Each part as a person would type it at the prompt."""
    for command_line, title in PARTS.items():
        print(f"\n── {title}\n   $ gradproof {command_line}\n", flush=True)
        command = [sys.executable, "-m", "gradproof", *command_line.split()]
        code = subprocess.call(command, cwd=ROOT)
        if code not in (0, 1):  # 1: something was found
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
