"""Ask a trained model about a drawing: prepare it, name it, explain it."""
