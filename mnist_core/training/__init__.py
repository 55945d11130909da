"""How a model is trained: the recipe, the data, the augmentation and the loop."""
