#include "streaming/windows/reduced_window.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/streaming/operations.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "streaming/state/state_stream.hpp"
#include "streaming/windows/kept_rows.hpp"
#include "streaming/windows/window_stream.hpp"

namespace millrace::detail {
namespace {

class reduced_window final : public state_stream {
 public:
  reduced_window(facts f, std::shared_ptr<const state_operation> operation, partitioner_ptr by,
                 aggregator a, std::chrono::milliseconds unit, window_units units)
      : state_stream(std::move(f), std::move(operation), std::move(by)),
        reduce_(std::move(a)),
        unit_(unit),
        units_(units) {}

  std::vector<kept_state_ptr> kept_states() override {
    auto all = state_stream::kept_states();
    // Between two windows, what came since the last one.
    const stream_node& parent = *parents()[0];
    if (slide() != parent.slide())
      all.push_back(kept_rows(*parents()[0], slide() - parent.slide(), *this));
    return all;
  }

 protected:
  /// A unit of rows each, reduced by key.
  std::vector<node_ptr> inputs(time_point_ms time) override {
    stream_node& parent = *parents()[0];
    const std::int64_t batch = (time - zero()) / slide();
    std::vector<node_ptr> all;
    for (std::int64_t unit = units_.first_of(batch); unit <= batch * units_.slide; ++unit) {
      std::vector<node_ptr> datasets;
      const time_point_ms end = zero() + unit * unit_;
      for (time_point_ms t = end - unit_ + parent.slide(); t <= end; t += parent.slide())
        if (node_ptr one = parent.dataset(t)) datasets.push_back(std::move(one));
      node_ptr rows_of_unit = datasets.size() == 1
                                  ? std::move(datasets[0])
                                  : union_of(engine()->core(), parent.rows(), std::move(datasets));
      all.push_back(aggregate_by_key(rows_of_unit, rows(), operation(), reduce_, by()));
    }
    return all;
  }
  std::chrono::milliseconds parents_remember() const override { return remembered() + slide(); }

 private:
  aggregator reduce_;
  std::chrono::milliseconds unit_;
  window_units units_;
};

}  // namespace

std::string window_units::in_words(std::chrono::milliseconds by) const {
  return " in windows of " + std::to_string(by.count() / slide * length) + " ms every " +
         std::to_string(by.count()) + " ms";
}

stream_ptr reduced_window_stream(const stream_ptr& parent, const row_type& pairs,
                                 std::string_view operation, aggregator a, window_functions f,
                                 window_size size, partitioner_ptr by) {
  size = checked(*parent, operation, size);
  const std::chrono::milliseconds unit(std::gcd(size.length.count(), size.slide.count()));
  const window_units units{size.length / unit, size.slide / unit};
  if (units.length > std::int64_t{1} << 31)
    throw usage_error(std::string(operation) +
                      ": the window has too many slides: " + std::to_string(units.length));
  auto how = f.move != nullptr ? window_by_inverse(operation, pairs, std::move(f), units)
                               : window_by_tree(operation, pairs, std::move(f), units);
  return std::make_shared<reduced_window>(
      stream_node::facts{parent->engine(), &pairs, operation, {parent}, size.slide}, std::move(how),
      std::move(by), std::move(a), unit, units);
}

}  // namespace millrace::detail
