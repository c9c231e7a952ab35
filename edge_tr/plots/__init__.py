"""Pictures of data as inline SVG: for the report, for `tune`, and for the documents.

A picture is as wide as what it stands in: horizontal places and lengths are per cent, heights and letters are pixels,
so that text keeps its size on a phone. Colours are CSS variables (`style.STYLE`), which a page sets for light, dark and
print. The same data give the same bytes. Every shape that shows a figure has `data-` attributes that say whose it is,
so that tests compare what a browser draws with the data.
"""

from edge_tr.plots.bars import Bar, Part, bars, columns, inline_bar, meter, small_columns
from edge_tr.plots.chart import Point, Series, chart
from edge_tr.plots.flow import Node, flow
from edge_tr.plots.heat import heat, shade
from edge_tr.plots.intervals import Estimate, intervals
from edge_tr.plots.lanes import Lane, Span, lanes
from edge_tr.plots.regions import Block, regions
from edge_tr.plots.scale import short
from edge_tr.plots.style import STYLE, standalone

__all__ = [
    "STYLE", "Bar", "Block", "Estimate", "Lane", "Node", "Part", "Point", "Series", "Span", "bars", "chart", "columns",
    "flow", "heat", "inline_bar", "intervals", "lanes", "meter", "regions", "shade", "short", "small_columns",
    "standalone",
]  # fmt: skip
