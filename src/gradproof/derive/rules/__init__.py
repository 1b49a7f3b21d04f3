"""Rules: the gradient of every operation, one file a family."""

from gradproof.derive.rules import activations as activations
from gradproof.derive.rules import choices as choices
from gradproof.derive.rules import circular as circular
from gradproof.derive.rules import convolution as convolution
from gradproof.derive.rules import creation as creation
from gradproof.derive.rules import decompositions as decompositions
from gradproof.derive.rules import elementwise as elementwise
from gradproof.derive.rules import joins as joins
from gradproof.derive.rules import linalg as linalg
from gradproof.derive.rules import losses as losses
from gradproof.derive.rules import normalisers as normalisers
from gradproof.derive.rules import pooling as pooling
from gradproof.derive.rules import reductions as reductions
from gradproof.derive.rules import scans as scans
from gradproof.derive.rules import selection as selection
from gradproof.derive.rules import shape as shape
from gradproof.derive.rules import special as special
