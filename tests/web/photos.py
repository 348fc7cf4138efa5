"""The photos and the film that the visitors bring to the page, made of matplotlib's portrait."""

import numpy as np
from PIL import Image

from tests.portrait import PORTRAIT

THREE = [(512, 20, 60), (300, 600, 300), (130, 1100, 500)]  # width, left and top of each portrait
SHIFTS = np.rint(12 * np.sin(np.linspace(0, 2 * np.pi, 30, endpoint=False))).astype(int).tolist()


def write(folder):
    """Writes all of them."""
    portrait = Image.open(PORTRAIT).convert("RGB")
    # A PNG has the same pixels in every browser; in int8, one grey level shifts half a pixel.
    portrait.save(folder / "portrait.png")
    turned = Image.Exif()
    turned[0x112] = 6  # rotate clockwise
    portrait.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", exif=turned)
    (folder / "broken.jpg").write_text("This is no picture.")
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "nobody.png")
    Image.new("RGB", (400, 300), (90, 110, 120)).save(folder / "blank.png")
    small = Image.new("RGB", (900, 700), (90, 110, 120))
    small.paste(portrait.resize((256, 300)), (560, 330))
    small.save(folder / "small.png")
    portrait.resize((4096, 4800)).save(folder / "large.jpg")
    pair = Image.new("RGB", (1024, 600))
    pair.paste(portrait, (0, 0))
    pair.paste(portrait, (512, 0))
    pair.save(folder / "pair.jpg", quality=95)
    three = Image.new("RGB", (1400, 800), (120, 110, 100))
    for width, *place in THREE:
        three.paste(portrait.resize((width, round(width * 600 / 512))), place)
    three.save(folder / "three.png")
    scene = portrait.resize((640, 750)).crop((0, 60, 640, 540))
    scene.save(folder / "scene.png")
    with (folder / "film.mjpeg").open("wb") as film:
        for shift in SHIFTS:
            frame = Image.new("RGB", scene.size, (60, 60, 70))
            frame.paste(scene, (shift, 0))
            frame.save(film, "JPEG", quality=90)
