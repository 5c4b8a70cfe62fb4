#!/usr/bin/env python3
"""The C interface from Python's ctypes, without the Python package.

usage: ask.py <libdspy_c.so>"""

import ctypes
import json
import sys


class DspyError(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_int32),
        ("kind", ctypes.c_char * 32),
        ("message", ctypes.c_char * 480),
        ("json", ctypes.c_char_p),
    ]


dspy = ctypes.CDLL(sys.argv[1])
for name in ("dspy_lm_scripted", "dspy_program_predict", "dspy_program_call"):
    getattr(dspy, name).restype = ctypes.c_void_p
for name in ("dspy_string_free", "dspy_program_free", "dspy_lm_free"):
    getattr(dspy, name).argtypes = [ctypes.c_void_p]
dspy.dspy_program_predict.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
dspy.dspy_program_call.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
error = DspyError()


def call(program, inputs):
    text = dspy.dspy_program_call(program, json.dumps(inputs).encode(), None, ctypes.byref(error))
    if text is None:
        raise RuntimeError(f"{error.kind.decode()}: {error.message.decode()}")
    try:
        return json.loads(ctypes.string_at(text))
    finally:
        dspy.dspy_string_free(text)


lm = dspy.dspy_lm_scripted(b'["Answer: 4"]', ctypes.byref(error))
program = dspy.dspy_program_predict(b"question -> answer: int", lm, ctypes.byref(error))
print(call(program, {"question": "2+2?"})["outputs"])
try:
    call(program, {"text": "?"})
except RuntimeError as problem:
    print(problem)
dspy.dspy_program_free(program)
dspy.dspy_lm_free(lm)
