// window: the datasets of the last so many batches together.
#include "streaming/windows/window_stream.hpp"

#include <string>
#include <utility>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "streaming/windows/kept_rows.hpp"

namespace millrace::detail {
namespace {

std::string in_ms(std::chrono::milliseconds d) { return std::to_string(d.count()) + " ms"; }

class window_stream_node final : public stream_node {
 public:
  window_stream_node(facts f, std::chrono::milliseconds length)
      : stream_node(std::move(f)), length_(length) {}

  /// The rows that it has are its parent's: keeping both would keep them twice.
  void keep(storage_level level) override { parents()[0]->keep(level); }

  std::vector<kept_state_ptr> kept_states() override {
    // What a window of windows reads again are the rows of which all of them are made.
    stream_node* of = this;
    std::chrono::milliseconds back{0};
    while (const auto* window = dynamic_cast<window_stream_node*>(of)) {
      of = window->parents()[0].get();
      back += window->length_ - of->slide();
    }
    if (back.count() == 0) return {};
    return {kept_rows(*of, back, *this)};
  }

 protected:
  node_ptr compute(time_point_ms time) override {
    stream_node& parent = *parents()[0];
    std::vector<node_ptr> datasets;
    for (time_point_ms t = time - length_ + parent.slide(); t <= time; t += parent.slide())
      if (node_ptr one = parent.dataset(t)) datasets.push_back(std::move(one));
    if (datasets.size() == 1) return datasets[0];
    return union_of(engine()->core(), rows(), std::move(datasets));
  }
  std::chrono::milliseconds parents_remember() const override { return remembered() + length_; }

 private:
  std::chrono::milliseconds length_;
};

}  // namespace

window_size checked(const stream_node& parent, std::string_view operation, window_size size) {
  if (size.slide.count() == 0) size.slide = parent.slide();
  const auto check = [&](std::string_view what, std::chrono::milliseconds d) {
    if (d.count() > 0 && d % parent.slide() == std::chrono::milliseconds{0}) return;
    throw usage_error(std::string(operation) + ": the " + std::string(what) +
                      " duration of the window must be a multiple of the slide duration of its "
                      "parent stream, and not 0: " +
                      in_ms(d) + ", parent " + in_ms(parent.slide()));
  };
  check("window", size.length);
  check("slide", size.slide);
  return size;
}

stream_ptr window_stream(const stream_ptr& parent, std::string_view operation, window_size size) {
  size = checked(*parent, operation, size);
  // Each batch is read as often as the window shows it.
  if (size.length > size.slide) parent->keep_for_reading();
  return std::make_shared<window_stream_node>(
      stream_node::facts{parent->engine(), &parent->rows(), operation, {parent}, size.slide},
      size.length);
}

}  // namespace millrace::detail
