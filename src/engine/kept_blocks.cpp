#include "engine/kept_blocks.hpp"

#include <algorithm>
#include <optional>

#include "dataset/heap_bytes.hpp"

namespace millrace::detail {

namespace {

struct level_parts {
  bool memory;
  bool encoded;
  bool disk;
};

/// A second copy (`_2`) on the same machine would save nothing: all is kept once.
level_parts parts_of(storage_level level) {
  switch (level) {
    case storage_level::none: return {false, false, false};
    case storage_level::disk:
    case storage_level::disk_2: return {false, true, true};
    case storage_level::memory:
    case storage_level::memory_2: return {true, false, false};
    case storage_level::memory_encoded:
    case storage_level::memory_encoded_2: return {true, true, false};
    case storage_level::memory_and_disk:
    case storage_level::memory_and_disk_2: return {true, false, true};
    case storage_level::memory_and_disk_encoded:
    case storage_level::memory_and_disk_encoded_2: return {true, true, true};
  }
  return {false, false, false};
}

std::shared_ptr<const row_frames> encode(const row_buffer& rows, spill_space& disk) {
  auto frames = std::make_shared<row_frames>(rows.type(), &disk);
  frames->append(rows.data(), rows.size());
  frames->finish();
  return frames;
}

}  // namespace

/// Takes the rows of one partition, in the form of its level.
class kept_blocks::writer {
 public:
  writer(kept_blocks& blocks, const node& dataset, int partition, executor_id where)
      : blocks_(blocks), node_(dataset), partition_(partition) {
    block_.where = where;
    block_.level = dataset.kept();
    parts_ = parts_of(block_.level);
    given_up_ = block_.level == storage_level::none;  // unpersisted a moment ago
    if (given_up_) return;
    if (blocks_.memory_ != nullptr) block_.held = held_memory(blocks_.memory_->blocks());
    if (parts_.memory && !parts_.encoded) rows_ = std::make_shared<row_buffer>(dataset.rows());
    else encoded_.emplace(dataset.rows(), parts_.memory ? nullptr : blocks_.disk_);
  }

  void append(const chunk& rows) {
    if (given_up_) return;
    if (rows_ != nullptr) {
      rows_->append(rows);
      heap_ += heap_bytes(rows_->type(), rows.rows, rows.count);
      if (!fits(rows_->bytes() + heap_)) leave_memory();
    } else {
      encoded_->append(rows);
      if (!encoded_->on_disk() && !fits(encoded_->bytes())) leave_memory();
    }
  }

  void finish() {
    if (given_up_) return;
    if (encoded_) {
      encoded_->finish();
      if (!encoded_->on_disk() && !fits(encoded_->bytes())) leave_memory();
      if (given_up_) return;
      block_.encoded = std::make_shared<row_frames>(std::move(*encoded_));
    } else {
      block_.rows = std::move(rows_);
    }
    blocks_.put(node_, partition_, std::move(block_));
  }

 private:
  bool fits(std::size_t bytes) { return blocks_.make_room(block_.held, bytes, node_.id()); }

  void leave_memory() {
    const std::uint64_t n = rows_ != nullptr ? rows_->size() : encoded_->rows();
    const std::size_t bytes = block_.held.bytes();
    if (parts_.disk) {
      if (rows_ != nullptr) {
        encoded_.emplace(node_.rows(), blocks_.disk_);
        encoded_->append(rows_->data(), rows_->size());
      } else {
        encoded_->finish();
        encoded_.emplace(encoded_->moved_to(*blocks_.disk_));
      }
      blocks_.tell(event::kind::block_to_disk, {node_.id(), partition_}, n, bytes);
    } else {
      encoded_.reset();
      given_up_ = true;
      blocks_.tell(event::kind::block_dropped, {node_.id(), partition_}, n, bytes);
    }
    rows_.reset();
    block_.held.clear();
  }

  kept_blocks& blocks_;
  const node& node_;
  int partition_;
  level_parts parts_{};
  block block_;
  std::shared_ptr<row_buffer> rows_;
  std::size_t heap_ = 0;
  std::optional<row_frames> encoded_;
  bool given_up_ = false;
};

/// Passes rows on and keeps them; what was read to its end is stored.
class kept_blocks::keeping_cursor final : public cursor {
 public:
  keeping_cursor(kept_blocks& blocks, const node& dataset, int partition,
                 std::unique_ptr<cursor> from, const task_context& task, executor_id where)
      : task_(task), from_(std::move(from)), kept_(blocks, dataset, partition, where) {}

  flow step(const sink& to) override {
    to_ = &to;
    const flow answer = from_->step({this, [](void* self, const chunk& rows) {
                                       auto& me = *static_cast<keeping_cursor*>(self);
                                       // Kept first: a consumer may move rows away.
                                       const chunk copied{rows.rows, rows.count, false};
                                       me.kept_.append(copied);
                                       const flow f = (*me.to_)(copied);
                                       me.stopped_ = me.stopped_ || f == flow::enough;
                                       return f;
                                     }});
    // A cancelled task may have left rows out.
    if (answer == flow::enough && !stopped_ && !task_.cancelled()) kept_.finish();
    return answer;
  }

 private:
  const task_context& task_;
  std::unique_ptr<cursor> from_;
  writer kept_;
  const sink* to_ = nullptr;
  bool stopped_ = false;
};

std::unique_ptr<cursor> kept_blocks::open(const node& dataset, int partition, task_context& task,
                                          executor_id where) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = blocks_.find({dataset.id(), partition}); found != blocks_.end()) {
      found->second.used = ++uses_;
      return found->second.rows != nullptr ? read_rows(found->second.rows)
                                           : read_rows(found->second.encoded);
    }
  }
  return std::make_unique<keeping_cursor>(*this, dataset, partition,
                                          dataset.compute(partition, task), task, where);
}

bool kept_blocks::has_all(const node& dataset) const {
  const std::lock_guard lock(mutex_);
  for (int p = 0; p < dataset.partitions(); ++p)
    if (!blocks_.contains({dataset.id(), p})) return false;
  return true;
}

void kept_blocks::put(const node& dataset, int partition, block kept) {
  const std::lock_guard lock(mutex_);
  if (dataset.kept() != kept.level) return;  // unpersisted while it was computed
  kept.used = ++uses_;
  blocks_.insert_or_assign({dataset.id(), partition}, std::move(kept));
}

bool kept_blocks::make_room(held_memory& held, std::size_t bytes, std::int64_t dataset) {
  if (memory_ == nullptr) return true;
  while (!held.grow_to(bytes))
    if (bytes > memory_->blocks().limit() || !evict_one(dataset)) return false;
  return true;
}

bool kept_blocks::evict_one(std::int64_t but_of) {
  place where;
  row_buffer_ptr rows;
  std::shared_ptr<const row_frames> encoded;
  bool to_disk = false;
  std::size_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    auto oldest = blocks_.end();
    for (auto b = blocks_.begin(); b != blocks_.end(); ++b)
      if (b->first.first != but_of && !b->second.moving && b->second.held.bytes() != 0 &&
          (oldest == blocks_.end() || b->second.used < oldest->second.used))
        oldest = b;
    if (oldest == blocks_.end()) return false;
    where = oldest->first;
    rows = oldest->second.rows;
    encoded = oldest->second.encoded;
    bytes = oldest->second.held.bytes();
    to_disk = parts_of(oldest->second.level).disk;
    if (to_disk) oldest->second.moving = true;
    else blocks_.erase(oldest);
  }
  const std::uint64_t n = rows != nullptr ? rows->size() : encoded->rows();
  if (to_disk) {
    // Written without the lock: meanwhile others read it in memory.
    std::shared_ptr<const row_frames> written;
    std::exception_ptr failure;
    try {
      written = rows != nullptr ? encode(*rows, *disk_)
                                : std::make_shared<const row_frames>(encoded->moved_to(*disk_));
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(where);
    if (found != blocks_.end() && found->second.rows == rows && found->second.moving) {
      found->second.moving = false;
      if (failure == nullptr) {
        found->second.rows = nullptr;
        found->second.encoded = std::move(written);
        found->second.held.clear();
      }
    }
    if (failure != nullptr) std::rethrow_exception(failure);
  }
  tell(to_disk ? event::kind::block_to_disk : event::kind::block_dropped, where, n, bytes);
  return true;
}

void kept_blocks::tell(event::kind what, place where, std::uint64_t rows, std::size_t bytes) {
  if (events_ == nullptr || !events_->wanted()) return;
  event e;
  e.what = what;
  e.partition = where.second;
  e.records = static_cast<std::int64_t>(rows);
  e.bytes = static_cast<std::int64_t>(bytes);
  e.text = "dataset " + std::to_string(where.first);
  events_->publish(std::move(e));
}

void kept_blocks::forget(std::int64_t node) noexcept {
  const std::lock_guard lock(mutex_);
  blocks_.erase(blocks_.lower_bound({node, 0}), blocks_.lower_bound({node + 1, 0}));
}

void kept_blocks::clear() {
  const std::lock_guard lock(mutex_);
  blocks_.clear();
}

void kept_blocks::lose(executor_id where) {
  const std::lock_guard lock(mutex_);
  std::erase_if(blocks_, [&](const auto& kept) { return kept.second.where == where; });
}

}  // namespace millrace::detail
