#include "dataset/operations/rows_by_key.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "dataset/heap_bytes.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

std::vector<side_source> add_sides(node::facts& to, const std::vector<node_ptr>& parents,
                                   const partitioner_ptr& by) {
  std::vector<side_source> sides;
  for (const auto& p : parents) {
    if (p->by_key() != nullptr && p->by_key()->same_as(*by)) {
      sides.push_back({&p->rows(), false, to.parents.size()});
      to.parents.push_back(p);
    } else {
      sides.push_back({&p->rows(), true, to.shuffles.size()});
      to.shuffles.push_back(std::make_shared<row_shuffle>(p, by->partitions, by));
    }
  }
  return sides;
}

namespace {

/// A partition of a parent that is partitioned as it should be, as if it had been shuffled. What
/// has a task's share of memory goes to disk.
class own_rows {
 public:
  own_rows(const row_type& rows, task_context& task) : task_(task), rows_(rows) {}

  static flow push(void* self, const chunk& rows) {
    auto& me = *static_cast<own_rows*>(self);
    me.heap_ += heap_bytes(me.rows_.type(), rows.rows, rows.count);
    me.rows_.append(rows);
    if (me.rows_.bytes() + me.heap_ > me.task_.memory().share) me.spill();
    return flow::more;
  }

  row_runs finish() {
    std::vector<map_output::spilled_run> spilled;
    if (disk_) {
      spill();
      disk_->finish();
      task_.spilled("gather", disk_->rows(), disk_->bytes());
      spilled.emplace_back().push_back(std::move(*disk_));
    }
    std::vector<row_pieces> parts;
    parts.push_back(std::move(rows_));
    auto held = std::make_shared<map_output>(std::move(parts));
    held->spilled(std::move(spilled));
    row_runs own;
    add_runs(own, std::move(held), 0);
    return own;
  }

 private:
  void spill() {
    if (!disk_) disk_.emplace(rows_.type(), task_.memory().disk);
    for (const row_buffer& piece : rows_.pieces()) disk_->append(piece.data(), piece.size());
    rows_ = row_pieces(rows_.type());
    heap_ = 0;
  }

  task_context& task_;
  row_pieces rows_;
  std::size_t heap_ = 0;
  std::optional<row_frames> disk_;
};

row_runs read_own(const node& parent, int partition, task_context& task) {
  own_rows own(parent.rows(), task);
  const auto from = task.open(parent, partition);
  while (from->step({&own, own_rows::push}) == flow::more)
    if (task.cancelled()) break;
  return own.finish();
}

}  // namespace

row_runs fetch_side(const node& grouped, const side_source& side, int partition,
                    task_context& task) {
  return side.shuffled ? fetch_rows(*grouped.shuffles()[side.index], partition, task)
                       : read_own(*grouped.parents()[side.index], partition, task);
}

bool fits_by_key(const row_runs& rows, const task_context& task) {
  // Beside the rows: their order by key, and a table of the keys.
  constexpr std::size_t beside = 64;
  return rows.bytes + rows.total * beside <= task.memory().share;
}

static_assert(sizeof(row_range) == sizeof(std::int64_t));

key_numbers::key_numbers(const row_type& key)
    : table_(entry_layout(&key, &row_type_of<std::int64_t>())) {}

void key_numbers::assign(const row_type& pairs, const char* rows, std::uint32_t n,
                         std::uint32_t* numbers) {
  void* slots[chunk_rows];
  std::uint32_t known = table_.size();
  table_.find(table_.layout().source(pairs.field(0).offset), rows, pairs.size, n, slots);
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto slot = reinterpret_cast<std::uintptr_t>(slots[i]);
    auto* number = reinterpret_cast<std::uint32_t*>(slot & ~fresh_slot);
    if ((slot & fresh_slot) != 0) *number = known++;
    numbers[i] = *number;
  }
}

void key_numbers::make_keys(std::uint32_t first, std::uint32_t n, void* to) {
  const entry_layout& layout = table_.layout();
  for (std::uint32_t i = 0; i < n; ++i)
    layout.make_key(table_.entries() + std::size_t{first + i} * layout.stride(),
                    static_cast<char*>(to) + std::size_t{i} * layout.key()->size);
}

void key_numbers::set_ranges(const std::uint32_t* starts) {
  if (table_.size() == 0) return;  // it may have no memory
  char* value = table_.entries() + table_.layout().value_at();
  for (std::uint32_t k = 0; k < table_.size(); ++k, value += table_.layout().stride())
    *reinterpret_cast<row_range*>(value) = {starts[k], starts[k + 1]};
}

void key_numbers::find(const row_type& pairs, const char* rows, std::uint32_t n,
                       std::uint32_t* first, std::uint32_t* last) {
  void* slots[chunk_rows];
  table_.look_up(table_.layout().source(pairs.field(0).offset), rows, pairs.size, n, slots);
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto* found = static_cast<const row_range*>(slots[i]);
    first[i] = found != nullptr ? found->first : 0;
    last[i] = found != nullptr ? found->last : 0;
  }
}

void rows_by_key::number(row_runs rows, key_numbers& keys, const task_context& task) {
  input_ = std::move(rows);
  input_.load(*pairs_);
  if (input_.total > std::numeric_limits<std::uint32_t>::max())
    throw error("too many rows for one partition of a group or join, use more partitions: " +
                std::to_string(input_.total));
  numbers_ = allocate_aligned(input_.total * sizeof(std::uint32_t));
  auto* number = static_cast<std::uint32_t*>(numbers_.get());
  for (const auto& run : input_.runs) {
    for (std::size_t i = 0; i < run.count; i += chunk_rows) {
      const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(chunk_rows, run.count - i));
      keys.assign(*pairs_, run.rows + i * pairs_->size, n, number);
      if (starts_.size() <= keys.size()) starts_.resize(std::size_t{keys.size()} * 2 + 2);
      for (std::uint32_t j = 0; j < n; ++j) ++starts_[std::size_t{number[j]} + 1];
      number += n;
    }
    if (task.cancelled()) return;
  }
}

template <class Put>
void rows_by_key::place_each(Put put) {
  std::vector<std::uint32_t> next(starts_.begin(), starts_.end());
  const auto* number = static_cast<const std::uint32_t*>(numbers_.get());
  for (const auto& run : input_.runs) {
    const char* row = run.rows;
    for (std::size_t i = 0; i < run.count; ++i, row += pairs_->size) put(next[*number++]++, row);
  }
}

void rows_by_key::place(std::uint32_t keys) {
  starts_.resize(std::size_t{keys} + 1);
  for (std::size_t k = 1; k < starts_.size(); ++k) starts_[k] += starts_[k - 1];
  const std::uint32_t size = whole_ ? pairs_->size : sizeof(void*);
  rows_ = allocate_aligned(input_.total * size);
  char* to = static_cast<char*>(rows_.get());
  if (!whole_)
    place_each([&](std::size_t at, const char* row) { std::memcpy(to + at * 8, &row, 8); });
  else if (size == 16)
    place_each([&](std::size_t at, const char* row) { std::memcpy(to + at * 16, row, 16); });
  else place_each([&](std::size_t at, const char* row) { std::memcpy(to + at * size, row, size); });
  numbers_ = nullptr;
}

}  // namespace millrace::detail
