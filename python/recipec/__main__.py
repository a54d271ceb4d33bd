"""`python -m recipec …` is `recipec …`."""

import os
import subprocess
import sys

from . import ProgramError, find_program


def main() -> int:
    try:
        program = find_program()
    except ProgramError as why:
        print(f"error: {why}", file=sys.stderr)
        return 3
    if os.name == "posix":
        # The program takes the place of the interpreter, so that signals reach it.
        os.execv(program, [program, *sys.argv[1:]])
    return subprocess.call([program, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
