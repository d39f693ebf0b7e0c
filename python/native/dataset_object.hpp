// Datasets and streams as Python objects.
#pragma once

#include <pybind11/pybind11.h>

#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/streaming/stream_node.hpp"

namespace millrace::python {

struct dataset {
  detail::node_ptr node;
};

/// One of the engine's streams.
struct stream {
  detail::stream_ptr node;
  detail::stream_ptr kept = nullptr;  // what of it is in checkpoints, where that is another
};

/// What streams are made for.
struct stream_engine_object {
  detail::stream_engine_ptr engine;
};

/// None for null. REQUIRES: Python's lock.
inline pybind11::object dataset_object(const detail::node_ptr& node) {
  if (node == nullptr) return pybind11::none();
  return pybind11::cast(dataset{node});
}

/// What rows are: "frames" (pickled rows of Python's), "text" or "counts".
const char* kind_of_rows(const detail::row_type& rows);

}  // namespace millrace::python
