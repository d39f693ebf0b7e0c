// Kept bad records, for Python.
#pragma once

#include <memory>
#include <string>

#include "millrace/detail/engine/engine.hpp"

namespace millrace::python {

/// Tuples of millrace/bad_records.py, as frames.
detail::node_ptr dead_letters_as_frames(const std::shared_ptr<detail::engine>& core,
                                        const std::string& directory);

}  // namespace millrace::python
