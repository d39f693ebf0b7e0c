// Streams of Python programs: what lies between inputs, state and outputs is Python's.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/detail/streaming/stream_node.hpp"

namespace millrace::python {

/// A Python object that threads without Python's lock may hold and drop.
using held_object = std::shared_ptr<pybind11::object>;
held_object hold(pybind11::object one);

/// What Python's callbacks return where they failed: the text of the failure, which is thrown as
/// `python_error`. They never raise.

/// The stream whose dataset of a time is what `compute(time_ms)` returns: a Dataset of `rows`, or
/// None. `parents`: the engine's streams that it asks.
detail::stream_ptr python_stream(const detail::stream_engine_ptr& engine,
                                 std::vector<detail::stream_ptr> parents,
                                 std::chrono::milliseconds slide, const detail::row_type& rows,
                                 pybind11::object compute);
/// An input that exists only in the program: `take(time_ms)` is called once for each batch.
detail::stream_ptr python_input(const detail::stream_engine_ptr& engine, std::string name,
                                pybind11::object take);
/// An output operation: `generate(time_ms)` is called when a batch is made; where it returns True,
/// `run(time_ms)` is a job of the batch.
void add_python_output(const detail::stream_engine_ptr& engine, std::string name,
                       std::vector<detail::stream_ptr> parents, std::chrono::milliseconds slide,
                       pybind11::object generate, pybind11::object run);

/// Whether the calling thread runs a batch's job.
bool in_batch();

}  // namespace millrace::python
