#include "frame.hpp"

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace::python {

namespace {

int partition_of_place(const void* function, const void* key) {
  const auto n = detail::function_in<std::int64_t>(function);
  const std::int64_t rest = static_cast<const frame_place*>(key)->first % n;
  return static_cast<int>(rest < 0 ? rest + n : rest);
}

detail::partitioner_ptr partitioner(int partitions, bool (*same)(const void*, const void*),
                                    const void* kind) {
  return detail::user_partitioner_for(detail::row_type_of<frame_place>(), partitions,
                                      detail::keep_function(static_cast<std::int64_t>(partitions)),
                                      partition_of_place, same, kind);
}

}  // namespace

detail::partitioner_ptr by_hash_of_key(int partitions) {
  static const char kind = 0;
  return partitioner(partitions, [](const void*, const void*) { return true; }, &kind);
}

detail::node_ptr shuffled(const detail::node_ptr& parent, int partitions) {
  static const char kind = 0;
  // Never the same as another: nobody knows what the numbers were made of.
  return detail::partition_by(
      parent, partitioner(partitions, [](const void*, const void*) { return false; }, &kind));
}

}  // namespace millrace::python
