#include "connectors/kafka/group_offsets.hpp"

#include <utility>

#include "millrace/detail/base/log.hpp"

namespace millrace::detail::kafka {

using namespace std::chrono_literals;

group_offsets::group_offsets(rd_kafka_t* by, std::string group, std::string about)
    : by_(by),
      group_(std::move(group)),
      about_(std::move(about)),
      answers_(rd_kafka_queue_new(by)) {}

group_offsets::~group_offsets() {
  const std::lock_guard lock(mutex_);
  const clock::time_point until = clock::now() + 1s;
  while ((under_way_ || !waiting_.empty()) && clock::now() < until) serve(100ms);
}

void group_offsets::done(const std::vector<millrace::kafka::offset_range>& ranges) {
  if (group_.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const auto& one : ranges) {
    // A batch that was parked may be done after later ones.
    std::int64_t& highest = highest_[{one.topic, one.partition}];
    if (one.until < highest) continue;
    waiting_[{one.topic, one.partition}] = highest = one.until;
  }
  serve(0ms);
}

void group_offsets::serve() {
  const std::lock_guard lock(mutex_);
  serve(0ms);
}

std::chrono::microseconds group_offsets::took() const {
  const std::lock_guard lock(mutex_);
  return took_;
}

void group_offsets::serve(std::chrono::milliseconds wait) {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (under_way_) {
    rd_kafka_event_t* const answer =
        rd_kafka_queue_poll(answers_.get(), static_cast<int>(wait.count()));
    if (answer == nullptr) return;
    under_way_ = false;
    took_ = std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - sent_);
    code = rd_kafka_event_error(answer);
    rd_kafka_event_destroy(answer);
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR && !waiting_.empty()) {
    const partition_list list = make_list();
    for (const auto& [where, offset] : std::exchange(waiting_, {}))
      add(list, where.topic, where.partition, offset);
    sent_ = clock::now();
    code = rd_kafka_commit_queue(by_, list.get(), answers_.get(), nullptr, nullptr);
    under_way_ = code == RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
    log_warn(about_ + ": offsets were not committed to the group \"" + group_ +
             "\": " + rd_kafka_err2str(code));
}

}  // namespace millrace::detail::kafka
