#include "dataset/shuffle.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "dataset/table.hpp"

namespace millrace::detail {

shuffle::shuffle(node_ptr parent, int partitions)
    : parent_(std::move(parent)), partitions_(partitions), id_(parent_->context()->next_id()) {}

shuffle::~shuffle() { parent_->context()->forget_shuffle(id_); }

keyed_shuffle::keyed_shuffle(node_ptr parent, const row_type& rows, entry_layout layout,
                             aggregator a, partitioner_ptr by)
    : shuffle(std::move(parent), by->partitions),
      rows_(rows),
      layout_(std::move(layout)),
      aggregator_(std::move(a)),
      by_(std::move(by)) {}

map_output_ptr keyed_shuffle::write(task_context& task, int map) const {
  return write_entries(*parent(), map, rows_, layout_, aggregator_, by_.get(), task);
}

namespace {

/// Rows into a table, combining; one after another once that turned out not to pay. A table that
/// has its share of memory goes to disk as if the map partition ended there, and another begins.
class entry_writer {
 public:
  /// `rows`: the parent's; `entries`: what entries are as rows.
  entry_writer(const entry_layout& layout, const aggregator& a, const row_type& rows,
               const row_type& entries, const partitioner* by, task_context& task)
      : layout_(layout),
        table_(std::in_place, layout),
        aggregator_(a),
        rows_(rows),
        entries_(entries),
        by_(by),
        task_(task),
        source_(layout.source(a.key_at)) {}

  static flow push(void* self, const chunk& rows) {
    auto& me = *static_cast<entry_writer*>(self);
    // What is decided on the way is decided after each 1,024 rows exactly: how rows come in chunks
    // may depend on time, and results must not.
    for (std::uint32_t done = 0; done != rows.count;) {
      const auto since = static_cast<std::uint32_t>(me.seen_ % chunk_rows);
      const std::uint32_t n = std::min(rows.count - done, chunk_rows - since);
      if (since == 0 && me.table_->size() != 0 &&
          me.table_->bytes_with(chunk_rows) > me.task_.memory().share)
        me.cut();
      try {
        me.add(
            {static_cast<char*>(rows.rows) + std::size_t{done} * me.rows_.size, n, rows.movable});
      } catch (...) {  // the user's function on values
        me.task_.failed_in(me.aggregator_.operation, -1);
        throw;
      }
      done += n;
    }
    return flow::more;
  }

  /// `maps`: how many outputs share the memory for them; 0: this one is read at once.
  map_output_ptr finish(int maps) {
    auto part = take();
    if (maps != 0 && !fits_in_memory(*part, maps, task_)) {
      runs_.push_back(to_disk(*part));
      return std::make_shared<map_output>(std::move(runs_));
    }
    part->spilled(std::move(runs_));
    return part;
  }

 private:
  // Combining pays while keys repeat. The data decides, after this many rows, and never the clock.
  // Of fewer, most are different even where a hundred thousand keys come again and again.
  static constexpr std::uint64_t rows_before_judging = 256 * 1024;

  void add(const chunk& rows) {
    const char* first = static_cast<const char*>(rows.rows);
    const std::uint32_t stride = rows_.size;
    if (!gave_up_ && aggregator_.sum != known_sum::none && layout_.form() != key_form::general) {
      table_->sum(aggregator_.sum, source_, first, stride, aggregator_.value_at, rows.count);
    } else {
      if (gave_up_) table_->append(source_, first, stride, rows.count, slots_);
      else table_->find(source_, first, stride, rows.count, slots_);
      table_->fold(aggregator_.fold_values, aggregator_.function.get(), slots_, aggregator_.value,
                   first + aggregator_.value_at, stride, rows.count);
    }
    seen_ += rows.count;
    if (seen_ >= rows_before_judging && !judged_) {
      judged_ = true;
      gave_up_ = cut_ + table_->size() > seen_ / 2;
    }
  }

  /// What the table holds, dealt out to partitions.
  std::shared_ptr<map_output> take() {
    const std::size_t n = table_->size();
    auto [entries, texts] = table_->release();
    table_.emplace(layout_);
    if (entries == nullptr) entries = allocate_aligned(0);
    if (by_ != nullptr)
      return scatter(layout_, std::move(entries), n, std::move(texts), *by_, !gave_up_);
    return std::make_shared<map_output>(layout_, std::move(entries), std::vector<std::size_t>{0, n},
                                        std::move(texts), !gave_up_);
  }

  void cut() {
    cut_ += table_->size();
    runs_.push_back(to_disk(*take()));
  }

  map_output::spilled_run to_disk(const map_output& part) {
    map_output::spilled_run run;
    entry_rows rows(layout_, entries_);
    std::uint64_t bytes = 0;
    std::uint64_t written = 0;
    for (int p = 0; p < (by_ != nullptr ? by_->partitions : 1); ++p) {
      row_frames& to = run.emplace_back(entries_, task_.memory().disk);
      // Nobody else reads this part: its values may be moved out.
      auto* entry = const_cast<char*>(part.begin(p));
      for (std::size_t left = part.count(p); left != 0;) {
        const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(left, chunk_rows));
        rows.make(entry, n, true);
        to.append(rows.rows(), n);
        entry += std::size_t{n} * layout_.stride();
        left -= n;
      }
      to.finish();
      bytes += to.bytes();
      written += to.rows();
    }
    task_.spilled(aggregator_.operation, written, bytes);
    return run;
  }

  const entry_layout& layout_;
  std::optional<aggregation_table> table_;
  const aggregator& aggregator_;
  const row_type& rows_;
  const row_type& entries_;
  const partitioner* by_;
  task_context& task_;
  key_source source_;
  std::vector<map_output::spilled_run> runs_;
  bool gave_up_ = false;
  bool judged_ = false;
  std::uint64_t seen_ = 0;
  std::uint64_t cut_ = 0;  // entries in runs
  void* slots_[chunk_capacity];
};

}  // namespace

map_output_ptr write_entries(const node& parent, int partition, const row_type& rows,
                             const entry_layout& layout, const aggregator& a, const partitioner* by,
                             task_context& task) {
  entry_writer writer(layout, a, parent.rows(), rows, by, task);
  const auto from = task.open(parent, partition);
  while (from->step({&writer, entry_writer::push}) == flow::more)
    if (task.cancelled()) break;
  return writer.finish(by != nullptr ? parent.partitions() : 0);
}

bool fits_in_memory(map_output& out, int maps, const task_context& task) {
  memory_budget* budget = task.memory().budget;
  if (budget == nullptr) return true;
  const std::size_t bytes = out.bytes();
  if (bytes > budget->outputs().limit() / static_cast<std::size_t>(maps)) return false;
  held_memory held(budget->outputs());
  if (!held.grow_to(bytes)) return false;
  out.held(std::move(held));
  return true;
}

entry_rows::entry_rows(const entry_layout& layout, const row_type& rows)
    : layout_(layout),
      rows_(rows),
      value_in_row_(layout.value() != nullptr ? rows.field(1).offset : 0),
      buffer_(allocate_aligned(std::size_t{chunk_capacity} * rows.size)) {}

template <class EntryAt>
void entry_rows::make_each(EntryAt entry_at, std::uint32_t n, bool steal) {
  clear();
  char* row = static_cast<char*>(buffer_.get());
  const row_type* value = layout_.value();
  const std::uint32_t value_at = layout_.value_at();
  // A key is the row itself or its first field, at the start either way but in a std::tuple.
  const std::uint32_t key_in_row = value != nullptr ? rows_.field(0).offset : 0;
  for (std::uint32_t i = 0; i < n; ++i, row += rows_.size) {
    char* entry = entry_at(i);
    layout_.make_key(entry, row + key_in_row);
    if (value != nullptr) {
      char* to = row + value_in_row_;
      if (value->trivial) {
        if (value->size == 4) std::memcpy(to, entry + value_at, 4);
        else if (value->size == 8) std::memcpy(to, entry + value_at, 8);
        else std::memcpy(to, entry + value_at, value->size);
      } else if (steal) {
        value->move(to, entry + value_at, 1);
      } else {
        try {
          value->copy(to, entry + value_at, 1);
        } catch (...) {
          destroy_rows(*layout_.key(), row + key_in_row, 1);
          throw;
        }
      }
    }
    ++count_;
  }
}

void entry_rows::make(char* entries, std::uint32_t n, bool steal) {
  const std::uint32_t stride = layout_.stride();
  make_each([entries, stride](std::uint32_t i) { return entries + std::size_t{i} * stride; }, n,
            steal);
}

void entry_rows::make(char* const* entries, std::uint32_t n, bool steal) {
  make_each([entries](std::uint32_t i) { return entries[i]; }, n, steal);
}

flow entry_rows::push(const sink& to) {
  if (count_ == 0) return flow::more;
  return to({buffer_.get(), count_, true});
}

void entry_rows::clear() {
  destroy_rows(rows_, buffer_.get(), count_);
  count_ = 0;
}

}  // namespace millrace::detail
