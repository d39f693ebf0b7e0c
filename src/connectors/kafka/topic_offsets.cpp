#include "connectors/kafka/topic_offsets.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "connectors/kafka/offset_ranges.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

using namespace std::chrono_literals;

/// How long a loss must be seen before it is believed.
constexpr auto belief = 3s;
/// How often it is looked whether records were deleted before they were read.
constexpr auto beginnings_every = 1s;
/// Until what seems to be missing is looked for again.
constexpr std::chrono::milliseconds soon = 500ms;
/// A batch waits at least so long for brokers.
constexpr std::chrono::milliseconds least_wait = 1s;

/// While nobody answers batches are empty, and wait for so long, so as not to be many.
constexpr std::chrono::milliseconds in_outage = 50ms;

/// Lets go of a lock while brokers are asked.
class let_go {
 public:
  explicit let_go(std::unique_lock<std::mutex>& lock) : lock_(lock) { lock_.unlock(); }
  ~let_go() { lock_.lock(); }
  let_go(const let_go&) = delete;
  let_go& operator=(const let_go&) = delete;

 private:
  std::unique_lock<std::mutex>& lock_;
};

}  // namespace

topic_offsets::topic_offsets(millrace::kafka::topics options, reporter to)
    : options_(std::move(options)),
      reporter_(to),
      questions_(options_, std::move(to)),
      group_(questions_.get(), options_.group, questions_.description()) {}

topic_offsets::~topic_offsets() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void topic_offsets::start() {
  held lock(mutex_);
  if (thread_.joinable()) return;
  thread_ = std::thread([this] { work(); });
  wait_for_answer(lock, least_wait);
}

void topic_offsets::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void topic_offsets::resume(const std::vector<millrace::kafka::offset_range>& last) {
  const std::lock_guard lock(mutex_);
  followed_.clear();
  for (const auto& range : last)
    followed_[{range.topic, range.partition}] = {range.until, range.until, {}};
  begun_ = true;
  discovered_ = {};
}

std::vector<millrace::kafka::offset_range> topic_offsets::next(const batch_limits& limits) {
  held lock(mutex_);
  interval_ = limits.interval;
  wait_for_answer(lock, std::max(interval_, least_wait));
  std::vector<millrace::kafka::offset_range> ranges;
  ranges.reserve(followed_.size());
  for (const auto& [partition, state] : followed_)
    ranges.push_back({partition.topic, partition.partition, state.next, state.end});
  share_out(ranges, limits.max_records);
  last_.records = last_.left = last_.most_left = 0;
  last_.partitions = static_cast<std::int64_t>(ranges.size());
  for (const auto& range : ranges) {
    followed& state = followed_[{range.topic, range.partition}];
    state.next = range.until;
    last_.records += range.count();
    last_.left += state.end - state.next;
    last_.most_left = std::max(last_.most_left, state.end - state.next);
  }
  return ranges;
}

void topic_offsets::committed(const std::vector<millrace::kafka::offset_range>& range) {
  group_.done(range);
}

topic_offsets::progress topic_offsets::last() const {
  const std::lock_guard lock(mutex_);
  progress all = last_;
  all.commit = group_.took();
  return all;
}

std::string topic_offsets::description() const {
  std::string text = questions_.description();
  if (!options_.pattern.empty()) text += " " + options_.pattern;
  std::set<std::string> names(options_.names.begin(), options_.names.end());
  for (const auto& one : options_.partitions) names.insert(name_of(one));
  for (const std::string& name : names) text += " " + name;
  return text;
}

/// For a new answer, at most so long, and hardly while it is known that nobody answers.
void topic_offsets::wait_for_answer(held& lock, std::chrono::milliseconds most) {
  const std::uint64_t question = ++wanted_;
  const bool outage = questions_.outage();
  changed_.notify_all();
  changed_.wait_for(lock, outage ? std::min(interval_, in_outage) : most, [&] {
    return answered_ >= question || stopping_ || failure_ != nullptr ||
           (questions_.outage() && !outage);
  });
  if (failure_ != nullptr) std::rethrow_exception(failure_);
}

void topic_offsets::work() {
  held lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || answered_ < wanted_; });
    if (stopping_) return;
    try {
      answer(lock);
    } catch (...) {
      failure_ = std::current_exception();
    }
    changed_.notify_all();
    const bool failed = failure_ != nullptr;
    const std::vector<std::string> losses = std::exchange(to_report_, {});
    const let_go now(lock);
    for (const std::string& text : losses) reporter_.report(text);
    group_.serve();
    if (failed) return;
  }
}

/// What must be known comes before the answer; what is only looked after, behind it.
void topic_offsets::answer(held& lock) {
  const std::uint64_t question = wanted_;
  questions_.give(std::max(interval_, least_wait));
  if (discovered_ == clock::time_point{}) discover(lock);
  if (checked_ == clock::time_point{}) check_beginnings(lock);
  find_ends(lock);
  answered_ = question;
  changed_.notify_all();
  if (clock::now() - discovered_ >= options_.discovery) discover(lock);
  if (clock::now() - checked_ >= beginnings_every) check_beginnings(lock);
}

void topic_offsets::discover(held& lock) {
  const bool begun = begun_;
  std::optional<topic_questions::presence> found;
  {
    const let_go asking(lock);
    found = questions_.present(begun);
  }
  if (!found) return;
  bool look_again = found->missing;
  for (auto at = followed_.begin(); at != followed_.end();) {
    if (found->there.contains(at->first)) {
      ++at;
    } else if (!confirmed(at->second)) {
      look_again = true;
      ++at;
    } else {
      lost(at->first, at->second.next, -1, "the topic or its partition is gone");
      at = followed_.erase(at);
    }
  }
  const auto* said = std::get_if<millrace::kafka::offsets>(&options_.start);
  offset_map times;
  offset_map first;
  for (const topic_partition& p : found->there) {
    if (followed_.contains(p)) continue;
    if (said != nullptr && said->contains(p)) first[p] = said->at(p);
    else times[p] = begun_ ? RD_KAFKA_OFFSET_BEGINNING : time_of_start();
  }
  if (!times.empty()) {
    const std::optional<offset_map> answer = ask(lock, times);
    if (!answer) return;
    if (answer->size() != times.size()) look_again = true;
    if (!begun_ && answer->size() != times.size()) return;
    first.insert(answer->begin(), answer->end());
  }
  for (const auto& [partition, offset] : first) {
    followed_[partition] = {offset, offset, {}};
    if (begun_)
      log_info(questions_.description() + ": a partition was added: " + name_of(partition));
  }
  begun_ = true;
  discovered_ = clock::now();
  if (look_again) look_again_soon();
}

void topic_offsets::look_again_soon() {
  discovered_ = std::min(discovered_, clock::now() - options_.discovery + soon);
}

std::int64_t topic_offsets::time_of_start() const {
  if (std::holds_alternative<millrace::kafka::latest_offsets>(options_.start))
    return RD_KAFKA_OFFSET_END;
  if (const auto* at = std::get_if<millrace::kafka::timestamp>(&options_.start))
    return std::max<std::int64_t>(at->time.time_since_epoch().count(), 0);
  return RD_KAFKA_OFFSET_BEGINNING;
}

std::optional<offset_map> topic_offsets::ask(held& lock, const offset_map& times) {
  const bool begun = begun_;
  std::optional<topic_questions::answer> found;
  {
    const let_go asking(lock);
    found = questions_.offsets(times, begun);
  }
  if (!found) return std::nullopt;
  if (!found->whole) look_again_soon();
  return std::move(found->offsets);
}

std::optional<offset_map> topic_offsets::ask_all(held& lock, std::int64_t time) {
  offset_map times;
  for (const auto& one : followed_) times[one.first] = time;
  if (times.empty()) return offset_map{};
  return ask(lock, times);
}

void topic_offsets::check_beginnings(held& lock) {
  const std::optional<offset_map> first = ask_all(lock, RD_KAFKA_OFFSET_BEGINNING);
  if (!first || (first->empty() && followed_.empty())) return;
  checked_ = clock::now();
  for (const auto& [partition, offset] : *first) {
    followed& state = followed_[partition];
    if (offset <= state.next) continue;
    lost(partition, state.next, offset, "records were deleted before they were read");
    state = {offset, std::max(offset, state.end), {}};
  }
}

void topic_offsets::find_ends(held& lock) {
  const clock::time_point asked = clock::now();
  const std::optional<offset_map> ends = ask_all(lock, RD_KAFKA_OFFSET_END);
  if (!ends) return;
  last_.answer = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - asked);
  for (const auto& [partition, end] : *ends) {
    followed& state = followed_[partition];
    if (end >= state.next) {
      if (end > state.next) state.suspect.reset();
      state.end = end;
      continue;
    }
    state.end = state.next;
    if (!confirmed(state)) continue;
    lost(partition, end, state.next,
         "the partition ends before what was read of it: it was cut off, or its topic was made "
         "anew");
    state = {end, end, {}};
  }
}

bool topic_offsets::confirmed(followed& one) {
  const clock::time_point now = clock::now();
  if (!one.suspect) one.suspect = now;
  return now - *one.suspect >= belief;
}

void topic_offsets::lost(const topic_partition& where, std::int64_t from, std::int64_t until,
                         const std::string& why) {
  const std::string text = questions_.description() + ": records are lost, " + why + ": " +
                           name_of(where) + ", offsets from " + std::to_string(from) +
                           (until < 0 ? std::string() : " up to " + std::to_string(until));
  if (options_.on_data_loss == millrace::kafka::on_data_loss::fail)
    throw error(text + " (on_data_loss = skip goes on without them)");
  to_report_.push_back(text);
}

}  // namespace millrace::detail::kafka
