import pytest

import dspy_cpp


@pytest.fixture
def scripted():
    """A model that answers with these replies in turn, set as the default one."""

    def make(*replies):
        lm = dspy_cpp.ScriptedLM(list(replies))
        dspy_cpp.configure(lm=lm)
        return lm

    return make
