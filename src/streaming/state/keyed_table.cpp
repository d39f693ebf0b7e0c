#include "streaming/state/keyed_table.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

namespace millrace::detail {

table_version::table_version(std::shared_ptr<keyed_table> of)
    : table(std::move(of)), ids(table->ids()), values(table->value_type()) {}

table_version::~table_version() {
  // A chain of versions that only this one held: one after another, not one inside the other.
  std::shared_ptr<table_version> one = std::move(next);
  while (one != nullptr && one.use_count() == 1) one = std::move(one->next);
}

keyed_table::keyed_table(const row_type& key, const row_type& value)
    : value_(&value), keys_(entry_layout(&key, nullptr)) {}

keyed_table::~keyed_table() {
  if (value_->trivial) return;
  for (std::uint32_t id = 0; id < alive_.size(); ++id)
    if (alive_[id] != 0) value_->destroy(slot(id), 1);
}

void keyed_table::find(std::uint32_t key_in_row, const char* rows, std::uint32_t stride,
                       std::uint32_t n, std::uint32_t* ids) {
  void* slots[chunk_capacity];
  const std::lock_guard lock(mutex_);
  const std::uint32_t known = keys_.size();
  keys_.find(keys_.layout().source(key_in_row), rows, stride, n, slots);
  const char* const first = keys_.entries() + keys_.layout().value_at();
  const std::uint32_t size = keys_.layout().stride();
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto at = reinterpret_cast<std::uintptr_t>(slots[i]) & ~fresh_slot;
    ids[i] = static_cast<std::uint32_t>((at - reinterpret_cast<std::uintptr_t>(first)) / size);
  }
  if (keys_.size() != known) reserve_values();
}

void keyed_table::reserve_values() {
  alive_.resize(keys_.size());
  if (keys_.size() <= capacity_) return;
  const std::size_t capacity = std::max<std::size_t>({keys_.size(), capacity_ * 2, 16});
  aligned_memory bigger = allocate_aligned(capacity * value_->size);
  if (value_->trivial) {
    if (capacity_ != 0) std::memcpy(bigger.get(), values_.get(), capacity_ * value_->size);
  } else {
    for (std::uint32_t id = 0; id < capacity_; ++id) {
      if (alive_[id] == 0) continue;
      value_->move(static_cast<char*>(bigger.get()) + std::size_t{id} * value_->size, slot(id), 1);
      value_->destroy(slot(id), 1);
    }
  }
  values_ = std::move(bigger);
  capacity_ = capacity;
}

version_ptr keyed_table::commit(staged_changes& changes, const version_ptr& now) {
  if (changes.ids.empty()) return now;
  auto next = std::make_shared<table_version>(now->table);
  const std::size_t n = changes.ids.size();
  std::size_t replaced = 0;
  for (const std::uint32_t id : changes.ids) replaced += has(id) ? 1 : 0;

  const std::lock_guard lock(mutex_);
  const bool held = now.use_count() > 1;
  if (held) {  // all that may throw comes first
    now->replaced = changes.ids;
    now->before.resize(n);
    now->values.reserve(replaced);
  }
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
  }
  now->next = next;
  return next;
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
  }
}

/// Reads chunk by chunk. Values that later batches replaced come from what these left behind.
class version_cursor final : public cursor {
 public:
  version_cursor(version_ptr version, const row_type& rows)
      : last_(std::move(version)),
        table_(last_->table),
        rows_(rows),
        ids_(last_->ids),
        buffer_(allocate_aligned(std::size_t{chunk_rows} * rows.size)) {}
  ~version_cursor() override { clear(); }

  flow step(const sink& to) override {
    clear();
    {
      const std::lock_guard lock(table_->mutex_);
      catch_up();
      while (next_ < ids_ && count_ < chunk_rows) make(next_++);
    }
    if (count_ == 0) return flow::enough;
    const flow answer = to({buffer_.get(), count_, true});
    return next_ == ids_ ? flow::enough : answer;
  }

 private:
  void catch_up() {
    // The first to have replaced a value is who knows how it was.
    while (last_->table == table_ && last_->next != nullptr) {
      for (std::size_t i = 0; i < last_->replaced.size(); ++i)
        earlier_.try_emplace(last_->replaced[i], last_->before[i]);
      held_.push_back(last_);
      last_ = last_->next;
    }
  }

  void make(std::uint32_t id) {
    const void* value = table_->value(id);
    if (!earlier_.empty()) {
      const auto found = earlier_.find(id);
      if (found != earlier_.end()) value = found->second;
    }
    if (value == nullptr) return;
    char* const row = static_cast<char*>(buffer_.get()) + std::size_t{count_} * rows_.size;
    const row_type& key = *rows_.field(0).type;
    table_->make_key(id, row + rows_.field(0).offset);
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

  version_ptr last_;  // up to which `earlier_` is known
  std::vector<version_ptr> held_;
  std::shared_ptr<keyed_table> table_;
  const row_type& rows_;
  std::uint32_t ids_;
  std::uint32_t next_ = 0;
  std::uint32_t count_ = 0;
  aligned_memory buffer_;
  arena texts_;
  std::unordered_map<std::uint32_t, const void*> earlier_;
};

std::unique_ptr<cursor> read_version(version_ptr version, const row_type& rows) {
  return std::make_unique<version_cursor>(std::move(version), rows);
}

}  // namespace millrace::detail
