#include <array>

#include "millrace/detail/streaming/operations.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

class derived_stream_node final : public stream_node {
 public:
  derived_stream_node(facts f, dataset_function function, missing_parent missing)
      : stream_node(std::move(f)), function_(std::move(function)), missing_(missing) {}

 protected:
  node_ptr compute(time_point_ms time) override {
    std::array<node_ptr, 4> few;
    std::vector<node_ptr> many(parents().size() > few.size() ? parents().size() : 0);
    node_ptr* const datasets = many.empty() ? few.data() : many.data();
    for (std::size_t i = 0; i < parents().size(); ++i) {
      datasets[i] = parents()[i]->dataset(time);
      if (datasets[i] != nullptr) continue;
      if (missing_ == missing_parent::gives_none) return {};
      throw error(name() + ": could not generate a dataset from its parent " +
                  parents()[i]->name() + " at time " +
                  std::to_string(time.time_since_epoch().count()) + " ms");
    }
    return function_.make(function_.function.get(), datasets, time);
  }

 private:
  dataset_function function_;
  missing_parent missing_;
};

}  // namespace

stream_ptr derived_stream(std::vector<stream_ptr> parents, const row_type& rows,
                          std::string_view operation, dataset_function f, missing_parent missing) {
  stream_engine_ptr engine = parents.at(0)->engine();
  return std::make_shared<derived_stream_node>(
      stream_node::facts{std::move(engine), &rows, operation, std::move(parents)}, std::move(f),
      missing);
}

}  // namespace millrace::detail
