// Checkpoints while batches run.
#include <algorithm>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/detail/streaming/replay.hpp"
#include "millrace/error.hpp"
#include "streaming/recovery/checkpointing.hpp"

namespace millrace::detail {

/// REQUIRES: mutex_; by the generating thread, between two batches.
checkpointing::taken checkpointing::take(time_point_ms as_of) {
  taken now{as_of, {}, {}};
  byte_writer bytes;
  for (const auto& input : graph_.inputs()) {
    bytes.clear();
    if (input->replay() != nullptr) input->replay()->write_position(bytes);
    now.positions.emplace_back(bytes.view());
  }
  for (const auto& state : states_) now.versions.push_back(state->version(as_of));
  taken_ = as_of;
  return now;
}

/// REQUIRES: mutex_.
bool checkpointing::done_up_to(time_point_ms time) const {
  return std::none_of(now_.batches.begin(), now_.batches.end(), [&](const logged_batch& one) {
    return one.time <= time && one.status == batch_status::pending;
  });
}

void checkpointing::write_in_background() {
  writer_ = std::thread([this] { work(); });
}

void checkpointing::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] {
      return ending_ || failure_ != nullptr || (to_write_ && done_up_to(to_write_->as_of));
    });
    if (ending_ || failure_ != nullptr) {
      to_write_.reset();
      changed_.notify_all();
      return;
    }
    const taken what = *std::exchange(to_write_, std::nullopt);
    writing_ = true;
    lock.unlock();
    std::exception_ptr failed;
    try {
      write_if_room(what);
    } catch (const std::exception&) {
      failed = std::current_exception();
    }
    lock.lock();
    writing_ = false;
    if (failed != nullptr && failure_ == nullptr) failure_ = std::move(failed);
    changed_.notify_all();
  }
}

/// REQUIRES: the batches up to `what.as_of` are done. No call at once with another. Where the disk
/// is full there is no checkpoint this time: the last one and the logs since it stay, and the next
/// one is tried when it is due.
void checkpointing::write_if_room(const taken& what) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++numbers_;
  }
  try {
    write(what, number);
  } catch (...) {
    if (!is_full_disk(std::current_exception())) throw;
    const std::lock_guard lock(mutex_);
    // Where the log was exchanged already, the next checkpoint goes on from this one's state.
    if (now_.number != number) directory_.remove_state_of(number);
    if (!std::exchange(no_room_said_, true))
      log_error("no checkpoint is written until there is room on the disk: " +
                describe(std::current_exception()));
    return;
  }
  const std::lock_guard lock(mutex_);
  if (std::exchange(no_room_said_, false))
    log_warn("checkpoints are written again, for there is room on the disk");
}

/// The new log takes the place of the one before, with what the checkpoint says. Marks that were
/// not on the disk are then; inputs hear of them with the next `sync`. REQUIRES: mutex_, syncing_.
void checkpointing::exchange_log(const std::shared_ptr<batch_log_writer>& fresh,
                                 std::uint64_t number, std::uint64_t after) {
  try {
    if (log_ == nullptr || log_number_ != after)
      throw full_disk("the batch log was begun anew meanwhile");
    log_->close();
  } catch (const full_disk&) {
    log_.reset();
    directory_.files().remove_tree(log_path(directory_.path(), number));  // it says otherwise
    throw;
  }
  log_ = fresh;
  log_number_ = number;
  log_synced_ = 0;
  unsynced_.clear();
}

void checkpointing::write(const taken& what, std::uint64_t number) {
  checkpoint next;
  std::uint64_t after = 0;
  {
    const std::lock_guard lock(mutex_);
    after = log_number_;
    next.epoch = now_.epoch;
  }
  directory_.check_owner();
  std::vector<checkpoint::state> states = write_states(what, number);
  const auto log =
      std::make_shared<batch_log_writer>(directory_.files(), log_path(directory_.path(), number),
                                         log_head{number, next.epoch, after, log_head::all});
  {
    const std::lock_guard nobody_syncs(syncing_);
    const std::lock_guard lock(mutex_);
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    exchange_log(log, number, after);
    now_.number = number;
    now_.as_of = what.as_of;
    now_.states = std::move(states);
    for (std::size_t i = 0; i < now_.inputs.size(); ++i)
      now_.inputs[i].position = what.positions[i];
    next = now_;
    forget_done(next);
  }
  directory_.write(next);
  {
    // Only now: until here inputs may hear of batches that the checkpoint has left behind.
    const std::lock_guard lock(mutex_);
    std::erase_if(now_.batches, [&](const logged_batch& one) {
      return one.status == batch_status::committed && one.time <= now_.as_of &&
             std::find(marked_.begin(), marked_.end(), one.time) == marked_.end();
    });
  }
  for (const auto& state : states_) state->written(what.as_of);
  positions_.push_back(what.positions);
  if (positions_.size() < checkpoint_directory::generations) return;
  for (std::size_t i = 0; i < positions_.front().size(); ++i) {
    replayable_input* const input = graph_.inputs()[i]->replay();
    if (input == nullptr) continue;
    std::vector<std::string_view> parked;
    for (const logged_batch& batch : next.batches)
      if (batch.status != batch_status::committed && batch.ranges[i])
        parked.push_back(*batch.ranges[i]);
    input->checkpointed(positions_.front()[i], parked);
  }
  positions_.pop_front();
}

std::vector<checkpoint::state> checkpointing::write_states(const taken& what,
                                                           std::uint64_t number) {
  std::vector<checkpoint::state> before;
  {
    const std::lock_guard lock(mutex_);
    before = now_.states;
  }
  std::vector<checkpoint::state> all;
  for (std::size_t k = 0; k < states_.size(); ++k) {
    const kept_identity id = states_[k]->identity();
    checkpoint::state& one = all.emplace_back(checkpoint::state{
        id.name, id.kind, id.fingerprint,
        std::vector<std::vector<checkpoint::piece>>(static_cast<std::size_t>(id.partitions))});
    const kept_version_ptr version = what.versions[k];
    if (version == nullptr) continue;  // nothing has been kept yet
    const auto known = std::find_if(before.begin(), before.end(), [&](const auto& other) {
      return other.name == id.name && other.kind == id.kind &&
             other.fingerprint == id.fingerprint &&
             other.partitions.size() == one.partitions.size();
    });
    if (known != before.end()) one.partitions = known->partitions;
    const std::string stem =
        "state-" +
        [&] {
          std::string digits = std::to_string(number);
          return std::string(digits.size() < 10 ? 10 - digits.size() : 0, '0') + digits;
        }() +
        "-" + std::to_string(k) + "-";
    const node_ptr dataset = version->dataset();
    const auto write_piece = [&](task_context& task, int p) -> task_result {
      const auto& pieces = one.partitions[static_cast<std::size_t>(p)];
      std::vector<kept_piece> have;
      for (const checkpoint::piece& piece : pieces)
        have.push_back({piece.time, piece.since, piece.bytes, piece.records});
      const std::optional<time_point_ms> since =
          have.empty() ? std::nullopt : std::optional(have.back().time);
      if (since && !version->changed(p, task, since)) return {};
      const std::string name = stem + std::to_string(p);
      const std::unique_ptr<output_file> file =
          directory_.files().create(directory_.path() + "/" + name);
      const kept_piece made =
          version->write(p, task, whole_is_due(have) ? std::nullopt : since, *file);
      file->sync();
      file->close();
      return std::make_shared<checkpoint::piece>(
          checkpoint::piece{name, made.time, made.since, made.bytes, made.records});
    };
    const std::vector<task_result> made =
        run_job({dataset, all_partitions(*dataset), "checkpoint", write_piece});
    for (std::size_t p = 0; p < made.size(); ++p) {
      if (made[p] == nullptr) continue;
      auto& pieces = one.partitions[p];
      const auto& piece = *static_cast<const checkpoint::piece*>(made[p].get());
      if (!piece.since) pieces.clear();
      pieces.push_back(piece);
    }
  }
  return all;
}

}  // namespace millrace::detail
