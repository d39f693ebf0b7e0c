// A dataset as a Python object.
#pragma once

#include <pybind11/pybind11.h>

#include "millrace/detail/dataset/node.hpp"

namespace millrace::python {

struct dataset {
  detail::node_ptr node;
};

/// None for null. REQUIRES: Python's lock.
inline pybind11::object dataset_object(const detail::node_ptr& node) {
  if (node == nullptr) return pybind11::none();
  return pybind11::cast(dataset{node});
}

}  // namespace millrace::python
