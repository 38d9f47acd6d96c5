"""Models as pictures: through pydot and Graphviz, or as SVG made here."""

from .dot import model_to_dot
from .plot import model_to_svg, plot_model

__all__ = ["model_to_dot", "model_to_svg", "plot_model"]
