"""``python -m gradproof`` is the same as ``gradproof``."""

from gradproof.cli import main

main(prog_name="gradproof")
