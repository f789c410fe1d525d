"""How sound and mouth lie to each other, as SVG and HTML: the curves, and the peak of each speaker."""

from html import escape

import numpy as np

from s2f.pipeline.audit.auditing import Audit
from s2f.pipeline.audit.checks.sets import ALL
from s2f.pipeline.audit.findings import number
from s2f.pipeline.audit.measures.lag import REACH, Lag
from s2f.pipeline.audit.names import natural
from s2f.pipeline.core.windows import lag_in_words

Lags = dict[str, Lag]
# By name: all, wrong, or one of those that are as they should be.
Looks = dict[str, str]


def lag_chart(found: Audit) -> str:
    """The curves of all speakers, and beside them a row for each with its peak; of at least one lag."""
    wrong = {name for each in found.findings if each.check == "sync.lag" for name in each.flagged}
    names = sorted(found.lags, key=lambda name: (name != ALL, name not in wrong, natural(name)))
    looks = {name: "wrong" if name in wrong else "all" if name == ALL else "one" for name in names}
    rows = "".join(_row(name, looks[name], found.lags[name], found.clips.frame_ms) for name in names)
    return (
        f'<div class="sync"><figure>{_curves(found.lags, looks)}</figure>'
        '<figure class="scroll" tabindex="0"><table class="peaks"><thead><tr><th></th><th>clips</th>'
        "<th>peak; bar: a frame to either side</th><th>draws that agree</th><th></th></tr></thead>"
        f"<tbody>{rows}</tbody></table></figure></div>"
    )


def _across(lag: float) -> str:
    """The place of a lag on the axis."""
    return f"{min(100.0, max(0.0, 100 * (lag + REACH) / (2 * REACH))):.1f}%"


def _curves(lags: Lags, looks: Looks) -> str:
    values = np.array([lag.curve for lag in lags.values()])
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    room = 0.08 * ((high - low) or 1.0)

    def down(value: float) -> float:
        return round(100 * (high + room - value) / (high - low + 2 * room), 2)

    # The one of all speakers is drawn last, to lie on top.
    lines = "".join(
        _curve(name, looks[name], [down(value) for value in lags[name].curve]) for name in reversed(looks)
    )
    dots = "".join(
        f'<i class="{look}" style="left:{_across(lags[name].peak)};top:{down(max(lags[name].curve))}%"></i>'
        for name, look in looks.items()
        if look != "one"
    )
    ticks = "".join(
        f'<i style="left:{_across(lag)}">{_signed(lag)}</i>' for lag in range(-REACH, REACH + 1, 5)
    )
    return (
        f'<p class="unit">mean correlation of mouth and loudness, {number(low)} to {number(high)}</p>'
        '<div class="curves"><svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img"'
        ' aria-label="Lag curves"><line x1="50" x2="50" y1="0" y2="100"/>'
        f'<line x1="0" x2="100" y1="{down(0)}" y2="{down(0)}"/>{lines}</svg>{dots}</div>'
        f'<div class="labels">{ticks}</div><p class="unit">frames that the sound comes after the mouth</p>'
    )


def _curve(name: str, look: str, heights: list[float]) -> str:
    width = 100 / (len(heights) - 1)
    points = " ".join(f"{place * width:.2f},{height}" for place, height in enumerate(heights))
    return f'<polyline class="{look}" points="{points}"><title>{escape(name)}</title></polyline>'


def _row(name: str, look: str, lag: Lag, frame: float) -> str:
    """`frame` is a frame's length in ms."""
    told = lag_in_words(lag.peak, lag.peak * frame)
    head = escape(name) if name == ALL else f'<button data-speaker="{escape(name)}">{escape(name)}</button>'
    bar = f'<b style="left:{_across(lag.peak - 1)};right:calc(100% - {_across(lag.peak + 1)})"></b>'
    title = f"{_signed(lag.peak)} frames"
    return (
        f'<tr class="{look}"><th scope="row">{head}</th><td>{lag.clips:,}</td><td><div class="range"'
        f' title="{title}">{bar}<i style="left:{_across(lag.peak)}"></i></div></td>'
        f"<td>{100 * lag.sure:.0f} %</td><td>{told}</td></tr>"
    )


def _signed(lag: int) -> str:
    return f"{lag:+d}" if lag else "0"
