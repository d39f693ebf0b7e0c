"""What an RDD was made of, as Spark prints it: a line an RDD, indented where a shuffle is between."""


def tree_of(rdd):
    """Lines of text. The number of partitions stands where a stage ends."""
    count = f"({rdd.getNumPartitions()})"
    below = _margin(count)
    return [f"{count} {_line(rdd)}", *_parents(rdd, below)]


def _margin(count):
    """A bar under the number, and what follows it."""
    left = (len(count) - 1) // 2
    return " " * left + "|" + " " * (len(count) - left)


def _line(rdd):
    level = str(rdd.getStorageLevel()) if rdd.is_cached else ""
    return f"{rdd!r} [{level}]"


def _parents(rdd, margin):
    before = rdd.__dict__.get("_prev")
    parents = [before] if before is not None else rdd._parents
    lines = []
    for number, parent in enumerate(parents):
        lines += _below(parent, margin, number + 1 == len(parents))
    if rdd._operation == "range":  # made of numbers here, of rows in Spark
        lines.append(f"{margin}ParallelCollectionRDD[{rdd._id}] at parallelize []")
    return lines


def _below(rdd, margin, last):
    if not rdd._gives_frames:
        return [margin + _line(rdd), *_parents(rdd, margin)]
    count = f"({rdd.getNumPartitions()})"
    outer = margin.rstrip()[:-1]  # without its last bar
    inner = outer + ("  " if last else "| ") + _margin(count)
    return [f"{outer}+-{count} {_line(rdd)}", *_parents(rdd, inner)]
