"""The scripts that made `assets/detector.tflite`: list photos, compose tiles, train a network."""
