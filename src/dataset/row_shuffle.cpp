#include "dataset/row_shuffle.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "millrace/detail/base/hash.hpp"

namespace millrace::detail {

row_shuffle::row_shuffle(node_ptr parent, int partitions, partitioner_ptr by)
    : shuffle(std::move(parent), partitions), by_(std::move(by)) {}

namespace {

/// Deals out each chunk as it comes.
class row_writer {
 public:
  row_writer(const row_type& rows, int map, int partitions, const partitioner* by)
      : rows_(rows), by_(by), partitions_(static_cast<std::uint32_t>(partitions)) {
    // Each map partition begins elsewhere, or small partitions would all fill the first few.
    next_ = static_cast<std::uint32_t>(mix(static_cast<std::uint64_t>(map) + 1, hash_constant_0) %
                                       partitions_);
    if (by_ != nullptr && by_->by_hash())
      hashing_ = std::make_unique<entry_layout>(&by_->key, nullptr);
    for (int p = 0; p < partitions; ++p) parts_.emplace_back(rows);
    places_.resize(partitions_);
  }

  static flow push(void* self, const chunk& rows) {
    static_cast<row_writer*>(self)->add(rows);
    return flow::more;
  }

  map_output_ptr finish() { return std::make_shared<map_output>(std::move(parts_)); }

 private:
  void add(const chunk& rows) {
    assign(rows);
    const std::uint32_t size = rows_.size;
    char* from = static_cast<char*>(rows.rows);
    if (!rows_.trivial || rows_.holds_views) {
      for (std::uint32_t i = 0; i < rows.count; ++i, from += size)
        parts_[to_[i]].append({from, 1, rows.movable});
      return;
    }
    std::fill(counts_.begin(), counts_.end(), 0);
    counts_.resize(partitions_);
    for (std::uint32_t i = 0; i < rows.count; ++i) ++counts_[to_[i]];
    for (std::uint32_t p = 0; p < partitions_; ++p) {
      if (counts_[p] == 0) continue;
      places_[p] = static_cast<char*>(parts_[p].extend(counts_[p]));
      parts_[p].added(counts_[p]);
    }
    const auto deal = [&](auto copy) {
      for (std::uint32_t i = 0; i < rows.count; ++i, from += size) {
        char*& to = places_[to_[i]];
        copy(to, from);
        to += size;
      }
    };
    if (size == 16) deal([](char* to, const char* row) { std::memcpy(to, row, 16); });
    else if (size == 8) deal([](char* to, const char* row) { std::memcpy(to, row, 8); });
    else deal([size](char* to, const char* row) { std::memcpy(to, row, size); });
  }

  void assign(const chunk& rows) {
    const char* first = static_cast<const char*>(rows.rows);
    if (by_ == nullptr) {
      for (std::uint32_t i = 0; i < rows.count; ++i) {
        to_[i] = next_;
        next_ = next_ + 1 == partitions_ ? 0 : next_ + 1;
      }
    } else if (hashing_ != nullptr) {
      hashing_->hash_keys(first, rows_.field(0).offset, rows_.size, rows.count, to_);
      for (std::uint32_t i = 0; i < rows.count; ++i)
        to_[i] = partition_of_hash(to_[i], partitions_);
    } else {
      by_->assign(first + rows_.field(0).offset, rows_.size, rows.count, to_);
    }
  }

  const row_type& rows_;
  const partitioner* by_;
  std::uint32_t partitions_;
  std::uint32_t next_ = 0;
  std::unique_ptr<entry_layout> hashing_;
  std::vector<row_buffer> parts_;
  std::vector<char*> places_;
  std::vector<std::uint32_t> counts_;
  std::uint32_t to_[chunk_capacity];
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
