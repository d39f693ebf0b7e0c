#include "streaming/state/keyed_table.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace millrace::detail {

namespace {
/// A chain of which only this end is held: one after another, not one inside the other.
template <class Link>
void release(std::shared_ptr<Link> one, std::shared_ptr<Link> Link::* next) {
  while (one != nullptr && one.use_count() == 1) one = std::move((*one).*next);
}
}  // namespace

touched_keys::~touched_keys() { release(std::move(before), &touched_keys::before); }

table_version::table_version(std::shared_ptr<keyed_table> of, std::int64_t batch)
    : table(std::move(of)), number(batch), ids(table->ids()), values(table->value_type()) {}

table_version::~table_version() { release(std::move(next), &table_version::next); }

keyed_table::keyed_table(const row_type& key, const row_type& value, bool stamped,
                         const cells_maker& cells)
    : key_(&key), value_(&value), cells_(cells(key, value, alive_)), stamped_(stamped) {}

void keyed_table::find(std::uint32_t key_in_row, const char* rows, std::uint32_t stride,
                       std::uint32_t n, std::uint32_t* ids) {
  if (n == 0) return;
  const std::lock_guard lock(mutex_);
  cells_->find(key_in_row, rows, stride, n, ids);
  if (cells_->size() == alive_.size()) return;
  if (stamped_) stamps_.resize(cells_->size());
  alive_.resize(cells_->size());
}

version_ptr keyed_table::commit(staged_changes& changes, const version_ptr& now,
                                std::int64_t batch) {
  if (changes.ids.empty() && changes.seen.empty()) return now;
  const std::size_t n = changes.ids.size();
  std::size_t replaced = 0;
  for (const std::uint32_t id : changes.ids) replaced += has(id) ? 1 : 0;

  const std::lock_guard lock(mutex_);
  // All that may throw comes first.
  auto next = std::make_shared<table_version>(now->table, batch);
  if (tracked()) record(changes, *now, *next);
  const bool held = now.use_count() > 1;
  if (held) {
    now->before.assign(n, nullptr);
    now->values.reserve(replaced);
    if (stamped_) {
      now->stamped.reserve(n + changes.seen.size());
      now->stamps.reserve(n + changes.seen.size());
    }
    now->replaced = changes.ids;
  }
  replaced_values left{now->values, now->before};
  cells_->put(changes, held ? &left : nullptr);

  const auto restamp = [&](std::uint32_t id) {
    if (!stamped_) return;
    if (held) {
      now->stamped.push_back(id);
      now->stamps.push_back(stamps_[id]);
    }
    stamps_[id] = std::max<std::int64_t>(batch, 1);  // what the first batch finds counts from it
  };
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t id = changes.ids[i];
    const std::uint8_t stays = changes.alive[i] != 0 ? 1 : 0;
    alive_count_ += stays;
    alive_count_ -= alive_[id];
    alive_[id] = stays;
    restamp(id);
  }
  for (const std::uint32_t id : changes.seen) restamp(id);
  if (tracked()) {
    tracked_ids_ = next->touched->before == nullptr ? next->touched->ids.size()
                                                    : tracked_ids_ + next->touched->ids.size();
  }
  now->next = next;
  return next;
}

void keyed_table::record(const staged_changes& changes, const table_version& now,
                         table_version& next) {
  auto touched = std::make_shared<touched_keys>();
  touched->first = touched->last = next.number;
  touched->known = now.ids;
  touched->ids = changes.ids;
  touched->ids.insert(touched->ids.end(), changes.seen.begin(), changes.seen.end());
  touched->before = now.touched;
  // However long nobody asks: at most about two numbers a key.
  constexpr std::size_t few = 4096;
  if (tracked_ids_ + touched->ids.size() > few + 2 * std::size_t{ids()}) {
    std::vector<std::uint8_t> is_touched(ids());
    for (const touched_keys* one = touched.get(); one != nullptr; one = one->before.get()) {
      for (const std::uint32_t id : one->ids) is_touched[id] = 1;
      touched->first = one->first;
      touched->known = one->known;
    }
    touched->ids.clear();
    for (std::uint32_t id = 0; id < is_touched.size(); ++id)
      if (is_touched[id] != 0) touched->ids.push_back(id);
    touched->before = nullptr;
  }
  next.touched = std::move(touched);
}

void keyed_table::forget_touched(const version_ptr& now, std::int64_t batch) {
  const std::lock_guard lock(mutex_);
  std::size_t kept = 0;
  std::shared_ptr<touched_keys>* one = &now->touched;
  for (; *one != nullptr && (*one)->last > batch; one = &(*one)->before) kept += (*one)->ids.size();
  if (*one != nullptr) tracked_since_ = std::max(tracked_since_, (*one)->last);
  *one = nullptr;
  tracked_ids_ = kept;
}

keyed_table::difference keyed_table::changed_since(const table_version& version,
                                                   std::int64_t batch) {
  difference d;
  const std::lock_guard lock(version.table->mutex_);
  if (batch < version.table->tracked_since_) return d;
  d.known = true;
  d.ids = version.ids;
  for (const touched_keys* one = version.touched.get(); one != nullptr && one->last > batch;
       one = one->before.get()) {
    d.ids = one->known;
    d.touched.insert(d.touched.end(), one->ids.begin(), one->ids.end());
  }
  std::sort(d.touched.begin(), d.touched.end());
  d.touched.erase(std::unique(d.touched.begin(), d.touched.end()), d.touched.end());
  return d;
}

void keyed_table::copy(const keyed_table& from, const std::vector<std::uint8_t>& keep,
                       std::vector<std::uint32_t>& ids) {
  const row_type& type = key();
  ids.assign(keep.size(), no_id);
  const aligned_memory keys = allocate_aligned(std::size_t{chunk_rows} * type.size);
  std::uint32_t found[chunk_rows];
  const void* values[chunk_rows];
  row_buffer kept(*value_);
  std::vector<std::uint32_t> old;
  const auto add = [&] {
    const auto n = static_cast<std::uint32_t>(old.size());
    arena texts;
    from.make_keys(old.data(), n, keys.get(), type.size, texts);
    try {
      find(0, static_cast<const char*>(keys.get()), type.size, n, found);
    } catch (...) {
      destroy_rows(type, keys.get(), n);
      throw;
    }
    destroy_rows(type, keys.get(), n);
    from.read(old.data(), n, values, kept);
    staged_changes changes(*value_);
    for (std::uint32_t i = 0; i < n; ++i) {
      ids[old[i]] = found[i];
      if (stamped_) stamps_[found[i]] = from.stamps_[old[i]];
      if (values[i] == nullptr) continue;
      copy_rows(*value_, changes.values.place(), values[i], 1);
      changes.values.added();
      changes.ids.push_back(found[i]);
    }
    changes.alive.assign(changes.ids.size(), 1);
    cells_->put(changes, nullptr);
    for (const std::uint32_t id : changes.ids) alive_[id] = 1;
    alive_count_ += static_cast<std::uint32_t>(changes.ids.size());
    old.clear();
  };
  for (std::uint32_t id = 0; id < keep.size(); ++id) {
    if (keep[id] == 0) continue;
    old.push_back(id);
    if (old.size() == chunk_rows) add();
  }
  if (!old.empty()) add();
}

version_reader::version_reader(version_ptr version)
    : last_(std::move(version)),
      table_(last_->table),
      ids_(last_->ids),
      kept_(table_->value_type()) {}

void version_reader::lock() {
  std::unique_lock held(table_->mutex_);
  // The first to have replaced a value is who knows how it was.
  while (last_->table == table_ && last_->next != nullptr) {
    for (std::size_t i = 0; i < last_->replaced.size(); ++i)
      values_.try_emplace(last_->replaced[i], last_->before[i]);
    for (std::size_t i = 0; i < last_->stamped.size(); ++i)
      stamps_.try_emplace(last_->stamped[i], last_->stamps[i]);
    held_.push_back(last_);
    last_ = last_->next;
  }
  held.release();
}

void version_reader::read(const std::uint32_t* ids, std::uint32_t n, const void** to) {
  if (values_.empty()) return table_->read(ids, n, to, kept_);
  std::uint32_t current[chunk_rows] = {};
  std::uint32_t place[chunk_rows];
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto found = values_.find(ids[i]);
    if (found != values_.end()) {
      to[i] = found->second;
    } else {
      current[count] = ids[i];
      place[count++] = i;
    }
  }
  const void* values[chunk_rows];
  table_->read(current, count, values, kept_);
  for (std::uint32_t i = 0; i < count; ++i) to[place[i]] = values[i];
}

std::int64_t version_reader::stamp(std::uint32_t id) const {
  if (!stamps_.empty()) {
    const auto found = stamps_.find(id);
    if (found != stamps_.end()) return found->second;
  }
  return table_->stamp(id);
}

/// Reads chunk by chunk. Values that later batches replaced come from what these left behind.
class version_cursor final : public cursor {
 public:
  version_cursor(version_ptr version, const row_type& rows)
      : version_(std::move(version)),
        rows_(rows),
        buffer_(allocate_aligned(std::size_t{chunk_rows} * rows.size)) {}
  ~version_cursor() override { clear(); }

  flow step(const sink& to) override {
    clear();
    while (count_ == 0 && next_ < version_.ids()) {
      const std::lock_guard lock(version_);
      make();
    }
    if (count_ == 0) return flow::enough;
    const flow answer = to({buffer_.get(), count_, true});
    return next_ == version_.ids() ? flow::enough : answer;
  }

 private:
  /// The rows of the next ids, as far as they have a value.
  void make() {
    std::uint32_t ids[chunk_rows] = {};
    const void* values[chunk_rows];
    const std::uint32_t n = std::min(chunk_rows, version_.ids() - next_);
    for (std::uint32_t i = 0; i < n; ++i) ids[i] = next_++;
    version_.read(ids, n, values);
    std::uint32_t with_value = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      if (values[i] == nullptr) continue;
      ids[with_value] = ids[i];
      values[with_value++] = values[i];
    }
    const row_field& key = rows_.field(0);
    const row_field& value = rows_.field(1);
    char* row = static_cast<char*>(buffer_.get());
    version_.make_keys(ids, with_value, row + key.offset, rows_.size, texts_);
    try {
      for (; count_ < with_value; ++count_, row += rows_.size) {
        // Text of the key may lie in the entry itself, which moves when the table grows.
        if (key.type->holds_views) own_row(*key.type, row + key.offset, texts_);
        copy_rows(*value.type, row + value.offset, values[count_], 1);
      }
    } catch (...) {
      for (std::uint32_t i = count_; i < with_value; ++i, row += rows_.size)
        destroy_rows(*key.type, row + key.offset, 1);
      throw;
    }
  }

  void clear() {
    destroy_rows(rows_, buffer_.get(), count_);
    count_ = 0;
    texts_.clear();
  }

  version_reader version_;
  const row_type& rows_;
  std::uint32_t next_ = 0;
  std::uint32_t count_ = 0;
  aligned_memory buffer_;
  arena texts_;
};

std::unique_ptr<cursor> read_version(version_ptr version, const row_type& rows) {
  return std::make_unique<version_cursor>(std::move(version), rows);
}

}  // namespace millrace::detail
