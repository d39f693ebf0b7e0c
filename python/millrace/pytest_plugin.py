"""Fixtures for streams without a clock; see millrace.testing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator

import pytest

if TYPE_CHECKING:  # nothing is imported for tests that do not use the fixtures
    from millrace.context import Context
    from millrace.testing import ManualStreams


@pytest.fixture(scope="module")
def millrace_context() -> Iterator[Context]:
    """One for each module of tests."""
    from millrace.testing import manual_context
    with manual_context() as context:
        yield context


@pytest.fixture
def millrace_streams(millrace_context: Context, tmp_path: Any) -> Iterator[ManualStreams]:
    from millrace.testing import ManualStreams
    streams = ManualStreams(millrace_context, str(tmp_path / "checkpoint"))
    yield streams
    streams.stop()
