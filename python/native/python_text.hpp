// Text as Python's str has it.
#pragma once

#include "millrace/detail/dataset/node.hpp"

namespace millrace::python {

/// The same lines with what is not UTF-8 replaced, as `decode("utf-8", "replace")` does.
/// `white_as_blank`: all that `str.split()` cuts at, but for ends of lines, becomes a blank. Text
/// that is fine (almost all is) is passed on as it lies.
detail::node_ptr python_text(const detail::node_ptr& lines, bool white_as_blank);

}  // namespace millrace::python
