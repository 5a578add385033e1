"""Read the commonest Chinese characters off a sharp and a poor scan with an OCR recogniser.

Writes sharp.npy and poor.npy, the logits of each character over the recogniser's 18,710 classes,
labels.npy, the characters that were printed, and scans.png, the first line as it is seen. The
recogniser is PP-OCRv6 (small), an ONNX model that the package rapidocr carries; the font is Noto
Sans SC.
"""

import argparse
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.lib.format import open_memmap
from PIL import Image, ImageDraw, ImageFont

CHARACTERS_OF_A_LINE = 8
HEIGHT, SIZE, MARGIN = 48, 36, 12  # pixels of a line, of a character and before the first one
STEP = 8  # pixels of a line for which the recogniser gives one row of logits
BLANK = 0  # its class for what lies between two characters

# Share of the resolution that is left, and standard deviation of the noise in grey levels of 255.
SCANS = {"sharp": (1.0, 0.0), "poor": (0.3, 40.0)}


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where the files go")
    parser.add_argument("--lines", type=int, help="print so many lines (default: all characters)")
    arguments = parser.parse_args()

    rng = np.random.default_rng(0)
    recogniser, classes = load()
    known = np.array([each for each in commonest() if each in classes])
    text = rng.permutation(known)[: arguments.lines and arguments.lines * CHARACTERS_OF_A_LINE]
    lines = [
        text[start : start + CHARACTERS_OF_A_LINE]
        for start in range(0, len(text), CHARACTERS_OF_A_LINE)
    ]

    arguments.folder.mkdir(exist_ok=True)
    np.save(arguments.folder / "labels.npy", [classes.index(character) for character in text])
    firsts = []
    for name, (resolution, noise) in SCANS.items():
        file = arguments.folder / f"{name}.npy"
        logits = open_memmap(file, "w+", np.float32, (len(text), len(classes)))
        scans = [scan(line, resolution, noise, rng) for line in lines]
        rows = 0
        for line, image in zip(lines, scans, strict=True):
            (steps,) = recogniser.run(None, {"x": as_input(image)})[0]
            logits[rows : rows + len(line)] = over_characters(steps, len(line))
            rows += len(line)
        firsts.append(scans[0])
    Image.fromarray(np.hstack(firsts)).save(arguments.folder / "scans.png")


def carried_by(package: str, pattern: str) -> str:
    """Return the path of a file that an installed package carries."""
    return next(
        str(file.locate()) for file in distribution(package).files or () if file.match(pattern)
    )


def load() -> tuple[onnxruntime.InferenceSession, list[str]]:
    """Return the recogniser less its last step, a softmax, and the characters of its classes."""
    model = onnx.load(carried_by("rapidocr", "*_rec_*.onnx"))
    softmax = model.graph.node.pop()
    model.graph.output[0].name = softmax.input[0]
    (characters,) = (each.value for each in model.metadata_props if each.key == "character")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session, ["", *characters.split("\n"), " "]


def commonest() -> list[str]:
    """Return the 3,755 characters of the first level of GB 2312."""
    level = (bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return [each.decode("gb2312") for each in level if each <= b"\xd7\xf9"]


def scan(line: np.ndarray, resolution: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Return a printed line, shape (HEIGHT, width), in grey levels of a byte."""
    font = ImageFont.truetype(carried_by("pylopdf-fonts-zh-cn", "*Sans*"), SIZE)
    size = width, height = 2 * MARGIN + CHARACTERS_OF_A_LINE * SIZE, HEIGHT
    image = Image.new("L", size, "white")
    ImageDraw.Draw(image).text((MARGIN, height / 2), "".join(line), "black", font, anchor="lm")
    for each in ((round(width * resolution), round(height * resolution)), size):
        image = image.resize(each, Image.Resampling.BILINEAR)
    grey = np.asarray(image) + rng.normal(0, noise, (height, width))
    return np.clip(grey, 0, 255).astype(np.uint8)


def as_input(grey: np.ndarray) -> np.ndarray:
    """Return an image as the recogniser takes it: one of three equal colours, from -1 to 1."""
    colour = grey.astype(np.float32) / 127.5 - 1
    return np.stack([colour, colour, colour])[None]


def over_characters(steps: np.ndarray, num_characters: int) -> np.ndarray:
    """Return one row of logits for each character of a line.

    Of the steps that lie over a character it is the one that is least likely a blank: chosen by
    where the character was printed, not by which one it is.
    """
    edges = np.round((MARGIN + SIZE * np.arange(num_characters + 1)) / STEP).astype(int)
    blank = steps[:, BLANK] - np.logaddexp.reduce(steps, axis=1)
    return np.stack([steps[low + blank[low:high].argmin()] for low, high in pairwise(edges)])


if __name__ == "__main__":
    main()
