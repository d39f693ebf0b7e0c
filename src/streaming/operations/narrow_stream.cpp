#include "millrace/detail/streaming/operations.hpp"

namespace millrace::detail {
namespace {

class narrow_stream_node final : public stream_node {
 public:
  narrow_stream_node(facts f, narrow_step step)
      : stream_node(std::move(f)), step_(std::move(step)) {}

 protected:
  node_ptr compute(time_point_ms time) override {
    const node_ptr parent = parents()[0]->dataset(time);
    // Qualified: std::apply would be found through the shared pointer.
    return parent == nullptr ? nullptr : detail::apply(parent, step_);
  }

 private:
  narrow_step step_;
};

}  // namespace

stream_ptr narrow_stream(const stream_ptr& parent, const narrow_step& step) {
  return std::make_shared<narrow_stream_node>(
      stream_node::facts{parent->engine(), step.rows, step.operation, {parent}}, step);
}

}  // namespace millrace::detail
