#include "dataset/row_shuffle.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataset/heap_bytes.hpp"
#include "millrace/detail/base/hash.hpp"

namespace millrace::detail {

row_shuffle::row_shuffle(node_ptr parent, int partitions, partitioner_ptr by)
    : shuffle(std::move(parent), partitions), by_(std::move(by)) {}

namespace {

/// Deals out each chunk as it comes. What has its share of memory goes to disk.
class row_writer {
 public:
  row_writer(const row_type& rows, int map, int partitions, const partitioner* by,
             task_context& task)
      : rows_(rows), by_(by), partitions_(static_cast<std::uint32_t>(partitions)), task_(task) {
    // Each map partition begins elsewhere, or small partitions would all fill the first few.
    next_ = static_cast<std::uint32_t>(mix(static_cast<std::uint64_t>(map) + 1, hash_constant_0) %
                                       partitions_);
    if (by_ != nullptr && by_->by_hash())
      hashing_ = std::make_unique<entry_layout>(&by_->key, nullptr);
    for (int p = 0; p < partitions; ++p) parts_.emplace_back(rows);
    places_.resize(partitions_);
  }

  static flow push(void* self, const chunk& rows) {
    auto& me = *static_cast<row_writer*>(self);
    if (!me.rows_.trivial) me.heap_ += heap_bytes(me.rows_, rows.rows, rows.count);
    me.add(rows);
    me.held_ += rows.count;
    // Buffers that grow by doubling have room for twice the rows that are in them.
    if (me.bytes() > me.task_.memory().share / 2) me.cut();
    return flow::more;
  }

  map_output_ptr finish(int maps) {
    auto part = std::make_shared<map_output>(std::move(parts_));
    if (!fits_in_memory(*part, maps, task_)) {
      runs_.push_back(to_disk(*part));
      return std::make_shared<map_output>(std::move(runs_));
    }
    part->spilled(std::move(runs_));
    return part;
  }

 private:
  std::size_t bytes() const {
    if (!rows_.holds_views) return held_ * rows_.size + heap_;
    std::size_t all = heap_;
    for (const auto& part : parts_) all += part.bytes();
    return all;
  }

  void cut() {
    map_output part(std::move(parts_));
    runs_.push_back(to_disk(part));
    parts_.clear();
    for (std::uint32_t p = 0; p < partitions_; ++p) parts_.emplace_back(rows_);
    held_ = heap_ = 0;
  }

  map_output::spilled_run to_disk(const map_output& part) {
    map_output::spilled_run run;
    std::uint64_t bytes = 0;
    std::uint64_t written = 0;
    for (std::uint32_t p = 0; p < partitions_; ++p) {
      row_frames& to = run.emplace_back(rows_, task_.memory().disk);
      for (const row_buffer& piece : part.rows(static_cast<int>(p))->pieces())
        to.append(piece.data(), piece.size());
      to.finish();
      bytes += to.bytes();
      written += to.rows();
    }
    task_.spilled("shuffle", written, bytes);
    return run;
  }

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
  task_context& task_;
  std::size_t held_ = 0;  // rows
  std::size_t heap_ = 0;  // and what they hold elsewhere
  std::vector<map_output::spilled_run> runs_;
  std::uint32_t next_ = 0;
  std::unique_ptr<entry_layout> hashing_;
  std::vector<row_pieces> parts_;
  std::vector<char*> places_;
  std::vector<std::uint32_t> counts_;
  std::uint32_t to_[chunk_capacity];
};

}  // namespace

map_output_ptr row_shuffle::write(task_context& task, int map) const {
  row_writer writer(parent()->rows(), map, partitions(), by_.get(), task);
  const auto rows = task.open(*parent(), map);
  while (rows->step({&writer, row_writer::push}) == flow::more)
    if (task.cancelled()) break;
  return writer.finish(parent()->partitions());
}

void add_runs(row_runs& to, map_output_ptr out, int partition) {
  for (const auto& run : out->spilled()) {
    const row_frames& part = run[static_cast<std::size_t>(partition)];
    if (part.rows() == 0) continue;
    to.runs.push_back({out, nullptr, part.rows(), &part});
    to.total += part.rows();
    to.bytes += part.bytes_in_memory();
  }
  const row_pieces* const rows = out->rows(partition);
  if (rows == nullptr) return;
  for (const row_buffer& piece : rows->pieces()) {
    if (piece.empty()) continue;
    to.runs.push_back({out, static_cast<const char*>(piece.data()), piece.size()});
    to.bytes += heap_bytes(piece.type(), piece.data(), piece.size());
  }
  to.total += rows->size();
  to.bytes += rows->bytes();
}

row_runs fetch_rows(const shuffle& from, int partition, task_context& task) {
  row_runs all;
  for (int m = 0; m < from.parent()->partitions(); ++m)
    add_runs(all, task.fetch(from, m), partition);
  return all;
}

void row_runs::load(const row_type& rows) {
  for (run& r : runs) {
    if (r.rows != nullptr) continue;
    row_buffer read(rows);
    read.reserve(r.count);
    frame_reader from(*r.disk);
    while (from.next())
      read.append({from.rows().data(), static_cast<std::uint32_t>(from.rows().size()), true});
    r.rows = static_cast<const char*>(read.data());
    r.held = std::make_shared<const row_buffer>(std::move(read));
    r.disk = nullptr;
  }
}

bool runs_reader::next() {
  if (frames_) {
    if (frames_->next()) {
      data_ = static_cast<const char*>(frames_->rows().data());
      count_ = static_cast<std::uint32_t>(frames_->rows().size());
      return true;
    }
    frames_.reset();
    ++at_;
  }
  if (last()) return false;
  const auto& run = runs_.runs[at_];
  if (run.rows == nullptr) {
    frames_.emplace(*run.disk);
    return next();
  }
  data_ = run.rows + next_ * rows_.size;
  count_ = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, run.count - next_));
  next_ += count_;
  if (next_ == run.count) {
    next_ = 0;
    ++at_;
  }
  return true;
}

}  // namespace millrace::detail
