// The start of a stream with a checkpoint directory.
#include <algorithm>
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
  now_.number = before_.highest + 1;
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

  for (stream_node* const stream : graph_.with_state()) {
    if (!goes_on() || !stream->kept_states().empty()) continue;
    throw usage_error(stream->name() +
                      ": what this operation keeps is in no checkpoint, so it can't go on; begin "
                      "with an empty directory: \"" +
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
    for (const logged_batch& batch : now_.batches) {
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
  begin_log(before_);
  before_ = {};
  return first;
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
  std::vector<bool> found(before.states.size());
  std::vector<kept_identity> now;
  std::vector<kept_identity> then;
  for (const auto& state : states_) now.push_back(state->identity());
  for (const checkpoint::state& state : before.states) then.push_back(identity_of(state));
  const std::vector<int> places = matched(now, then);
  for (std::size_t k = 0; k < states_.size(); ++k) {
    const auto& state = states_[k];
    if (before.as_of == never) continue;  // none was written yet
    if (places[k] < 0) {                  // it is new: it begins with what comes
      state->restore(now[k], before.as_of)->finish();
      continue;
    }
    const auto place = static_cast<std::size_t>(places[k]);
    found[place] = true;
    const checkpoint::state& written = before.states[place];
    const bool kept = std::any_of(written.partitions.begin(), written.partitions.end(),
                                  [](const auto& pieces) { return !pieces.empty(); });
    if (kept) now_.states.push_back(written);
    const std::unique_ptr<kept_restore> restore =
        state->restore(identity_of(written), before.as_of);
    for (std::size_t p = 0; p < written.partitions.size(); ++p) {
      std::vector<std::unique_ptr<input_file>> pieces;
      for (const checkpoint::piece& piece : written.partitions[p])
        pieces.push_back(directory_.files().open_read(directory_.path() + "/" + piece.file));
      restore->read(static_cast<int>(p), std::move(pieces));
    }
    restore->finish();
  }
  for (std::size_t i = 0; i < found.size(); ++i)
    if (!found[i]) lost.push_back("state: " + identity_of(before.states[i]).description());
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

void checkpointing::begin_log(const directory_contents& before) {
  log_ = std::make_unique<batch_log_writer>(
      directory_.files(), log_path(directory_.path(), now_.number),
      log_head{now_.number, now_.epoch, before.newest_log, before.newest_log_entries});
  directory_.write(now_);
}

}  // namespace millrace::detail
