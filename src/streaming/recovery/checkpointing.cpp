#include "streaming/recovery/checkpointing.hpp"

#include <algorithm>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/streaming/replay.hpp"
#include "millrace/error.hpp"
#include "streaming/recovery/kept_values.hpp"
#include "streaming/recovery/parked_batches.hpp"

namespace millrace::detail {

checkpointing::checkpointing(file_system& files, std::string directory, stream_graph& graph,
                             std::shared_ptr<engine> core, std::chrono::milliseconds batch_interval)
    : graph_(graph),
      core_(std::move(core)),
      batch_interval_(batch_interval),
      interval_(core_->conf().is_set("streaming.checkpoint.interval")
                    ? std::chrono::ceil<std::chrono::milliseconds>(
                          core_->conf().duration("streaming.checkpoint.interval"))
                    : std::max(batch_interval, std::chrono::milliseconds(1000))),
      directory_(files, std::move(directory)),
      before_(directory_.take_over()) {
  for (const std::string& text : before_.notices) log_warn(text);
}

checkpointing::~checkpointing() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
}

// ---- the order of a batch

batch_reading checkpointing::next(time_point_ms time) {
  std::optional<taken> now;
  {
    const std::lock_guard lock(mutex_);
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    // A batch's datasets and positions stand still until the next one is read.
    const bool due =
        time > generated_ && generated_ > recovered_last_ && generated_ - taken_ >= interval_;
    if (due && !writing_ && !to_write_) now = take(generated_);
    if (now && writer_.joinable()) {
      to_write_ = std::exchange(now, std::nullopt);
      changed_.notify_all();
    }
  }
  if (now) write_if_room(*now);
  const auto found = again_.find(time);
  if (found == again_.end() && time > recovered_last_) {
    generated_ = time;
    return time + batch_interval_ <= missed_until_ ? batch_reading::of_nothing
                                                   : batch_reading::anew;
  }
  generated_ = std::max(generated_, time);
  if (found == again_.end() || found->second.status == batch_status::parked)
    return batch_reading::of_nothing;
  return found->second.status == batch_status::committed ? batch_reading::for_state
                                                         : batch_reading::again;
}

std::vector<std::int64_t> checkpointing::allocate_again(time_point_ms time) {
  const logged_batch& batch = again_.at(time);
  std::vector<std::int64_t> records(graph_.inputs().size(), 0);
  for (std::size_t i = 0; i < batch.ranges.size(); ++i) {
    input_stream& input = *graph_.inputs()[i];
    if (batch.ranges[i]) records[i] = input.replay()->allocate_again(time, *batch.ranges[i]);
    else input.allocate_nothing(time);
  }
  return records;
}

void checkpointing::log(time_point_ms time, std::vector<std::int32_t> partitions) {
  if (const auto before = again_.find(time); before != again_.end()) {
    if (before->second.partitions != partitions)
      throw usage_error(
          "a batch that was begun before has another number of partitions or outputs now, and "
          "sinks "
          "could not tell what they have of it; start the program as it was (default.parallelism, "
          "local[N], outputs), or discard the batch: " +
          in_ms(time));
    again_.erase(before);
    return;
  }
  log_record record;
  record.batch.time = time;
  record.batch.partitions = std::move(partitions);
  byte_writer bytes;
  for (const auto& input : graph_.inputs()) {
    std::optional<std::string>& range = record.batch.ranges.emplace_back();
    if (input->replay() == nullptr) continue;
    bytes.clear();
    input->replay()->write_range(bytes);
    range.emplace(bytes.view());
  }
  const std::lock_guard lock(mutex_);
  append(record);
}

std::vector<time_point_ms> checkpointing::retried() {
  std::vector<time_point_ms> again;
  const auto is_parked = [](const logged_batch& one) { return one.status == batch_status::parked; };
  {
    const std::lock_guard lock(mutex_);
    if (std::none_of(now_.batches.begin(), now_.batches.end(), is_parked)) return again;
  }
  for (parked_request& request : parked_requests(directory_.files(), directory_.path())) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(
        now_.batches.begin(), now_.batches.end(),
        [&](const logged_batch& one) { return one.time == request.batch && is_parked(one); });
    if (found != now_.batches.end()) {
      const logged_batch batch = *found;
      log_record record;
      record.what = request.what;
      record.batch.time = request.batch;
      append(record);
      if (request.what == log_record::kind::retried) {
        again_[request.batch] = batch;
        again_[request.batch].status = batch_status::pending;
        again.push_back(request.batch);
      }
    }
    taken_up_.push_back(std::move(request.path));
  }
  return again;
}

void checkpointing::sync() {
  std::vector<std::pair<time_point_ms, logged_batch>> done;
  {
    const std::lock_guard one_at_a_time(syncing_);
    std::unique_lock lock(mutex_);
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    if (log_ == nullptr) begin_log_again();
    const std::shared_ptr<batch_log_writer> log = log_;
    const std::uint64_t bytes = log->bytes();
    const std::size_t records = unsynced_.size();
    const std::vector<time_point_ms> marked = marked_;
    if (!log->all_synced()) {
      lock.unlock();
      try {
        log->flush();
      } catch (const full_disk&) {
        lock.lock();
        if (log_ == log) log_.reset();
        throw;
      }
      lock.lock();
      synced(log, bytes, records);
    }
    for (const time_point_ms time : marked)
      for (const logged_batch& batch : now_.batches)
        if (batch.time == time) done.emplace_back(time, batch);
    marked_.erase(marked_.begin(), marked_.begin() + static_cast<std::ptrdiff_t>(marked.size()));
    lock.unlock();
    directory_.check_owner();
  }
  for (const std::string& request : std::exchange(taken_up_, {}))
    directory_.files().remove_tree(request);
  for (const auto& [time, batch] : done)
    for (std::size_t i = 0; i < batch.ranges.size(); ++i)
      if (batch.ranges[i]) graph_.inputs()[i]->replay()->committed(time, *batch.ranges[i]);
}

/// So much of the log, and so many records that were not, are on the disk.
void checkpointing::synced(const std::shared_ptr<batch_log_writer>& log, std::uint64_t bytes,
                           std::size_t records) {
  log_synced_ += records;
  unsynced_.erase(unsynced_.begin(), unsynced_.begin() + static_cast<std::ptrdiff_t>(records));
  if (log_ != log) return;  // there was no room for more
  try {
    log->synced(bytes);
  } catch (const full_disk&) {
    log_.reset();
  }
}

/// After there was no room: a file that follows what is on the disk of the one before.
void checkpointing::begin_log_again() {
  directory_.check_owner();
  const std::string path = log_path(directory_.path(), numbers_ + 1);
  auto fresh = std::make_shared<batch_log_writer>(
      directory_.files(), path, log_head{numbers_ + 1, now_.epoch, log_number_, log_synced_});
  try {
    for (const log_record& record : unsynced_) fresh->append(record);
  } catch (...) {
    fresh.reset();
    directory_.files().remove_tree(path);
    throw;
  }
  log_ = std::move(fresh);
  log_number_ = ++numbers_;
  log_synced_ = 0;
}

void checkpointing::committed(time_point_ms time,
                              const std::vector<std::shared_ptr<accumulator_tally>>& added) {
  log_record record;
  record.what = log_record::kind::committed;
  record.batch.time = time;
  // One batch after another: the values are those that the batches marked so far have left.
  const std::lock_guard lock(mutex_);
  for (const auto& one : added) one->settle();
  record.accumulators = values_of(*core_);
  append(record);
  marked_.push_back(time);
  changed_.notify_all();
}

void checkpointing::parked(time_point_ms time, std::string reason) {
  log_record record;
  record.what = log_record::kind::parked;
  record.batch.time = time;
  record.batch.reason = std::move(reason);
  const std::lock_guard lock(mutex_);
  append(record);
  changed_.notify_all();
}

void checkpointing::append(const log_record& record) {
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  try {
    apply(record, now_);
    unsynced_.push_back(record);
    if (log_ != nullptr) log_->append(record);
  } catch (const full_disk&) {
    log_.reset();  // `sync` sees to it
  } catch (...) {
    failure_ = std::current_exception();  // the file is not to be written to any more
    throw;
  }
}

void checkpointing::finish() {
  {
    std::unique_lock lock(mutex_);
    if (log_number_ == 0) return;     // it never began
    if (failure_ != nullptr) return;  // who failed has said so
    // Batches that were left out will not be done any more.
    if (to_write_ && !done_up_to(to_write_->as_of)) to_write_.reset();
    changed_.wait(lock, [this] { return !writing_ && !to_write_; });
    if (failure_ != nullptr) std::rethrow_exception(failure_);
  }
  sync();
  std::optional<taken> now;
  {
    const std::lock_guard lock(mutex_);
    if (generated_ > recovered_last_ && done_up_to(generated_)) now = take(generated_);
  }
  if (now) write_if_room(*now);
  const std::lock_guard lock(mutex_);
  if (log_ == nullptr) begin_log_again();
  log_->close();
}

}  // namespace millrace::detail
