"""The style of reports and pictures: no fixed paper colour, so that light and dark pages both work.

Colours are Okabe and Ito's, a lighter set on dark pages; no meaning hangs on colour alone.
"""

# Dark pages of Sphinx, JupyterLab, VS Code and Colab, in this order.
_DARK = (
    "html[data-theme=dark]",
    "[data-jp-theme-light=false]",
    ".vscode-dark",
    "html[theme=dark]",
)


def _dark(root: str, rules: str) -> str:
    return ",".join(f"{page} {root}" for page in _DARK) + "{" + rules + "}"


# In the dark, Sphinx puts HTML outputs on a light plate; these need none.
NO_PLATE = (
    "html[data-theme=dark] .bd-content div.cell_output .text_html:has(div.bnlab-report,"
    "figure.bnlab-picture){background:none;color:inherit;padding:0}"
)

REPORT = (
    NO_PLATE
    + """
.bnlab-report{--fault:#d55e00;--race:#b0518a;--note:#0072b2;--least:#0072b2;--extra:#d55e00;
 color:inherit;max-width:60rem;margin:.5em 0;line-height:1.45;overflow-wrap:anywhere}
.bnlab-report p{margin:.25em 0}
.bnlab-report .bl-verdict{font-weight:600;padding:.35em .7em;border-left:.3em solid #009e73;
 background:rgba(0,158,115,.14);border-radius:.2em}
.bnlab-report .bl-verdict.bl-wrong{border-color:var(--fault);background:rgba(213,94,0,.15)}
.bnlab-report .bl-small{font-size:.85em}
.bnlab-report .bl-source{overflow-x:auto;border:1px solid rgba(128,128,128,.5);border-radius:.25em;
 padding:.4em 0;margin:.5em 0;font:.82em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,
 "DejaVu Sans Mono",monospace;overflow-wrap:normal}
.bnlab-report .bl-row{display:flex;flex-wrap:wrap;column-gap:1.5em;padding-right:.7em;
 border-left:.3em solid transparent}
.bnlab-report .bl-number{flex:none;width:2.2em;margin-right:.9em;text-align:right;
user-select:none}
.bnlab-report .bl-code{display:flex;min-width:0}
.bnlab-report .bl-text{white-space:pre-wrap;overflow-wrap:anywhere;tab-size:4;
 padding-left:calc(1ch*(var(--indent) + 2));text-indent:calc(-1ch*(var(--indent) + 2))}
.bnlab-report .bl-idle .bl-code{opacity:.75}
.bnlab-report .bl-counters{margin-left:auto;text-align:right;text-wrap:balance;user-select:none}
.bnlab-report .bl-counter{display:flex;justify-content:flex-end;align-items:center;gap:.6em;
 font-size:.93em}
.bnlab-report .bl-much{font-weight:700}
.bnlab-report .bl-bar{display:inline-flex;width:66px;flex:none;height:.75em}
.bnlab-report .bl-least{background:var(--least)}
.bnlab-report .bl-extra{box-sizing:border-box;border:1px solid var(--extra);
 background:repeating-linear-gradient(135deg,var(--extra) 0 2px,transparent 2px 5px)}
.bnlab-report .bl-fault{border-left-color:var(--fault);background:rgba(213,94,0,.15)}
.bnlab-report .bl-race,.bnlab-report .bl-uninitialised{border-left-color:var(--race);background:rgba(204,121,167,.18)}
.bnlab-report .bl-note,.bnlab-report .bl-same,.bnlab-report .bl-see{border-left-color:var(--note);
 background:rgba(86,180,233,.15)}
.bnlab-report .bl-said{padding:.15em .7em .4em 2.87em;font-family:system-ui,sans-serif;
 font-size:1.08em;border-left:.3em solid transparent;overflow-wrap:anywhere}
.bnlab-report .bl-said b{margin-right:.3em}
.bnlab-report summary{cursor:pointer}
.bnlab-report .bl-source summary{padding-left:2.6em}
.bnlab-report table{border-collapse:collapse;margin:.4em 0;font-size:.9em;width:auto}
.bnlab-report th,.bnlab-report td{padding:.15em .8em .15em 0;text-align:right;border:0;
 background:none;color:inherit}
.bnlab-report tr{background:none!important}
.bnlab-report th:first-child{text-align:left}
.bnlab-report thead th{border-bottom:1px solid rgba(128,128,128,.6);font-weight:600}
.bnlab-report pre{background:none;color:inherit;padding:.3em .7em;margin:.3em 0;font-size:.82em;
 border:1px solid rgba(128,128,128,.5);border-radius:.25em;max-height:16em;overflow:auto}
"""
)
REPORT += _dark(".bnlab-report", "--race:#cc79a7;--note:#56b4e9;--least:#56b4e9;--extra:#e69f00")

PICTURE = (
    NO_PLATE
    + """
.bnlab-picture{--used:#0072b2;--moved:#e69f00;--later:#d55e00;color:inherit;margin:.5em 0}
.bnlab-picture svg{display:block;width:100%;max-width:37.5rem;height:auto;margin:0 auto}
.bnlab-picture text{font:12.5px system-ui,-apple-system,"Segoe UI",sans-serif;fill:currentColor}
.bnlab-picture .bl-used{fill:var(--used)}
.bnlab-picture .bl-later{fill:var(--later)}
.bnlab-picture .bl-moved{fill:var(--moved);fill-opacity:.4}
.bnlab-picture .bl-idle{fill:none;stroke:currentColor;stroke-opacity:.45;stroke-dasharray:2 2}
.bnlab-picture .bl-bank{fill:none;stroke:currentColor;stroke-opacity:.25}
.bnlab-picture .bl-box{fill:none;stroke:currentColor;stroke-width:1.8}
.bnlab-picture .bl-cell{stroke:#fff;stroke-opacity:.75}
.bnlab-picture .bl-thread{stroke:currentColor;stroke-opacity:.6}
.bnlab-picture figcaption{max-width:37.5rem;margin:.4em auto 0;text-align:left;font-size:.95em;
 color:inherit;font-weight:400}
@media (max-width:30em){.bnlab-picture text{font-size:14px}}
"""
    + _dark(".bnlab-picture", "--used:#56b4e9;--later:#e69f00")
)
