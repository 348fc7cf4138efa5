"""Valid and malformed requests of clients under load, and checks of the answers."""

import collections
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import requests

from benchmarks.damaged_images import BOX, encoded, fuzzed, portrait
from evae_tf.errors import InputError
from evae_tf.serving.client import CLIENTS, Client, GrpcClient

_ROWS = (1, 1, 1, 2, 4, 8)  # rows of a request
_BAD_BOXES = (
    (np.nan, 158, 347, 335),
    (183, 158, 183, 335),  # zero width
    (347, 158, 183, 335),  # x_min above x_max
    (600, 158, 700, 335),  # outside
    (-1e9, -1e9, 1e9, 1e9),
    (-3e38, -3e38, 3e38, 3e38),
    (-np.inf, 158, 347, 335),
)


class Load:
    """The requests of the clients, and their results.

    Args:
      addresses: dict of protocol to HOST:PORT.
      size: S of the model.
      malformed: share of malformed requests.

    Attributes:
      latencies: seconds and rows of each valid request of the minute.
      counts: number of requests by result.
      wrong: messages about wrong answers.
    """

    def __init__(self, addresses: dict[str, str], size: int, malformed: float) -> None:
        self._addresses, self._size, self._malformed = addresses, size, malformed
        self.latencies: list[tuple[float, int]] = []
        self.counts: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []
        image = portrait()
        self._photos = [encoded(image, "JPEG"), encoded(image, "JPEG", progressive=True)]
        self._photos += [encoded(image, "PNG"), encoded(image.convert("L"), "JPEG")]
        client = GrpcClient(addresses["grpc"], timeout=60)
        self._expected = client.align(self._photos, [BOX] * len(self._photos))["landmarks"]

    def ask(self, protocol: str, seed: int, end: float) -> None:
        """Sends requests, one after another, until `end`."""
        rng, damaged = np.random.default_rng(seed), fuzzed(seed)
        client = CLIENTS[protocol](self._addresses[protocol], timeout=60)
        while time.monotonic() < end:
            try:
                if rng.random() >= self._malformed:
                    self._ask_rightly(client, rng)
                elif rng.random() < 0.5:
                    self._ask_with_a_bad_row(client, rng, next(damaged))
                else:
                    self._ask_wrongly(client, rng)
            except Exception as error:  # any error is reported
                self.wrong.append(f"{protocol}: {type(error).__name__}: {str(error)[:300]}")

    def _ask_rightly(self, client: Client, rng: np.random.Generator) -> None:
        chosen = rng.integers(len(self._photos), size=_ROWS[rng.integers(len(_ROWS))])
        started = time.perf_counter()
        found = client.align([self._photos[i] for i in chosen], [BOX] * len(chosen))
        self.latencies.append((time.perf_counter() - started, len(chosen)))
        assert found["valid"].all(), "a photo is not valid"
        np.testing.assert_allclose(found["landmarks"], self._expected[chosen], atol=0.05)
        self.counts["right"] += 1

    def _ask_with_a_bad_row(self, client: Client, rng: np.random.Generator, data: bytes) -> None:
        """Sends a valid row between a damaged or empty file and an invalid box."""
        photo = self._photos[0]
        file = (data, photo[: len(photo) // 2], b"")[rng.integers(3)]
        bad = _BAD_BOXES[rng.integers(len(_BAD_BOXES))]
        found = client.align([file, photo, photo], [BOX, BOX, bad])
        assert found["valid"][1], "the good row is not valid"
        np.testing.assert_allclose(found["landmarks"][1], self._expected[0], atol=0.05)
        assert not found["valid"][2], f"a box is valid: {bad}"
        assert found["valid"][0] or np.isnan(found["landmarks"][0]).all(), "not valid, not NaN"
        assert not found["valid"][0] or file == data, "half a photo is valid"
        self.counts["bad rows"] += 1

    def _ask_wrongly(self, client: Client, rng: np.random.Generator) -> None:
        """Sends a request that must be refused, or one without rows, which is answered."""
        if isinstance(client, GrpcClient):
            wrong = self._wrong_over_grpc(client)
        else:
            wrong = self._wrong_over_rest()
        name, ask = list(wrong.items())[rng.integers(len(wrong))]
        try:
            found = ask()
        except InputError:
            self.counts["refused"] += 1
            return
        assert name == "no rows" and found["landmarks"].shape == (0, *self._expected.shape[1:]), (
            name
        )
        self.counts["no rows"] += 1

    def _wrong_over_grpc(self, client: GrpcClient) -> dict[str, Callable[[], Any]]:
        size, photo, box = self._size, np.array(self._photos[:1], object), np.float32([BOX])
        crops, predict = np.zeros((2, size, size, 3), np.float32), client.predict
        return {
            "no rows": lambda: client.align([], []),
            "width": lambda: predict("serving_default", images=crops[:, :, 1:]),
            "channels": lambda: predict("serving_default", images=crops[..., :1]),
            "rank": lambda: predict("serving_default", images=crops[0]),
            "a number": lambda: predict("predict_uint8", images=np.uint8(7)),
            "bytes for floats": lambda: predict("serving_default", images=np.uint8(crops)),
            "floats for bytes": lambda: predict("predict_uint8", images=crops),
            "words for floats": lambda: predict("serving_default", images=photo),
            "files as numbers": lambda: predict("align_bytes", image_bytes=box[:, 0], boxes=box),
            "boxes of five": lambda: predict(
                "align_bytes", image_bytes=photo, boxes=np.zeros((1, 5), np.float32)
            ),
            "boxes of integers": lambda: predict(
                "align_bytes", image_bytes=photo, boxes=np.int64(box)
            ),
            "fewer boxes": lambda: predict("align_bytes", image_bytes=photo, boxes=box[:0]),
            "more boxes": lambda: client.align(self._photos[:1], [BOX, BOX]),
            "an input short": lambda: predict("align_bytes", image_bytes=photo),
            "another input": lambda: predict("serving_default", pictures=crops),
            "another signature": lambda: predict("predict_float16", images=crops),
        }

    def _wrong_over_rest(self) -> dict[str, Callable[[], Any]]:
        files, boxes = [{"b64": "/9j/"}], [list(BOX)]
        bodies: dict[str, Any] = {
            "no JSON": b"{",
            "no object": [],
            "no inputs": {"signature_name": "align_bytes"},
            "boxes of five": {"image_bytes": files, "boxes": [[*BOX, 1]]},
            "boxes of words": {"image_bytes": files, "boxes": [["a", "b", "c", "d"]]},
            "boxes of all lengths": {"image_bytes": files * 2, "boxes": [*boxes, [1]]},
            "more boxes": {"image_bytes": files, "boxes": boxes * 2},
            "no base64": {"image_bytes": [{"b64": "?"}], "boxes": boxes},
            "words": {"image_bytes": ["words"], "boxes": boxes},
        }
        return {name: lambda body=body: self._post(body) for name, body in bodies.items()}

    def _post(self, body: Any) -> None:
        """Sends an arbitrary body; raises the errors that a client would raise."""
        if isinstance(body, dict) and "boxes" in body:
            body = {"signature_name": "align_bytes", "inputs": body}
        url = f"http://{self._addresses['rest']}/v1/models/evae_landmarks:predict"
        kind = {"data": body} if isinstance(body, bytes) else {"json": body}
        answer = requests.post(url, timeout=60, **kind)
        if answer.status_code == 400 and "error" in answer.json():
            raise InputError(answer.json()["error"])
