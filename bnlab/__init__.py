"""What the chapters and exercises share: data, networks and training, norms, the CUDA lab, production; `pictures` draws what chapters explain."""
