"""`tf.image`: boxes in images, `(top, left, bottom, right)`."""

from __future__ import annotations

from collections import namedtuple

import torch

from .calls import tensor
from .image import MEMBERS, enter


@enter()
def non_max_suppression(
    boxes, scores, max_output_size, iou_threshold=0.5, score_threshold=float("-inf"), name=None
):
    """The places of boxes that no better one overlaps."""
    left = torch.minimum(boxes[:, :2], boxes[:, 2:])
    right = torch.maximum(boxes[:, :2], boxes[:, 2:])
    area = (right - left).prod(1)
    kept: list[int] = []
    for place in scores.argsort(descending=True, stable=True).tolist():
        if len(kept) >= int(max_output_size) or scores[place] <= score_threshold:
            break
        inner = torch.minimum(right[place], right[kept]) - torch.maximum(left[place], left[kept])
        shared = inner.clamp(min=0).prod(1)
        if not kept or bool((shared / (area[place] + area[kept] - shared) <= iou_threshold).all()):
            kept.append(place)
    return torch.tensor(kept, dtype=torch.int32)


@enter()
def non_max_suppression_with_scores(
    boxes, scores, max_output_size, iou_threshold=0.5, score_threshold=float("-inf"),
    soft_nms_sigma=0.0, name=None,
):  # fmt: skip
    """The places of boxes that no better one overlaps, and their scores."""
    if soft_nms_sigma:
        raise NotImplementedError("Scores are not made softer: soft_nms_sigma must be 0.")
    kept = MEMBERS["non_max_suppression"](
        boxes, scores, max_output_size, iou_threshold, score_threshold
    )
    return kept, scores[kept.long()]


@enter()
def combined_non_max_suppression(
    boxes, scores, max_output_size_per_class, max_total_size, iou_threshold=0.5,
    score_threshold=float("-inf"), pad_per_class=False, clip_boxes=True, name=None,
):  # fmt: skip
    """For each image the best boxes of all classes that no better one of their class overlaps.

    `boxes` are `(batch, n, 1 or classes, 4)`, `scores` `(batch, n, classes)`. Boxes, scores,
    classes, with zeros behind the last, and how many there are.
    """
    limit, per_class = int(max_total_size), int(max_output_size_per_class)
    if pad_per_class:
        limit = min(limit, per_class * scores.shape[2])
    results = [
        _best(*image, per_class, limit, iou_threshold, score_threshold)
        for image in zip(boxes, scores, strict=True)
    ]
    found, values, classes = (
        torch.stack([_padded(result[part], limit) for result in results]) for part in range(3)
    )
    counts = torch.tensor([len(result[1]) for result in results], dtype=torch.int32)
    return Detections(found.clamp(0, 1) if clip_boxes else found, values, classes, counts)


Detections = namedtuple(
    "CombinedNonMaxSuppression", "nmsed_boxes nmsed_scores nmsed_classes valid_detections"
)


def _best(boxes, scores, per_class, limit, iou_threshold, score_threshold):
    """Boxes, scores and classes of one image, best first."""
    parts = []
    for number in range(scores.shape[1]):
        own = boxes[:, number if boxes.shape[1] > 1 else 0]
        kept = MEMBERS["non_max_suppression"](
            own, scores[:, number], per_class, iou_threshold, score_threshold
        ).long()
        values = scores[kept, number]
        parts.append((own[kept], values, torch.full_like(values, number)))
    found = [torch.cat(part) for part in zip(*parts, strict=True)]
    order = found[1].argsort(descending=True, stable=True)[:limit]
    return [part[order] for part in found]


def _padded(rows, length):
    return torch.cat([rows, rows.new_zeros(length - len(rows), *rows.shape[1:])])


@enter()
def draw_bounding_boxes(images, boxes, colors, name=None):
    """Images with the edges of boxes drawn."""
    images = images.clone()
    height, width = images.shape[1:3]
    colors = tensor(colors).to(images)
    for number, rows in enumerate(boxes):
        for count, (top, left, bottom, right) in enumerate(rows.tolist()):
            color = colors[count % len(colors)][: images.shape[-1]]
            y1, y2 = int(top * (height - 1)), int(bottom * (height - 1))
            x1, x2 = int(left * (width - 1)), int(right * (width - 1))
            images[number, [y1, y2], x1 : x2 + 1] = color
            images[number, y1 : y2 + 1, [x1, x2]] = color
    return images
