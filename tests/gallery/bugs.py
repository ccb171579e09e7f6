"""All planted bugs, in the order of the table."""

from tests.gallery.formulas import FORMULAS
from tests.gallery.later import LATER_BUGS
from tests.gallery.outputs import OUTPUTS
from tests.gallery.parameters import PARAMETERS
from tests.gallery.weights import WEIGHTS

BUGS = [*FORMULAS, *WEIGHTS, *PARAMETERS, *OUTPUTS, *LATER_BUGS]
