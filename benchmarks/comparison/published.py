"""The numbers of the paper."""

# Read off the published curves, to about half a point: median error in % of the distance between
# the eye centres, share of test faces below 10 %. The test faces differ from ours.
PUBLISHED: dict[str, dict[str, tuple[float, float]]] = {
    "mtfl": {
        "cnn": (7.66, 76.0),
        "fcn_cnn": (6.84, 82.0),
        "evae_cnn": (6.63, 87.5),
        "evae": (8.19, 73.6),
        "fcn": (11.21, 28.6),
    },
    "helen29": {
        "cnn": (7.57, 83.3),
        "fcn_cnn": (7.23, 84.4),
        "evae_cnn": (5.78, 95.5),
        "evae": (7.36, 85.9),
    },
    "300w": {
        "cnn": (5.74, 89.3),
        "fcn_cnn": (5.54, 90.5),
        "evae_cnn": (5.10, 94.2),
        "wt": (5.00, 95.0),
        "evae": (7.43, 78.5),
    },
}
