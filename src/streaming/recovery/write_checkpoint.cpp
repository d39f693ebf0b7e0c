// Checkpoints while batches run.
#include <algorithm>
#include <utility>

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
      write(what);
    } catch (const std::exception&) {
      failed = std::current_exception();
    }
    lock.lock();
    writing_ = false;
    if (failed != nullptr && failure_ == nullptr) failure_ = std::move(failed);
    changed_.notify_all();
  }
}

/// REQUIRES: the batches up to `what.as_of` are done. No call at once with another.
void checkpointing::write(const taken& what) {
  checkpoint next;
  {
    const std::lock_guard lock(mutex_);
    next.number = now_.number + 1;
    next.epoch = now_.epoch;
  }
  directory_.check_owner();
  std::vector<checkpoint::state> states = write_states(what, next.number);
  auto log = std::make_unique<batch_log_writer>(
      directory_.files(), log_path(directory_.path(), next.number),
      log_head{next.number, next.epoch, next.number - 1, log_head::all});
  {
    const std::lock_guard nobody_syncs(syncing_);
    const std::lock_guard lock(mutex_);
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    // Marks that were not on the disk are now; inputs hear of them with the next `sync`.
    log_->close();
    log_ = std::move(log);
    now_.number = next.number;
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
  // What a parked batch reads may be older than any position.
  const bool any_parked =
      std::any_of(next.batches.begin(), next.batches.end(),
                  [](const auto& one) { return one.status == batch_status::parked; });
  for (std::size_t i = 0; i < positions_.front().size() && !any_parked; ++i)
    if (replayable_input* const input = graph_.inputs()[i]->replay())
      input->checkpointed(positions_.front()[i]);
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
