"""The models of the five texts, with what each text leaves open named as our choice."""

from typing import Final

from pipeline.recipes.point import AsWritten, Dense, Dropout, Fitting, Layer, PointRecipe, Recurrent
from pipeline.windows.splits import Split

_OUTPUT: Final = Dense(kind="dense", units=1)
_GUIDE_CHOICES: Final = (
    "The guide gives neither dataset nor split: daily closes, min-max scaled, the last 20 % are the test.",
    "Its learning rate is not given: 0.001.",
    "Windows are shuffled each epoch.",
)


def _guide(
    name: str, title: str, layers: tuple[Layer, ...], *, choices: tuple[str, ...] = _GUIDE_CHOICES
) -> PointRecipe:
    """A recipe that differs from guide-lstm by its layers only."""
    return PointRecipe(
        name=name,
        title=title,
        source="the guide: window 60 predicts the 61st day",
        choices=choices,
        window=60,
        scaler="min-max",
        layers=layers,
        fitting=Fitting(optimizer="rmsprop", learning_rate=0.001, batch=64, epochs=50),
        split=Split(train=0.8),
    )


def _stack(kind: str, first: int, second: int) -> tuple[Layer, ...]:
    drop = Dropout(kind="dropout", rate=0.2)
    layers = [Recurrent.model_validate({"kind": kind, "units": units}) for units in (first, second)]
    return (layers[0], drop, layers[1], drop, _OUTPUT)


ARTICLE_LSTM: Final = PointRecipe(
    name="article-lstm",
    title="one LSTM of 256 units, its gates written out by hand",
    source="the article: Coinbase closes 2014-12 to 2018-05, 1,018 windows to train and 248 to test",
    choices=(
        "'Gradient clip 4' is taken as the gradients' global norm.",
        "Windows are drawn in order, not shuffled.",
        "The 1,018 training windows are 80 % of the rows, applied to the windows.",
        "Fitted with Keras's LSTM, which a test holds equal to the gates written out (reference_cell).",
    ),
    window=7,
    layers=(Recurrent(kind="lstm", units=256), _OUTPUT),
    fitting=Fitting(learning_rate=0.001, batch=7, epochs=200, clip_norm=4.0, shuffle=False),
    split=Split(train=0.8, of="rows"),
    as_written=AsWritten(scaler_rows="all", order="newest-first"),
)

LECTURE_LSTM: Final = PointRecipe(
    name="lecture-lstm",
    title="three stacked LSTMs of 256, 512 and 512 units",
    source="the lecture: Yahoo BTC-USD 2016-12-14 to 2020-12-14; printed there: loss 0.0111, MAPE 44.28 %",
    choices=(
        "The optimizer is not named: Adam.",
        "67 % of the windows for training is inferred from the printed loss and MAPE (481 test windows).",
        "Windows are shuffled each epoch.",
    ),
    window=7,
    layers=(*(Recurrent(kind="lstm", units=units) for units in (256, 512, 512)), _OUTPUT),
    fitting=Fitting(learning_rate=0.00005, batch=64, epochs=500, clip_value=4.0),
    split=Split(train=0.67),
    as_written=AsWritten(scaler_rows="all"),
)

ASSIGNMENT_LSTM: Final = PointRecipe(
    name="assignment-lstm",
    title="an LSTM of 200 units over sequences of 100 days, with a sigmoid output",
    source="the assignment: BTC-USD, 99 days predict the 100th, min-max, 85 % for training",
    choices=(
        "Optimizer and loss are not shown: Adam with 0.001, mean squared error.",
        "The dense layer of 100 is linear.",
        "As written, the scaler is taken to see all rows: a sigmoid cannot leave 0 … 1.",
    ),
    window=99,
    scaler="min-max",
    layers=(
        Recurrent(kind="lstm", units=200),
        Dropout(kind="dropout", rate=0.2),
        Dense(kind="dense", units=100),
        Dense(kind="dense", units=1, activation="sigmoid"),
    ),
    fitting=Fitting(batch=32, epochs=15, shuffle=False, validation=0.1),
    split=Split(train=0.85),
    as_written=AsWritten(scaler_rows="all"),
)

GUIDE_LSTM: Final = _guide(
    "guide-lstm", "two stacked LSTMs of 50 and 100 units with dropout", _stack("lstm", 50, 100)
)

POINT_RECIPES: Final[tuple[PointRecipe, ...]] = (
    ARTICLE_LSTM,
    LECTURE_LSTM,
    ASSIGNMENT_LSTM,
    GUIDE_LSTM,
    _guide(
        "guide-rnn",
        "the SimpleRNN that the guide's LSTM is said to beat",
        _stack("simple-rnn", 100, 200),
        choices=(
            *_GUIDE_CHOICES,
            "Its layers are not given: two of 100 and 200 units, 70,601 parameters to guide-lstm's 70,901, each "
            "with guide-lstm's dropout.",
        ),
    ),
    _guide(
        "guide-mlp",
        "the perceptron that the guide's LSTM is said to beat",
        (
            Dense(kind="dense", units=256, activation="relu"),
            Dropout(kind="dropout", rate=0.2),
            Dense(kind="dense", units=214, activation="relu"),
            Dropout(kind="dropout", rate=0.2),
            _OUTPUT,
        ),
        choices=(
            *_GUIDE_CHOICES,
            "Its layers are not given: two of 256 and 214 units, 70,829 parameters to guide-lstm's 70,901.",
            "Its activation is relu, and guide-lstm's dropout of 0.2 follows each layer.",
        ),
    ),
    _guide(
        "gru",
        "guide-lstm with GRU cells",
        _stack("gru", 50, 100),
        choices=(
            *_GUIDE_CHOICES,
            "The texts describe the cell without its layers: guide-lstm's units and dropout, 53,651 parameters to "
            "its 70,901.",
        ),
    ),
    _guide(
        "bidirectional-lstm",
        "guide-lstm read in both directions, their outputs concatenated",
        _stack("bidirectional-lstm", 50, 100),
        choices=(
            *_GUIDE_CHOICES,
            "The texts describe the cell without its layers: guide-lstm's units in each direction and its dropout, "
            "181,801 parameters to its 70,901.",
        ),
    ),
)
