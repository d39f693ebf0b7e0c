// Names by which a checkpoint finds the parts of a graph again.
#pragma once

#include <string>
#include <vector>

#include "millrace/detail/streaming/stream_graph.hpp"

namespace millrace::detail {

/// Of the inputs, in order: what `named` gave them, else their operation, and a "#2", "#3" … for
/// those of one name. So what is built around an input, and inputs of other kinds, do not matter.
std::vector<std::string> input_names(const stream_graph& graph);

}  // namespace millrace::detail
