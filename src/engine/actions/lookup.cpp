// lookup: the values of one key.
#include <utility>

#include "engine/actions/drain.hpp"
#include "millrace/detail/dataset/partitioner.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

row_buffer lookup_values(const node_ptr& dataset, const void* key) {
  const row_type& pair = dataset->rows();
  struct finder {
    row_buffer values;
    const row_type& pair;
    const void* key;
    static flow push(void* self, const chunk& rows) {
      auto& me = *static_cast<finder*>(self);
      const row_field& first = me.pair.field(0);
      char* row = static_cast<char*>(rows.rows);
      for (std::uint32_t i = 0; i < rows.count; ++i, row += me.pair.size)
        if (equal_rows(*first.type, row + first.offset, me.key))
          me.values.append({row + me.pair.field(1).offset, 1, false});
      return flow::more;
    }
  };
  // Where the partitioner is known, so is the partition.
  const auto& by = dataset->by_key();
  const auto results = run_job(
      {dataset, by == nullptr ? all_partitions(*dataset) : std::vector{partition_of(*by, key)},
       "lookup", [&](task_context& task, int partition) -> task_result {
         auto found = std::make_shared<finder>(finder{row_buffer(*pair.field(1).type), pair, key});
         drain(task, *dataset, partition, {found.get(), finder::push});
         return {found, &found->values};
       }});
  row_buffer all(*pair.field(1).type);
  for (const auto& r : results) all.append(std::move(*static_cast<row_buffer*>(r.get())));
  return all;
}

}  // namespace millrace::detail
