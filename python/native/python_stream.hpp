// Streams of Python programs: the batch clock is the engine's, the graph is Python's.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <string>
#include <vector>

#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/detail/streaming/stream_node.hpp"

namespace millrace::python {

/// A Python object that threads without Python's lock may hold and drop.
using held_object = std::shared_ptr<pybind11::object>;
held_object hold(pybind11::object one);

/// Calls `take(time_ms, [node or None ...])` first in every batch with what the inputs have: a
/// batch that nobody asks for would be lost. Register it before any output.
void add_python_inputs(const detail::stream_engine_ptr& engine,
                       std::vector<detail::stream_ptr> inputs, pybind11::object take);
/// An output operation: `generate(time_ms)` is called when a batch is made; unless it returns
/// False, `run(time_ms)` is a job of the batch. Neither may raise: a failed batch must not end the
/// stream.
void add_python_output(const detail::stream_engine_ptr& engine, std::string name,
                       std::chrono::milliseconds slide, pybind11::object generate,
                       pybind11::object run);

/// Whether the calling thread runs a batch's job.
bool in_batch();

}  // namespace millrace::python
