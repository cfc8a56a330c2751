"""Average precision of objects by pycocotools, and of attributes by the same: `python detection.py` writes `detection.json`.

Attributes are put to pycocotools as categories: each object that is there is an annotation of each of its attributes, and a
detection of every attribute with its probability. Boxes of objects do not overlap in these cases, so that a detection can only
find its own object.

Needs: pycocotools==2.0.11 numpy
"""

import contextlib
import io
import json
import pathlib
import random

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def single(number):
    return float(np.float32(number))


def edges(box):
    left, top, right, bottom = map(single, box)
    return [left, top, right - left, bottom - top]


def evaluate(annotations, detections, categories, images):
    """map and map-50; none where nothing is there."""
    if not annotations:
        return None, None
    truth = COCO()
    truth.dataset = {
        "images": [{"id": image + 1} for image in range(images)],
        "categories": [{"id": index + 1, "name": name} for index, name in enumerate(categories)],
        "annotations": [
            {"id": index + 1, "iscrowd": 0, "area": box[2] * box[3], "bbox": box, "image_id": image + 1,
             "category_id": categories.index(name) + 1}
            for index, (image, name, box) in enumerate(annotations)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        rows = [{"image_id": image + 1, "category_id": categories.index(name) + 1, "bbox": box, "score": score}
                for image, name, box, score in detections]
        if not rows:
            return 0.0, 0.0
        found = truth.loadRes(rows)
        run = COCOeval(truth, found, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return float(run.stats[0]), float(run.stats[1])


def case(name, images, attributes):
    there = [(index, own, edges(box)) for index, image in enumerate(images) for own, box, _ in image["there"]]
    found = [(index, own, edges(box), single(score))
             for index, image in enumerate(images) for own, box, score in image["found"]]
    categories = sorted({own for _, own, *_ in there + found})
    map_all, map_50 = evaluate(there, found, categories, len(images))
    named, described = [], []
    for index, image in enumerate(images):
        for (_, box, own), scores in zip(image["there"], image["described"]):
            named += [(index, attribute, edges(box)) for attribute in own]
            described += [(index, attribute, edges(box), single(score)) for attribute, score in zip(attributes, scores)]
    _, attribute_map = evaluate(named, described, attributes, len(images)) if described else (None, None)
    return {"name": name, "attributes": attributes, "images": images, "map": map_all, "map_50": map_50,
            "attribute_map": attribute_map}


def drawn(seed, count, most, classes, attributes, shift, ties=False):
    """Images of objects in the cells of a grid, found with boxes that are a little off, and some where nothing is."""
    random.seed(seed)
    images = []
    for _ in range(count):
        cells = random.sample([(x, y) for x in range(4) for y in range(4)], random.randint(0, most))
        there, found, described = [], [], []
        for x, y in cells:
            left, top = 0.25 * x + random.uniform(0.01, 0.05), 0.25 * y + random.uniform(0.01, 0.05)
            box = [left, top, left + random.uniform(0.05, 0.18), top + random.uniform(0.05, 0.18)]
            own = random.choice(classes)
            have = random.sample(attributes, random.randint(0, min(3, len(attributes))))
            there.append([own, [round(edge, 4) for edge in box], have])
            described.append([round(random.betavariate(2, 1) if attribute in have else random.betavariate(1, 2), 4)
                              for attribute in attributes])
            for _ in range(random.choice([0, 1, 1, 1, 2])):
                off = [round(edge + random.gauss(0, shift), 4) for edge in box]
                if off[0] < off[2] and off[1] < off[3]:
                    score = random.choice([0.25, 0.5, 0.75]) if ties else round(random.random(), 4)
                    found.append([own if random.random() < 0.85 else random.choice(classes), off, score])
        for _ in range(random.randint(0, 2)):
            left, top = random.uniform(0, 0.8), random.uniform(0, 0.8)
            found.append([random.choice(classes), [round(left, 4), round(top, 4), round(left + 0.1, 4), round(top + 0.1, 4)],
                          round(random.random(), 4)])
        images.append({"there": there, "found": found, "described": described if attributes else []})
    return images


def crowded():
    """More than a hundred objects of a class are found in one image, the right ones among the least sure."""
    wrong = [["a", [0.5, 0.5, 0.6, 0.6], round(0.9 - index / 1000, 4)] for index in range(99)]
    right = [["a", [0.1 * index, 0.0, 0.1 * index + 0.08, 0.2], 0.3 - index / 100] for index in range(4)]
    there = [["a", box, []] for _, box, _ in right]
    return [{"there": there, "found": wrong + right, "described": []}]


def overlapping():
    """Two objects are found by boxes that overlap both, and one of them twice."""
    there = [["a", [0.0, 0.0, 0.4, 0.4], []], ["a", [0.1, 0.0, 0.5, 0.4], []]]
    found = [["a", [0.05, 0.0, 0.45, 0.4], 0.9], ["a", [0.0, 0.0, 0.4, 0.4], 0.8], ["a", [0.1, 0.0, 0.5, 0.4], 0.7]]
    return [{"there": there, "found": found, "described": []}]


def main():
    names = ["red", "small", "striped", "old"]
    nothing = [{"there": [], "found": [["a", [0.1, 0.1, 0.2, 0.2], 0.5]], "described": []}]
    one = [{"there": [["a", [0.1, 0.1, 0.2, 0.2], ["red"]]], "found": [], "described": [[0.5, 0.1, 0.1, 0.1]]}]
    cases = [
        case("drawn", drawn(1, 30, 8, ["a", "b", "c"], names, 0.008), names),
        case("far off", drawn(2, 30, 8, ["a", "b"], names, 0.02), names),
        case("equally sure", drawn(3, 40, 6, ["a", "b"], [], 0.01, ties=True), []),
        case("many classes", drawn(4, 25, 8, [f"class {index}" for index in range(12)], names, 0.006), names),
        case("more than a hundred", crowded(), []),
        case("overlapping", overlapping(), []),
        case("nothing there", nothing, []),
        case("nothing found", one, names),
    ]
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")


main()
