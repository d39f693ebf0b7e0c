#include "dataset/shuffle.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include "dataset/table.hpp"

namespace millrace::detail {

shuffle::shuffle(node_ptr parent, int partitions)
    : parent_(std::move(parent)), partitions_(partitions), id_(parent_->context()->next_id()) {}

shuffle::~shuffle() { parent_->context()->forget_shuffle(id_); }

keyed_shuffle::keyed_shuffle(node_ptr parent, entry_layout layout, aggregator a, partitioner_ptr by)
    : shuffle(std::move(parent), by->partitions),
      layout_(std::move(layout)),
      aggregator_(std::move(a)),
      by_(std::move(by)) {}

map_output_ptr keyed_shuffle::write(task_context& task, int map) const {
  return write_entries(*parent(), map, layout_, aggregator_, by_.get(), task);
}

namespace {

/// Rows into a table, combining; one after another once that turned out not to pay.
class entry_writer {
 public:
  entry_writer(const entry_layout& layout, const aggregator& a, const row_type& rows,
               task_context& task)
      : table_(layout),
        aggregator_(a),
        rows_(rows),
        task_(task),
        source_(layout.source(a.key_at)) {}

  static flow push(void* self, const chunk& rows) {
    auto& me = *static_cast<entry_writer*>(self);
    try {
      me.add(rows);
    } catch (...) {  // the user's function on values
      me.task_.failed_in(me.aggregator_.operation, -1);
      throw;
    }
    return flow::more;
  }

  map_output_ptr finish(const partitioner* by) {
    const entry_layout layout = table_.layout();
    const std::size_t n = table_.size();
    auto [entries, texts] = table_.release();
    if (entries == nullptr) entries = allocate_aligned(0);
    if (by != nullptr)
      return scatter(layout, std::move(entries), n, std::move(texts), *by, !gave_up_);
    return std::make_shared<map_output>(layout, std::move(entries), std::vector<std::size_t>{0, n},
                                        std::move(texts), !gave_up_);
  }

 private:
  // Combining pays while keys repeat. The data decides, after this many rows, and never the clock.
  static constexpr std::uint64_t rows_before_judging = 64 * 1024;

  void add(const chunk& rows) {
    const char* first = static_cast<const char*>(rows.rows);
    const std::uint32_t stride = rows_.size;
    if (!gave_up_ && aggregator_.sum != known_sum::none &&
        table_.layout().form() != key_form::general) {
      table_.sum(aggregator_.sum, source_, first, stride, aggregator_.value_at, rows.count);
    } else {
      if (gave_up_) table_.append(source_, first, stride, rows.count, slots_);
      else table_.find(source_, first, stride, rows.count, slots_);
      table_.fold(aggregator_.fold_values, aggregator_.function.get(), slots_,
                  first + aggregator_.value_at, stride, rows.count);
    }
    seen_ += rows.count;
    if (seen_ >= rows_before_judging && !judged_) {
      judged_ = true;
      gave_up_ = table_.size() > seen_ / 2;
    }
  }

  aggregation_table table_;
  const aggregator& aggregator_;
  const row_type& rows_;
  task_context& task_;
  key_source source_;
  bool gave_up_ = false;
  bool judged_ = false;
  std::uint64_t seen_ = 0;
  void* slots_[chunk_capacity];
};

}  // namespace

map_output_ptr write_entries(const node& parent, int partition, const entry_layout& layout,
                             const aggregator& a, const partitioner* by, task_context& task) {
  entry_writer writer(layout, a, parent.rows(), task);
  const auto rows = task.open(parent, partition);
  while (rows->step({&writer, entry_writer::push}) == flow::more)
    if (task.cancelled()) break;
  return writer.finish(by);
}

entry_rows::entry_rows(const entry_layout& layout, const row_type& rows)
    : layout_(layout),
      rows_(rows),
      value_in_row_(layout.value() != nullptr ? rows.field(1).offset : 0),
      buffer_(allocate_aligned(std::size_t{chunk_capacity} * rows.size)) {}

void entry_rows::make(char* entries, std::uint32_t n, bool steal) {
  clear();
  char* row = static_cast<char*>(buffer_.get());
  const row_type* value = layout_.value();
  const std::uint32_t value_at = layout_.value_at();
  const std::uint32_t stride = layout_.stride();
  // A key is the row itself or its first field, at the start either way but in a std::tuple.
  const std::uint32_t key_in_row = value != nullptr ? rows_.field(0).offset : 0;
  for (std::uint32_t i = 0; i < n; ++i, row += rows_.size, entries += stride) {
    layout_.make_key(entries, row + key_in_row);
    if (value != nullptr) {
      char* to = row + value_in_row_;
      if (value->trivial) {
        if (value->size == 4) std::memcpy(to, entries + value_at, 4);
        else if (value->size == 8) std::memcpy(to, entries + value_at, 8);
        else std::memcpy(to, entries + value_at, value->size);
      } else if (steal) {
        value->move(to, entries + value_at, 1);
      } else {
        try {
          value->copy(to, entries + value_at, 1);
        } catch (...) {
          destroy_rows(*layout_.key(), row + key_in_row, 1);
          throw;
        }
      }
    }
    ++count_;
  }
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
