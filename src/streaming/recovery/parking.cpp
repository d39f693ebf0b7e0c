#include "streaming/recovery/parking.hpp"

namespace millrace::detail {

std::string why_not_parked(const stream_graph& graph, bool has_directory) {
  if (!has_directory) return "there is no checkpoint directory to keep failed batches in";
  for (const auto& input : graph.inputs()) {
    if (input->replay() == nullptr)
      return "a batch could not be run again, for what this input gives can't be read twice: " +
             input->description();
  }
  for (const auto& output : graph.outputs()) {
    if (output->function.in_order)
      return "a batch could not be done after later ones, for the sink only knows which it "
             "committed last: " +
             output->description();
  }
  for (stream_node* const stream : graph.used()) {
    if (stream->has_state() || !stream->kept_states().empty())
      return "batches follow from one another, so none can be left for later: " + stream->name();
  }
  return {};
}

}  // namespace millrace::detail
