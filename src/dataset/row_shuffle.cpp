#include "dataset/row_shuffle.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "millrace/detail/base/hash.hpp"

namespace millrace::detail {

row_shuffle::row_shuffle(node_ptr parent, int partitions, partitioner_ptr by)
    : shuffle(std::move(parent), partitions), by_(std::move(by)) {}

namespace {

/// Rows side by side with the partition each goes to.
class row_writer {
 public:
  row_writer(const row_type& rows, int map, int partitions, const partitioner* by)
      : rows_(rows), by_(by), partitions_(static_cast<std::uint32_t>(partitions)), kept_(rows) {
    // Each map partition begins elsewhere, or small partitions would all fill the first few.
    next_ = static_cast<std::uint32_t>(
        mix(static_cast<std::uint64_t>(map) + 1, hash_constant_0) % partitions_);
    if (by_ != nullptr && by_->by_hash()) hashing_ = std::make_unique<entry_layout>(&by_->key, nullptr);
  }

  static flow push(void* self, const chunk& rows) {
    static_cast<row_writer*>(self)->add(rows);
    return flow::more;
  }

  map_output_ptr finish() {
    const entry_layout layout(nullptr, &rows_);
    const std::size_t n = kept_.size();
    aligned_memory entries = allocate_aligned(n * layout.stride());
    char* to = static_cast<char*>(entries.get());
    move_rows(rows_, to, kept_.data(), n);  // the stride of whole rows is their size
    kept_.clear();
    return scatter(layout, std::move(entries), n, std::move(kept_.texts()), to_,
                   static_cast<int>(partitions_));
  }

 private:
  void add(const chunk& rows) {
    const std::size_t before = to_.size();
    to_.resize(before + rows.count);
    std::uint32_t* to = to_.data() + before;
    const char* row = static_cast<const char*>(rows.rows);
    if (by_ == nullptr) {
      for (std::uint32_t i = 0; i < rows.count; ++i) {
        to[i] = next_;
        next_ = next_ + 1 == partitions_ ? 0 : next_ + 1;
      }
    } else if (hashing_ != nullptr) {
      const char* key = row + rows_.field(0).offset;
      for (std::uint32_t i = 0; i < rows.count; ++i, key += rows_.size)
        to[i] = partition_of_hash(hashing_->hash_key(key), partitions_);
    } else {
      by_->assign(row + rows_.field(0).offset, rows_.size, rows.count, to);
    }
    kept_.append(rows);
  }

  const row_type& rows_;
  const partitioner* by_;
  std::uint32_t partitions_;
  std::uint32_t next_ = 0;
  std::unique_ptr<entry_layout> hashing_;
  row_buffer kept_;
  std::vector<std::uint32_t> to_;
};

}  // namespace

map_output_ptr row_shuffle::write(task_context& task, int map) const {
  row_writer writer(parent()->rows(), map, partitions(), by_.get());
  const auto rows = task.open(*parent(), map);
  while (rows->step({&writer, row_writer::push}) == flow::more)
    if (task.cancelled()) break;
  return writer.finish();
}

row_runs fetch_rows(const shuffle& from, int partition, task_context& task) {
  row_runs all;
  for (int m = 0; m < from.parent()->partitions(); ++m) {
    auto out = task.fetch(from, m);
    const std::size_t n = out->count(partition);
    if (n == 0) continue;
    const char* rows = out->begin(partition);
    all.runs.push_back({std::move(out), rows, n});
    all.total += n;
  }
  return all;
}

}  // namespace millrace::detail
