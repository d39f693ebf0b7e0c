// The start of a stream with a checkpoint directory.
#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/streaming/replay.hpp"
#include "millrace/error.hpp"
#include "streaming/recovery/checkpointing.hpp"
#include "streaming/recovery/kept_values.hpp"
#include "streaming/recovery/names.hpp"

namespace millrace::detail {
namespace {

constexpr time_point_ms never{};

std::string signature(input_stream& input) {
  return input.replay() == nullptr ? std::string() : input.replay()->range_signature();
}

/// Where the input is in the checkpoint; its size: nowhere.
std::size_t place_of(const checkpoint::input& one, const std::vector<checkpoint::input>& in) {
  const auto found = std::find_if(in.begin(), in.end(), [&](const checkpoint::input& other) {
    return other.name == one.name && other.signature == one.signature;
  });
  return static_cast<std::size_t>(found - in.begin());
}

/// On several threads, for state may be large.
void read_partitions(kept_restore& restore, const checkpoint_directory& directory,
                     const checkpoint::state& state, int threads) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;  // the first; guarded by mutex
  const auto read = [&] {
    for (std::size_t p = next++; p < state.partitions.size(); p = next++) {
      try {
        std::vector<std::unique_ptr<input_file>> pieces;
        for (const checkpoint::piece& piece : state.partitions[p])
          pieces.push_back(directory.files().open_read(directory.path() + "/" + piece.file));
        restore.read(static_cast<int>(p), std::move(pieces));
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (failure == nullptr) failure = std::current_exception();
        next = state.partitions.size();
      }
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < std::min(threads, static_cast<int>(state.partitions.size())); ++i)
    others.emplace_back(read);
  read();
  for (std::thread& other : others) other.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

kept_identity identity_of(const checkpoint::state& state) {
  return {state.name, state.kind, state.fingerprint, static_cast<int>(state.partitions.size())};
}

}  // namespace

bool checkpointing::goes_on() const { return before_.now && before_.now->last != never; }

time_point_ms checkpointing::zero(time_point_ms fresh) const {
  return goes_on() ? before_.now->zero : fresh;
}

time_point_ms checkpointing::recover(time_point_ms now) {
  const std::vector<std::string> names = input_names(graph_);
  states_ = kept_states(graph_);
  now_.application = core_->name();
  now_.interval = batch_interval_;
  now_.zero = graph_.outputs()[0]->from->zero();
  now_.number = before_.next_number(directory_.epoch());
  now_.epoch = directory_.epoch();
  for (std::size_t i = 0; i < names.size(); ++i) {
    input_stream& input = *graph_.inputs()[i];
    now_.inputs.push_back({names[i], signature(input), {}});
    if (input.replay() != nullptr) continue;
    log_warn(input.description() +
             ": what this input has given is lost when the program dies, for it can't be read "
             "again");
    if (!input.receives() && goes_on())
      throw usage_error(input.description() +
                        ": queue streams can't be recovered from a checkpoint; do without one, or "
                        "without the checkpoint directory: \"" +
                        directory_.path() + "\"");
  }

  time_point_ms first = now_.zero + batch_interval_;
  taken_ = now_.zero;
  if (goes_on()) {
    const checkpoint& before = *before_.now;
    if (before.interval != batch_interval_)
      throw usage_error("the checkpoint was written with batches of another length: " +
                        std::to_string(before.interval.count()) + " ms, and not " +
                        std::to_string(batch_interval_.count()) + " ms: \"" + directory_.path() +
                        "\"");
    recovered_last_ = generated_ = taken_ = now_.last = before.last;
    now_.as_of = before.as_of;
    now_.accumulators = before.accumulators;

    std::vector<std::string> lost;
    match_inputs(before, lost);
    // State goes on from where it was; without any only batches that are not done matter.
    first = before.last + batch_interval_;
    if (!before.states.empty() || !states_.empty())
      first = std::max(before.as_of, before.zero) + batch_interval_;
    for (logged_batch& batch : now_.batches) {
      if (retry_parked_ && batch.status == batch_status::parked)
        batch.status = batch_status::pending;
      if (batch.status == batch_status::committed && states_.empty()) continue;
      again_.emplace(batch.time, batch);
      if (batch.status == batch_status::pending) first = std::min(first, batch.time);
    }
    match_states(before, lost);
    if (!lost.empty()) {
      std::string text =
          "the program has no place for what the checkpoint holds, so it would be lost:";
      for (const std::string& one : lost) text += "\n  - " + one;
      text +=
          "\nGive operations the names that they had (named), or set "
          "streaming.recovery.dropUnmatched to begin without it: \"" +
          directory_.path() + "\"";
      if (!core_->conf().boolean("streaming.recovery.dropUnmatched")) throw usage_error(text);
      log_warn(text);
    }
    resume_inputs(before);
    restore_values(*core_, now_.accumulators);

    if (now < recovered_last_)
      log_warn(
          "the clock shows less than the newest batch that was logged; the next batch waits "
          "until it has come: " +
          in_ms(recovered_last_));
    if (core_->conf().boolean("streaming.recovery.mergeMissedBatches")) missed_until_ = now;
    log_info("goes on from the checkpoint of batch " + in_ms(before.as_of) +
             ", the newest batch was " + in_ms(before.last));
  }
  for (const auto& state : states_) state->track();
  return first;
}

void checkpointing::begin() {
  // An input that is new says where it begins: a directory, what is old there.
  byte_writer bytes;
  for (std::size_t i = 0; i < now_.inputs.size(); ++i) {
    const bool known =
        goes_on() && place_of(now_.inputs[i], before_.now->inputs) != before_.now->inputs.size();
    replayable_input* const input = graph_.inputs()[i]->replay();
    if (known || input == nullptr) continue;
    bytes.clear();
    input->write_position(bytes);
    now_.inputs[i].position = bytes.view();
  }
  log_number_ = numbers_ = now_.number;
  log_ = std::make_shared<batch_log_writer>(
      directory_.files(), log_path(directory_.path(), now_.number),
      log_head{now_.number, now_.epoch, before_.newest_log, before_.newest_log_entries});
  directory_.write(now_);
  before_ = {};
}

/// Batches that are known get their ranges in the order of the inputs that there are now.
void checkpointing::match_inputs(const checkpoint& before, std::vector<std::string>& lost) {
  std::vector<std::size_t> places;  // of our inputs in the checkpoint
  std::vector<bool> found(before.inputs.size());
  for (checkpoint::input& input : now_.inputs) {
    const std::size_t place = place_of(input, before.inputs);
    places.push_back(place);
    if (place == before.inputs.size()) continue;
    found[place] = true;
    input.position = before.inputs[place].position;
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] || before.inputs[i].signature.empty()) continue;
    lost.push_back("where the input \"" + before.inputs[i].name + "\" is, with ranges of " +
                   before.inputs[i].signature);
  }
  now_.batches = before.batches;
  for (logged_batch& batch : now_.batches) {
    std::vector<std::optional<std::string>> ranges;
    for (const std::size_t place : places)
      ranges.push_back(place < batch.ranges.size() ? batch.ranges[place] : std::nullopt);
    batch.ranges = std::move(ranges);
  }
}

void checkpointing::match_states(const checkpoint& before, std::vector<std::string>& lost) {
  if (before.as_of == never) return;  // none was written yet
  std::vector<kept_identity> ours;
  std::vector<kept_identity> written;
  for (const auto& state : states_) ours.push_back(state->identity());
  for (const checkpoint::state& state : before.states) written.push_back(identity_of(state));
  const std::vector<int> from = matched(ours, written);
  for (std::size_t k = 0; k < states_.size(); ++k) {
    if (from[k] < 0) {  // it is new, and begins with what comes
      states_[k]->restore(ours[k], before.as_of)->finish();
      continue;
    }
    const checkpoint::state& one = before.states[static_cast<std::size_t>(from[k])];
    now_.states.push_back(one);
    const std::unique_ptr<kept_restore> restore =
        states_[k]->restore(identity_of(one), before.as_of);
    read_partitions(*restore, directory_, one, core_->default_parallelism());
    restore->finish();
  }
  for (std::size_t i = 0; i < written.size(); ++i)
    if (std::find(from.begin(), from.end(), static_cast<int>(i)) == from.end())
      lost.push_back("state: " + written[i].description());
}

void checkpointing::resume_inputs(const checkpoint& before) {
  for (std::size_t i = 0; i < now_.inputs.size(); ++i) {
    replayable_input* const input = graph_.inputs()[i]->replay();
    if (input == nullptr || place_of(now_.inputs[i], before.inputs) == before.inputs.size())
      continue;
    std::vector<std::string_view> since;
    for (const logged_batch& batch : now_.batches)
      if (batch.time > before.as_of && batch.ranges[i]) since.push_back(*batch.ranges[i]);
    input->resume(now_.inputs[i].position, since);
  }
}

}  // namespace millrace::detail
