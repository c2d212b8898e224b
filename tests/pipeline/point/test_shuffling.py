import numpy as np
import pytest

from pipeline.point.shuffling import order_of, shuffled


def test_each_epoch_has_another_order_which_follows_from_the_seed() -> None:
    orders = [order_of(50, seed=3, epoch=epoch).tolist() for epoch in range(4)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert orders == [order_of(50, seed=3, epoch=epoch).tolist() for epoch in range(4)]
    assert orders[0] != order_of(50, seed=4, epoch=0).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 7, 10, 64])
def test_a_fit_sees_every_window_once_an_epoch_in_that_order(batch: int) -> None:
    import keras

    seen: list[int] = []

    class Seeing(keras.Model):
        def call(self, inputs: object) -> object:
            return keras.ops.convert_to_tensor(inputs)

        def train_on(self, inputs: np.ndarray) -> None:
            seen.extend(int(value) for value in inputs[:, 0, 0])

        def train_step(self, data: tuple) -> dict[str, float]:
            self.train_on(data[0].numpy())
            return {"loss": 0.0}

    numbers = np.arange(10, dtype=np.float32)
    model = Seeing()
    model.compile(run_eagerly=True)
    model.fit(
        shuffled(numbers.reshape(10, 1, 1), numbers.reshape(10, 1), batch=batch, seed=5),
        epochs=3,
        shuffle=False,
        verbose=0,
    )
    expected = [place for epoch in range(3) for place in order_of(10, seed=5, epoch=epoch).tolist()]
    assert seen == expected
