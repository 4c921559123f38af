"""Makes feedback pages safe to open: what a learner wrote becomes text, pictures and plain markup.

nbconvert's own filter does this too, but knows neither paragraphs nor tables, which
verdicts and tasks consist of.
"""

from __future__ import annotations

import bleach
from bleach.css_sanitizer import CSSSanitizer

_TAGS = (
    "a abbr b blockquote br caption code dd del details div dl dt em figcaption figure h1 h2 h3 "
    "h4 h5 h6 hr i kbd li mark ol p pre q s small span strong sub summary sup table tbody td "
    "tfoot th thead tr u ul"
)
_ATTRIBUTES = "class style title role scope colspan rowspan"
_STYLES = (
    "background-color border-left color font-style font-weight margin padding "
    "text-align text-decoration vertical-align white-space"
)


def clean(html: str | bytes) -> str:
    """`html` with everything that could run, load or hide something shown as text.

    >>> clean("<p onclick='x'>a</p><script>b</script>")
    '<p>a</p>&lt;script&gt;b&lt;/script&gt;'
    """
    return bleach.clean(
        html.decode() if isinstance(html, bytes) else html,
        tags=_TAGS.split(),
        attributes={"*": _ATTRIBUTES.split(), "a": ["href"]},
        protocols=("http", "https", "mailto"),
        css_sanitizer=CSSSanitizer(allowed_css_properties=_STYLES.split()),
    )
