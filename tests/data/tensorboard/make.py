#!/usr/bin/env python3
"""Makes events.expected with TensorBoard's own writer, and reads a file with TensorBoard's own reader.

    make.py OUT             the expected file, by TensorBoard's protocol buffers and record writer
    make.py --read FOLDER   what TensorBoard sees in the folder's event files, a line a value
"""

import io
import sys

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary


def expected():
    from tensorboard.summary.writer.record_writer import RecordWriter

    long_tag = "train/" + "x" * 200  # its length, and that of what holds it, take two bytes
    events = [
        Event(wall_time=1700000000.25, file_version="brain.Event:2"),
        Event(wall_time=1700000000.25, step=300, session_log=SessionLog(status=SessionLog.START)),
        Event(wall_time=1700000001.5, step=300, summary=Summary(value=[
            Summary.Value(tag="train/loss", simple_value=4.125), Summary.Value(tag="train/lr", simple_value=1e-3)])),
        Event(wall_time=1700000002.5, step=1 << 40, summary=Summary(value=[
            Summary.Value(tag=long_tag, simple_value=float("nan")), Summary.Value(tag="λ", simple_value=-1e30)])),
        Event(wall_time=1700000003.5, step=301, summary=Summary(value=[])),
    ]
    out = io.BytesIO()
    writer = RecordWriter(out)
    for event in events:
        writer.write(event.SerializeToString())
    return out.getvalue()


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    seen = EventAccumulator(folder, size_guidance={"scalars": 0})
    seen.Reload()
    for tag in sorted(seen.Tags()["scalars"]):
        for value in seen.Scalars(tag):
            print(tag, value.step, f"{value.value:.9g}")


if sys.argv[1] == "--read":
    read(sys.argv[2])
else:
    with open(sys.argv[1], "wb") as file:
        file.write(expected())
