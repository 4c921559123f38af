"""Pictures that chapters draw, a file each; `bnlab.figures` has their style and colours."""
