// A shuffle: what map tasks write and reduce tasks read.
#pragma once

#include <memory>
#include <vector>

#include "dataset/entry.hpp"
#include "millrace/detail/dataset/aggregator.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/dataset/partitioner.hpp"
#include "millrace/detail/dataset/task_context.hpp"

namespace millrace::detail {

/// The edge between two stages. Its outputs are kept by the engine under `id` until it is
/// destroyed.
class shuffle {
 public:
  shuffle(node_ptr parent, int partitions);
  shuffle(const shuffle&) = delete;
  shuffle& operator=(const shuffle&) = delete;
  virtual ~shuffle();

  std::int64_t id() const { return id_; }
  const node_ptr& parent() const { return parent_; }
  int partitions() const { return partitions_; }

  /// The map task: computes partition `map` of the parent and deals it out.
  virtual map_output_ptr write(task_context& task, int map) const = 0;

 private:
  node_ptr parent_;
  int partitions_;
  std::int64_t id_;
};

/// Pairs (or keys) as entries, combined on the way where that pays.
class keyed_shuffle final : public shuffle {
 public:
  /// `rows`: what entries are as rows.
  keyed_shuffle(node_ptr parent, const row_type& rows, entry_layout layout, aggregator a,
                partitioner_ptr by);
  map_output_ptr write(task_context& task, int map) const override;

 private:
  const row_type& rows_;
  entry_layout layout_;
  aggregator aggregator_;
  partitioner_ptr by_;
};

/// Collects rows into entries: a map task's and, where no shuffle is needed, a reduce task's own.
/// `by` null: everything into one partition.
map_output_ptr write_entries(const node& parent, int partition, const row_type& rows,
                             const entry_layout& layout, const aggregator& a, const partitioner* by,
                             task_context& task);

/// Whether a map output of so many bytes may stay in memory, one of `maps`; counts it then. Each
/// has the same share of what all outputs of the shuffle may have, so the data decides; only where
/// outputs of other shuffles fill the memory does it go to disk before that.
bool fits_in_memory(map_output& out, int maps, const task_context& task);

/// Reads a run of entries as rows: pairs or keys.
class entry_rows {
 public:
  /// `rows`: pairs (key, value), or keys where the layout has no value.
  entry_rows(const entry_layout& layout, const row_type& rows);
  /// Constructs the rows of up to chunk_capacity entries; `steal` moves the values out.
  void make(char* entries, std::uint32_t n, bool steal);
  /// The same, of entries here and there.
  void make(char* const* entries, std::uint32_t n, bool steal);
  const void* rows() const { return buffer_.get(); }
  std::uint32_t count() const { return count_; }
  flow push(const sink& to);
  void clear();
  ~entry_rows() { clear(); }
  entry_rows(const entry_rows&) = delete;
  entry_rows& operator=(const entry_rows&) = delete;

 private:
  template <class EntryAt>
  void make_each(EntryAt entry, std::uint32_t n, bool steal);

  const entry_layout& layout_;
  const row_type& rows_;
  std::uint32_t value_in_row_;
  aligned_memory buffer_;
  std::uint32_t count_ = 0;
};

}  // namespace millrace::detail
