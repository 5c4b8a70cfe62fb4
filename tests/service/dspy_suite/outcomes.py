"""The same record of outcomes without the library: what of DSPy's tests passes by itself."""

from crossing import RESULTS, pytest_addoption, pytest_runtest_logreport, pytest_sessionfinish  # noqa: F401
