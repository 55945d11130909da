"""The network as data (spec, text), what it costs and sees (analysis), and as PyTorch (model)."""
