#include "known_steps.hpp"

#include <functional>

#include "millrace/detail/dataset/narrow.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::python {

namespace {

detail::flow count_loop(detail::step_state& step, const detail::chunk& in) {
  const auto number = detail::function_in<std::int64_t>(step.function);
  const auto* text = static_cast<const std::string_view*>(in.rows);
  detail::output<counted> out(step, in);
  for (; out.at < in.count; ++out.at) {
    out.put(text[out.at], number);
    if (out.full() && out.flush() == detail::flow::enough) return out.stop();
  }
  return out.flush();
}

struct by_python_hash {
  python_hash hash;
  std::int64_t partitions;

  int operator()(std::string_view key) const {
    const std::int64_t rest = hash(key) % partitions;
    return static_cast<int>(rest < 0 ? rest + partitions : rest);
  }
};

}  // namespace

detail::node_ptr counted_as(const detail::node_ptr& text, std::int64_t number) {
  return detail::narrow(text, detail::row_type_of<counted>(), "map",
                        {detail::keep_function(std::int64_t{number}), count_loop});
}

detail::node_ptr summed(const detail::node_ptr& pairs, int partitions, const python_hash& hash) {
  static const char kind = 0;
  return detail::aggregate_by_key(
      pairs, detail::row_type_of<counted>(), "reduceByKey",
      detail::reduce_aggregator<std::string_view, std::int64_t>(std::plus<>()),
      detail::user_partitioner_for(
          detail::row_type_of<std::string_view>(), partitions,
          detail::keep_function(by_python_hash{hash, partitions}),
          [](const void* function, const void* key) {
            return detail::function_in<by_python_hash>(
                function)(*static_cast<const std::string_view*>(key));
          },
          [](const void* a, const void* b) {
            return detail::function_in<by_python_hash>(a).hash ==
                   detail::function_in<by_python_hash>(b).hash;
          },
          &kind));
}

}  // namespace millrace::python
