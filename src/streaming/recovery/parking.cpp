#include "streaming/recovery/parking.hpp"

#include "millrace/error.hpp"

namespace millrace::detail {

void check_parking(const stream_graph& graph, bool has_directory) {
  const std::string what = "streaming.onBatchFailure = park: ";
  if (!has_directory)
    throw usage_error(what + "there is no checkpoint directory to keep failed batches in");
  for (const auto& input : graph.inputs()) {
    if (input->replay() == nullptr)
      throw usage_error(what +
                        "a batch could not be run again, for what this input gives can't be "
                        "read twice: " +
                        input->description());
  }
  for (stream_node* const stream : graph.used()) {
    if (stream->has_state() || !stream->kept_states().empty())
      throw usage_error(what + "batches follow from one another, so none can be left for later: " +
                        stream->name());
  }
}

}  // namespace millrace::detail
