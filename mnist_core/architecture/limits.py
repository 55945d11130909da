"""How large a design may be. Analysis says which limit is passed before any memory is taken."""

from dataclasses import dataclass

MAX_LAYERS = 100  # layers in one spec, nested ones included
MAX_CHANNELS = 4_096  # channels of a map, features of a vector
MAX_PARAMS = 50_000_000
MAX_UNITS = 2**26  # values in one layer's output for one image (256 MiB as float32)
MAX_APPLICATIONS = 1_000  # layer applications in one forward pass, `repeat` unrolled
MAX_DEPTH = 8  # containers within containers
MAX_INPUT = (4, 512, 512)
MAX_NAME = 80  # characters
MAX_JSON = 256 * 1024  # characters


@dataclass(frozen=True)
class Limits:
    """The allowed range of a number field, ends included. Analysis checks it, the editor shows it."""

    low: float
    high: float
