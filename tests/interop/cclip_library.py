"""The few functions of libcclip.so that clip_cpp.py needs: two models and two threads in one process."""

import ctypes
import os
import threading

import numpy as np


class CclipLibrary:
    def __init__(self, path):
        self.library = ctypes.CDLL(os.path.abspath(path))
        self.library.cclip_error_message.restype = ctypes.c_char_p
        for name in ("cclip_embed_pixels", "cclip_embed_tokens"):
            getattr(self.library, name).restype = ctypes.c_int

    def check(self, status):
        if status:
            raise RuntimeError(self.library.cclip_error_message().decode("utf-8", "replace"))

    def open(self, path):
        model, session = ctypes.c_void_p(), ctypes.c_void_p()
        self.check(self.library.cclip_model_open(ctypes.byref(model), os.fsencode(path), None))
        self.check(self.library.cclip_session_open(ctypes.byref(session), model, None))
        return model, session

    def close(self, opened):
        self.library.cclip_session_close(ctypes.byref(opened[1]))
        self.library.cclip_model_close(ctypes.byref(opened[0]))

    def images(self, session, pixels, dim):
        out = np.zeros((len(pixels), dim), np.float32)
        pixels = np.ascontiguousarray(pixels, np.float32)
        self.check(self.library.cclip_embed_pixels(session, out.ctypes.data_as(ctypes.c_void_p),
                                                   pixels.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(pixels)), 1))
        return out

    def text(self, session, ids, dim):
        out, row = np.zeros(dim, np.float32), np.asarray(ids, np.int32)
        self.check(self.library.cclip_embed_tokens(session, out.ctypes.data_as(ctypes.c_void_p), row.ctypes.data_as(ctypes.c_void_p),
                                                   ctypes.c_size_t(1), ctypes.c_size_t(len(row)), 1))
        return out

    def second_model(self, first, first_dim, second, dim, pixels):
        """A picture through the first model, then all through the second, both open."""
        opened = [self.open(first), self.open(second)]
        self.images(opened[0][1], pixels[:1], first_dim)
        out = self.images(opened[1][1], pixels, dim)
        for one in opened:
            self.close(one)
        return out

    def two_threads(self, path, dim, ids, rounds):
        """Two threads at once, each with a model of its own: (results that differ from those alone, calls)."""
        opened = [self.open(path) for _ in ids]
        alone = [self.text(session, row, dim) for (_, session), row in zip(opened, ids)]
        wrong, ready = [0] * len(ids), threading.Barrier(len(ids))

        def work(me):
            ready.wait()
            for _ in range(rounds):
                wrong[me] += not np.array_equal(self.text(opened[me][1], ids[me], dim), alone[me])
        workers = [threading.Thread(target=work, args=(me,)) for me in range(len(ids))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for one in opened:
            self.close(one)
        return sum(wrong), rounds * len(ids)
