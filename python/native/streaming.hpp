// Streaming contexts for Python.
#pragma once

#include <pybind11/pybind11.h>

namespace millrace::python {

/// `Streaming` and `Stream`, and what concerns their checkpoints.
void bind_streaming(pybind11::module_& m);

}  // namespace millrace::python
