"""What a whole file of tests needs that takes a GPU."""

import pytest

torch = pytest.importorskip("torch")
MARKS = [
    pytest.mark.torch,
    pytest.mark.long,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here"),
]
