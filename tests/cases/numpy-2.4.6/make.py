"""Makes the two archives beside it, with NumPy 2.4.6: weights of a dense layer of 3 to 4 and one of 4 to 2."""

import numpy as np

weights = {
    "0.kernel": np.arange(12, dtype="<f4").reshape(3, 4) / 8,
    "0.bias": np.array([0.5, -0.5, 0.25, -0.25], dtype=">f4"),
    # The first index runs fastest.
    "1.kernel": np.asfortranarray(np.arange(8, dtype="<f8").reshape(4, 2) / 8),
    "1.bias": np.array([1.0, -1.0], dtype="<f8"),
}
np.savez("stored.npz", **weights)
np.savez_compressed("deflated.npz", **weights)
