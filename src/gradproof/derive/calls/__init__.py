"""What the names of NumPy, torch and the array API mean, one file a family."""

from gradproof.derive.calls import activations as activations
from gradproof.derive.calls import arithmetic as arithmetic
from gradproof.derive.calls import composite as composite
from gradproof.derive.calls import convolution as convolution
from gradproof.derive.calls import creation as creation
from gradproof.derive.calls import joins as joins
from gradproof.derive.calls import linalg as linalg
from gradproof.derive.calls import losses as losses
from gradproof.derive.calls import matrices as matrices
from gradproof.derive.calls import norms as norms
from gradproof.derive.calls import reductions as reductions
from gradproof.derive.calls import refused as refused
from gradproof.derive.calls import selection as selection
from gradproof.derive.calls import shapes as shapes
from gradproof.derive.calls._table import bind as bind
from gradproof.derive.calls._table import find as find
