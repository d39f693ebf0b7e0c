#include "streaming/recovery/checkpointing.hpp"

#include <algorithm>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/streaming/replay.hpp"
#include "millrace/error.hpp"
#include "streaming/recovery/kept_values.hpp"

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
    const bool due = generated_ > recovered_last_ && generated_ - taken_ >= interval_;
    if (due && !writing_ && !to_write_) now = take(generated_);
    if (now && writer_.joinable()) {
      to_write_ = std::exchange(now, std::nullopt);
      changed_.notify_all();
    }
  }
  if (now) write(*now);
  generated_ = time;
  if (time > recovered_last_)
    return time + batch_interval_ <= missed_until_ ? batch_reading::of_nothing
                                                   : batch_reading::anew;
  const auto found = again_.find(time);
  if (found == again_.end() || found->second.status == batch_status::parked)
    return batch_reading::of_nothing;
  return found->second.status == batch_status::committed ? batch_reading::for_state
                                                         : batch_reading::again;
}

std::int64_t checkpointing::allocate_again(time_point_ms time) {
  const logged_batch& batch = again_.at(time);
  std::int64_t records = 0;
  for (std::size_t i = 0; i < batch.ranges.size(); ++i) {
    input_stream& input = *graph_.inputs()[i];
    if (batch.ranges[i])
      records += std::max<std::int64_t>(0, input.replay()->allocate_again(time, *batch.ranges[i]));
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

void checkpointing::sync() {
  std::vector<std::pair<time_point_ms, logged_batch>> done;
  {
    const std::lock_guard one_at_a_time(syncing_);
    std::uint64_t up_to = 0;
    {
      const std::lock_guard lock(mutex_);
      if (failure_ != nullptr) std::rethrow_exception(failure_);
      if (log_->all_synced()) return;
      up_to = log_->bytes();
      for (const time_point_ms time : std::exchange(marked_, {}))
        for (const logged_batch& batch : now_.batches)
          if (batch.time == time) done.emplace_back(time, batch);
    }
    directory_.check_owner();
    log_->flush();
    const std::lock_guard lock(mutex_);
    log_->synced(up_to);
  }
  for (const auto& [time, batch] : done)
    for (std::size_t i = 0; i < batch.ranges.size(); ++i)
      if (batch.ranges[i]) graph_.inputs()[i]->replay()->committed(time, *batch.ranges[i]);
}

void checkpointing::state_is_back() {
  // What the batch added was added when it ran first.
  const std::lock_guard lock(mutex_);
  restore_values(*core_, now_.accumulators);
}

void checkpointing::committed(time_point_ms time) {
  log_record record;
  record.what = log_record::kind::committed;
  record.batch.time = time;
  record.accumulators = values_of(*core_);
  const std::lock_guard lock(mutex_);
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
    log_->append(record);
    apply(record, now_);
  } catch (...) {
    failure_ = std::current_exception();  // the file is not to be written to any more
    throw;
  }
}

void checkpointing::finish() {
  if (log_ == nullptr) return;  // it never began
  {
    std::unique_lock lock(mutex_);
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
  if (now) write(*now);
  const std::lock_guard lock(mutex_);
  log_->close();
}

}  // namespace millrace::detail
