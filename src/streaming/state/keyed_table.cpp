#include "streaming/state/keyed_table.hpp"

#include <algorithm>
#include <cstring>
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

keyed_table::keyed_table(const row_type& key, const row_type& value, bool stamped)
    : value_(&value), keys_(entry_layout(&key, nullptr)), stamped_(stamped) {}

keyed_table::~keyed_table() {
  if (value_->trivial) return;
  for (std::uint32_t id = 0; id < alive_.size(); ++id)
    if (alive_[id] != 0) value_->destroy(slot(id), 1);
}

void keyed_table::find(std::uint32_t key_in_row, const char* rows, std::uint32_t stride,
                       std::uint32_t n, std::uint32_t* ids) {
  if (n == 0) return;
  void* slots[chunk_capacity];
  const std::lock_guard lock(mutex_);
  keys_.find(keys_.layout().source(key_in_row), rows, stride, n, slots);
  const char* const first = keys_.entries() + keys_.layout().value_at();
  const std::uint32_t size = keys_.layout().stride();
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto at = reinterpret_cast<std::uintptr_t>(slots[i]) & ~fresh_slot;
    ids[i] = static_cast<std::uint32_t>((at - reinterpret_cast<std::uintptr_t>(first)) / size);
  }
  if (keys_.size() != alive_.size()) reserve_values();
}

void keyed_table::reserve_values() {
  if (keys_.size() > capacity_) {
    const std::size_t capacity = std::max<std::size_t>({keys_.size(), capacity_ * 2, 16});
    aligned_memory bigger = allocate_aligned(capacity * value_->size);
    if (value_->trivial) {
      if (capacity_ != 0) std::memcpy(bigger.get(), values_.get(), capacity_ * value_->size);
    } else {
      for (std::uint32_t id = 0; id < alive_.size(); ++id) {
        if (alive_[id] == 0) continue;
        value_->move(static_cast<char*>(bigger.get()) + std::size_t{id} * value_->size, slot(id),
                     1);
        value_->destroy(slot(id), 1);
      }
    }
    values_ = std::move(bigger);
    capacity_ = capacity;
  }
  if (stamped_) stamps_.resize(keys_.size());
  alive_.resize(keys_.size());  // last: says for how many there is room
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
    now->before.resize(n);
    now->values.reserve(replaced);
    if (stamped_) {
      now->stamped.reserve(n + changes.seen.size());
      now->stamps.reserve(n + changes.seen.size());
    }
    now->replaced = changes.ids;
  }
  const auto restamp = [&](std::uint32_t id) {
    if (!stamped_) return;
    if (held) {
      now->stamped.push_back(id);
      now->stamps.push_back(stamps_[id]);
    }
    stamps_[id] = std::max<std::int64_t>(batch, 1);  // what the first batch finds counts from it
  };
  const std::size_t size = value_->size;
  char* from = static_cast<char*>(changes.values.data());
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t id = changes.ids[i];
    const bool stays = changes.alive[i] != 0;
    if (alive_[id] != 0) {
      if (held) {
        void* const kept = now->values.place();
        move_rows(*value_, kept, slot(id), 1);
        now->values.added();
        now->before[i] = kept;
      }
      destroy_rows(*value_, slot(id), 1);
      if (!stays) --alive_count_;
    } else if (stays) {
      ++alive_count_;
    }
    if (stays) {
      move_rows(*value_, slot(id), from, 1);
      from += size;
    }
    alive_[id] = stays ? 1 : 0;
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
  if (tracked_ids_ + touched->ids.size() > few + 2 * std::size_t{keys_.size()}) {
    std::vector<std::uint8_t> is_touched(keys_.size());
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
  const std::uint32_t stride = type.size;
  ids.assign(keep.size(), no_id);
  const aligned_memory keys = allocate_aligned(std::size_t{chunk_rows} * stride);
  std::uint32_t found[chunk_capacity];
  std::vector<std::uint32_t> old;
  const auto add = [&] {
    const auto n = static_cast<std::uint32_t>(old.size());
    find(0, static_cast<const char*>(keys.get()), stride, n, found);
    destroy_rows(type, keys.get(), n);
    for (std::uint32_t i = 0; i < n; ++i) ids[old[i]] = found[i];
    old.clear();
  };
  for (std::uint32_t id = 0; id < keep.size(); ++id) {
    if (keep[id] == 0) continue;
    from.make_key(id, static_cast<char*>(keys.get()) + old.size() * stride);
    old.push_back(id);
    if (old.size() == chunk_rows) add();
  }
  add();
  for (std::uint32_t id = 0; id < keep.size(); ++id) {
    if (keep[id] == 0 || !from.has(id)) continue;
    copy_rows(*value_, slot(ids[id]), from.value(id), 1);
    alive_[ids[id]] = 1;
    ++alive_count_;
    if (stamped_) stamps_[ids[id]] = from.stamps_[id];
  }
}

version_reader::version_reader(version_ptr version)
    : last_(std::move(version)), table_(last_->table), ids_(last_->ids) {}

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

const void* version_reader::value(std::uint32_t id) const {
  if (!values_.empty()) {
    const auto found = values_.find(id);
    if (found != values_.end()) return found->second;
  }
  return table_->value(id);
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
    {
      const std::lock_guard lock(version_);
      while (next_ < version_.ids() && count_ < chunk_rows) make(next_++);
    }
    if (count_ == 0) return flow::enough;
    const flow answer = to({buffer_.get(), count_, true});
    return next_ == version_.ids() ? flow::enough : answer;
  }

 private:
  void make(std::uint32_t id) {
    const void* const value = version_.value(id);
    if (value == nullptr) return;
    char* const row = static_cast<char*>(buffer_.get()) + std::size_t{count_} * rows_.size;
    const row_type& key = *rows_.field(0).type;
    version_.table().make_key(id, row + rows_.field(0).offset);
    try {
      // Text of the key may lie in the entry itself, which moves when the table grows.
      if (key.holds_views) own_row(key, row + rows_.field(0).offset, texts_);
      copy_rows(*rows_.field(1).type, row + rows_.field(1).offset, value, 1);
    } catch (...) {
      destroy_rows(key, row + rows_.field(0).offset, 1);
      throw;
    }
    ++count_;
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
