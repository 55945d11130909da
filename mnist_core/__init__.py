"""The MNIST lab without a screen: design, train and probe small networks for MNIST."""
