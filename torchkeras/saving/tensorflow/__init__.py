"""TensorFlow's own formats, read and written without TensorFlow."""
