"""What the chapters and exercises share: data, figures, small networks."""
