#include "engine/actions/numbers.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/actions/drain.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

template <class Number>
void convert(const char* from, std::uint32_t n, double* to) {
  for (std::uint32_t i = 0; i < n; ++i) {
    Number x;
    std::memcpy(&x, from + i * sizeof(Number), sizeof(Number));
    to[i] = static_cast<double>(x);
  }
}

using converter = void (*)(const char* from, std::uint32_t n, double* to);

converter converter_for(const row_type& type) {
  if (type.kind == row_kind::floating) {
    if (type.size == sizeof(float)) return convert<float>;
    return type.size == sizeof(double) ? convert<double> : convert<long double>;
  }
  switch (type.size) {
    case 1: return type.is_signed ? convert<std::int8_t> : convert<std::uint8_t>;
    case 2: return type.is_signed ? convert<std::int16_t> : convert<std::uint16_t>;
    case 4: return type.is_signed ? convert<std::int32_t> : convert<std::uint32_t>;
    default: return type.is_signed ? convert<std::int64_t> : convert<std::uint64_t>;
  }
}

/// Gathers rows into blocks.
struct block_filler {
  converter convert;
  std::uint32_t row_size;
  number_reader& to;
  std::uint32_t filled = 0;
  double block[chunk_rows];

  static flow push(void* self, const chunk& rows) {
    auto& me = *static_cast<block_filler*>(self);
    const char* from = static_cast<const char*>(rows.rows);
    for (std::uint32_t left = rows.count; left != 0;) {
      const std::uint32_t n = std::min(left, chunk_rows - me.filled);
      me.convert(from, n, me.block + me.filled);
      me.filled += n;
      left -= n;
      from += std::size_t{n} * me.row_size;
      if (me.filled == chunk_rows) me.flush();
    }
    return flow::more;
  }
  void flush() { to.read(block, std::exchange(filled, 0)); }
};

}  // namespace

std::vector<std::shared_ptr<number_reader>> read_numbers(
    const node_ptr& dataset, std::string_view action,
    const std::function<std::shared_ptr<number_reader>()>& make) {
  const row_type& type = dataset->rows();
  const auto results =
      run_job({dataset, all_partitions(*dataset), action,
               [&](task_context& task, int partition) -> task_result {
                 auto reader = make();
                 block_filler filler{converter_for(type), type.size, *reader, 0, {}};
                 drain(task, *dataset, partition, {&filler, block_filler::push});
                 filler.flush();
                 return reader;
               }});
  std::vector<std::shared_ptr<number_reader>> readers;
  for (const auto& r : results) readers.push_back(std::static_pointer_cast<number_reader>(r));
  return readers;
}

}  // namespace millrace::detail
