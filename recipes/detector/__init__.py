"""How `assets/detector.tflite` is made: photos listed, tiles composed, a network trained."""
