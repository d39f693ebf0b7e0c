// What Python programs do so often that the engine does it itself, on rows of its own: text, and
// pairs of text and a number.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "millrace/detail/dataset/node.hpp"
#include "python_hash.hpp"

namespace millrace::python {

using counted = std::pair<std::string_view, std::int64_t>;

/// map(lambda x: (x, number)) of text.
detail::node_ptr counted_as(const detail::node_ptr& text, std::int64_t number);
/// reduceByKey(add) of counted rows: keys where Python's hash puts them, in the order in which they
/// arrive. REQUIRES: the sums of all that is added cannot overflow.
detail::node_ptr summed(const detail::node_ptr& pairs, int partitions, const python_hash& hash);

}  // namespace millrace::python
