"""Every family of `applications` written as torch code: `python compat_tests/make_source.py`.

Writes the table `source/applications.txt`: the model, the lines of its file, and how far the
written module is from the model on one random image, relative to the scale of the outputs. All
weights are drawn, statistics too. Takes about three minutes.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from compat_tests.checks.source import TOLERANCE, difference, written
from torchkeras import applications

TABLE = Path(__file__).parent / "source" / "applications.txt"
SIZES = {  # the smallest of each family, and an image that it takes
    "ConvNeXtTiny": 64, "DenseNet121": 64, "EfficientNetB0": 64, "EfficientNetV2B0": 64,
    "InceptionResNetV2": 75, "InceptionV3": 75, "MobileNet": 64, "MobileNetV2": 64,
    "MobileNetV3Small": 64, "NASNetMobile": 64, "RegNetX002": 64, "RegNetY002": 64,
    "ResNet50": 64, "ResNet50V2": 64, "ResNetRS50": 64, "VGG16": 64, "VGG19": 64, "Xception": 71,
}  # fmt: skip


def row(name: str, folder: Path) -> tuple[str, int, float]:
    """Name, lines of the written file, largest relative difference."""
    size = SIZES[name]
    torch.manual_seed(0)
    model = getattr(applications, name)(
        weights=None, input_shape=(size, size, 3), classifier_activation=None
    )
    images = 255 * torch.rand(1, size, size, 3)
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if key.endswith("running_mean"):
                tensor.normal_(0, 0.1)
            elif key.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
        net = written(model, folder)
        expected = model(images)
        assert expected.isfinite().all() and expected.std() > 0
        far = difference(expected, net(images))
    (path,) = folder.glob("*.py")
    return name, len(path.read_text(encoding="utf-8").splitlines()), far


def main() -> None:
    lines = ["model               lines  difference"]
    for name in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            _, count, far = row(name, Path(folder))
        lines.append(f"{name:<18}{count:>7}  {far:.1e}")
        print(lines[-1], flush=True)
        assert far < TOLERANCE, name
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
