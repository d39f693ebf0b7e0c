// Batches that failed and are kept while later ones go on.
#pragma once

#include "millrace/detail/streaming/stream_graph.hpp"

namespace millrace::detail {

/// usage_error where a batch of this graph can't be parked: there is no checkpoint directory to
/// keep it in, what it read can't be read again, or batches follow from one another, so that one
/// can't be left for later.
void check_parking(const stream_graph& graph, bool has_directory);

}  // namespace millrace::detail
