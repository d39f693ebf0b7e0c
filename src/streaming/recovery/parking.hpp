// Batches that failed and are kept while later ones go on.
#pragma once

#include <string>

#include "millrace/detail/streaming/stream_graph.hpp"

namespace millrace::detail {

/// Why a batch of this graph can't be parked: there is no checkpoint directory to keep it in, what
/// it read can't be read again, or one can't be left for later, as batches follow from one another,
/// or a sink commits in order alone. Empty: it can.
[[nodiscard]] std::string why_not_parked(const stream_graph& graph, bool has_directory);

}  // namespace millrace::detail
