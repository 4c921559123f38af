"""How a report looks: plain text, HTML for notebooks, and the picture of one warp's request."""
