"""Memory: where arrays lie (`space`), loads and stores (`access`), and what is watched:
bounds (`faults`), races (`races`) and traffic (`traffic`)."""
