"""A trained model on its way out of Python.

In the order of the way:

- `fold`: batch norm into the layer in front of it;
- `export`: a model as a graph, and as an ONNX file that another runtime runs;
- `quantise`: weights and activations as int8;
- `latency`: the time of one answer, p50 and p99, of several candidates side by side;
  also a program: `python -m bnlab.shipping.latency --help`. `candidates` opens what it is
  pointed at, `quantiles` says how sure a quantile is.
"""
