"""The type of the texts' recipes: a network that predicts the next close from a window of rows."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.candles.columns import CLOSE, PRICES, VOLUMES
from pipeline.recipes.base import Recipe
from pipeline.windows.scaling import ScalerKind
from pipeline.windows.splits import Split

POINT: Final = "point"
# A fit has one of them at most.
CLIPS: Final = ("clip_norm", "clip_value")


# Half a GiB in single precision; Adam keeps two more for each weight.
_MOST_NUMBERS: Final = 2**27
# Of windows, in the longest history that there is.
_MOST_ROWS: Final = 8192


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Recurrent(_Values):
    """A recurrent layer; it hands on its whole sequence where another recurrent layer follows.

    Attributes:
        kind: The cell; `bidirectional-lstm` concatenates the outputs of both directions.
        units: Width of the state (of each direction).
    """

    kind: Literal["lstm", "gru", "simple-rnn", "bidirectional-lstm"]
    units: int = Field(ge=1, le=4096)


class Dense(_Values):
    """A fully connected layer; over a window it sees all of the window's values at once."""

    kind: Literal["dense"]
    units: int = Field(ge=1, le=65536)
    activation: Literal["linear", "relu", "sigmoid", "tanh"] = "linear"


class Dropout(_Values):
    """Drops a fraction of its inputs while fitting."""

    kind: Literal["dropout"]
    rate: float = Field(ge=0, lt=1)


Layer = Annotated[Recurrent | Dense | Dropout, Field(discriminator="kind")]


class Fitting(_Values):
    """How a network is fitted to the mean squared error of the scaled target.

    Attributes:
        optimizer: Keras's optimizer of that name, its other settings as Keras has them.
        learning_rate: Step size.
        batch: Windows in a gradient step.
        epochs: Passes over the fit windows.
        clip_norm: The gradients' global norm is scaled down to this; None leaves them.
        clip_value: Each gradient is cut to ± this; None leaves them.
        shuffle: Whether windows are drawn in a new order each epoch.
        validation: Fraction of the training windows, the newest, held out of the fit.
        patience: Epochs without a better validation loss after which the fit stops and the best epoch's
            weights are kept; None runs all epochs.
    """

    optimizer: Literal["adam", "sgd", "rmsprop", "nadam", "adagrad"] = "adam"
    learning_rate: float = Field(default=0.001, gt=0)
    batch: int = Field(default=64, ge=1)
    epochs: int = Field(default=50, ge=1, le=1_000_000)
    clip_norm: float | None = Field(default=None, gt=0)
    clip_value: float | None = Field(default=None, gt=0)
    shuffle: bool = True
    validation: float = Field(default=0.0, ge=0, lt=1)
    patience: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.clip_norm is not None and self.clip_value is not None:
            raise ValueError("give clip_norm or clip_value, not both")
        if self.patience is not None and self.validation == 0:
            raise ValueError("patience needs a validation fraction above 0")
        return self


class AsWritten(_Values):
    """Where the text's own procedure leaks; it is repeated only on request and labelled so.

    Attributes:
        scaler_rows: `all`: the scaler has seen the test rows.
        order: `newest-first`: the file is read as served, so windows run backwards in time and the test
            is the oldest stretch.
    """

    scaler_rows: Literal["all", "training"] = "all"
    order: Literal["oldest-first", "newest-first"] = "oldest-first"


class PointRecipe(Recipe):
    """A price forecaster that a person could write out by hand.

    Attributes:
        columns: Candle columns the network sees; the close is first, for it is also the target.
        window: Rows it sees.
        target: `price` (the next close) or `log-return` (its log change from the last close).
        scaler: Scaler of inputs and target.
        layers: The network, from input to output; the last is a dense layer of one unit.
        fitting: How it is fitted.
        split: Which windows are for training.
        as_written: The text's leaks; None where it has none or does not tell.
    """

    kind: Literal["point"] = POINT
    columns: tuple[str, ...] = (CLOSE,)
    window: int = Field(ge=1, le=1000)
    target: Literal["price", "log-return"] = "price"
    scaler: ScalerKind = "standard"
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=100)
    fitting: Fitting = Fitting()
    split: Split = Split()
    as_written: AsWritten | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        unknown = [name for name in self.columns if name not in (*PRICES, *VOLUMES)]
        if unknown or self.columns[:1] != (CLOSE,) or len(set(self.columns)) < len(self.columns):
            allowed = ", ".join((*PRICES, *VOLUMES))
            raise ValueError(f"columns must start with close and be of {allowed}, each once")
        last = self.layers[-1]
        if not isinstance(last, Dense) or last.units != 1:
            raise ValueError("the last layer must be dense with 1 unit")
        dense = next(index for index, layer in enumerate(self.layers) if isinstance(layer, Dense))
        if any(isinstance(layer, Recurrent) for layer in self.layers[dense:]):
            raise ValueError("a recurrent layer cannot follow a dense one")
        if self._weights > _MOST_NUMBERS or self._activations > _MOST_NUMBERS:
            raise ValueError(
                "the network needs more memory than a machine has; take fewer or narrower layers"
            )
        return self

    @property
    def _weights(self) -> int:
        """Of the network, counted as if each recurrent layer were an LSTM."""
        count, width, in_sequence = 0, len(self.columns), True
        for layer in self.layers:
            if isinstance(layer, Recurrent):
                count += 4 * layer.units * (width + layer.units + 1)
                width, in_sequence = layer.units, False
            elif isinstance(layer, Dense):
                count += layer.units * (width * (self.window if in_sequence else 1) + 1)
                width, in_sequence = layer.units, False
        return count

    @property
    def _activations(self) -> int:
        """Of one batch, as far as a batch can be filled."""
        widths = sum(layer.units for layer in self.layers if isinstance(layer, Recurrent))
        return min(self.fitting.batch, _MOST_ROWS) * self.window * widths

    @property
    def total_epochs(self) -> int:
        """Those of its fitting."""
        return self.fitting.epochs

    @property
    def tells_a_leak(self) -> bool:
        """Whether `as_written` is told."""
        return self.as_written is not None

    def with_epochs(self, epochs: int) -> Self:
        """As `varied`."""
        return self.varied(fitting={"epochs": epochs})

    def varied(self, **changes: Any) -> Self:
        """This recipe with fields replaced and checked again; `fitting` takes a dict of its own changes."""
        fitting = self.fitting.model_dump() | with_one_clip(changes.pop("fitting", {}))
        return self.model_validate(self.model_dump() | changes | {"fitting": fitting})


def with_one_clip(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of a fitting in which a clip that is set replaces the other; both are kept where both are told.

    Example:
        >>> with_one_clip({"clip_norm": 4.0})
        {'clip_norm': 4.0, 'clip_value': None}
    """
    told = [clip for clip in CLIPS if clip in changes]
    replaces = len(told) == 1 and changes[told[0]] is not None
    return {**(dict.fromkeys(CLIPS) if replaces else {}), **changes}
