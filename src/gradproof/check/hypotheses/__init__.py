"""The mistakes that a gradient is tested for, tried in the order of this list."""

from gradproof.check.hypotheses import precision as precision  # isort: skip
from gradproof.check.hypotheses import values as values  # isort: skip
from gradproof.check.hypotheses import places as places  # isort: skip
from gradproof.check.hypotheses import behaviour as behaviour  # isort: skip
