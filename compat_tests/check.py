"""The shared checks, one for each kind of thing: a test is a table of cases over one of them.

from compat_tests.check import check_layer

@pytest.mark.parametrize("config", [dict(units=3), dict(units=2, use_bias=False)])
def test_dense(config):
    check_layer("Dense", config, (4, 5))
"""

from .checks.activation import check_activation
from .checks.initializer import check_initializer
from .checks.layer import check_layer
from .checks.loss import check_loss
from .checks.metric import check_metric
from .checks.model import check_training
from .checks.ops import check_op
from .checks.optimizer import check_optimizer

__all__ = [
    "check_activation",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_op",
    "check_optimizer",
    "check_training",
]
