"""What stands written in a figure, and whether it can be read."""

from matplotlib.figure import Figure
from matplotlib.text import Text


def shown_texts(figure: Figure) -> list[Text]:
    """Every text of a figure but the tick labels outside the limits, which are not drawn."""
    texts = list(figure.texts)
    for axes in figure.axes:
        if not axes.axison:
            continue
        texts += [axes.xaxis.label, axes.yaxis.label, *axes.texts]
        texts += [child for child in axes.get_children() if isinstance(child, Text)]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [tick.label1 for tick in ticks if tick.label1.get_visible()]
    return list(dict.fromkeys(texts))


def clashes(figure: Figure) -> list[tuple[str, str]]:
    """The pairs of texts that lie over each other."""
    figure.draw_without_rendering()
    boxes = [
        (text.get_text(), text.get_window_extent().padded(-1.5))
        for text in shown_texts(figure)
        if text.get_text().strip()
    ]
    return [
        (one, other)
        for place, (one, box) in enumerate(boxes)
        for other, second in boxes[:place]
        if box.overlaps(second)
    ]
