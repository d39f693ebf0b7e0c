#include "connectors/kafka/transactions.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

using namespace std::chrono_literals;

/// A call that goes on where it was returns after this time, to look whether anybody still waits.
constexpr int slice_ms = 250;
/// Those that can't begin anew each time, so a broker that is slow gets more time than one that is
/// away: twice as much after each.
constexpr int least_answer_ms = 1000;
constexpr int most_answer_ms = 16'000;
/// Brokers that take so long are told of.
constexpr auto patient_for = 5s;
constexpr auto before_next_attempt = 20ms;

std::string new_writer() {
  std::random_device random;
  const std::uint64_t number = std::uint64_t{random()} << 32 | random();
  return std::to_string(number);
}

/// No further attempt will change it.
bool is_final(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG: return true;
    default: return false;
  }
}

/// A minute, which it would be, is too long for a broker that is silent: a stream that is told to
/// end waits for it. librdkafka wants it to be no longer than transactions are.
std::vector<setting> answers_in_time(const millrace::kafka::librdkafka_settings& of_program) {
  for (const auto& one : of_program)
    if (one.first == "transaction.timeout.ms") return {};
  return {{"socket.timeout.ms", "10000"}};
}

}  // namespace

transactions::transactions(millrace::kafka::topic to, std::string name)
    : to_(std::move(to)),
      name_(std::move(name)),
      writer_(new_writer()),
      answer_within_ms_(least_answer_ms) {}

std::string transactions::description() const {
  return "kafka " + to_.brokers + ", topic " + to_.name + ", transactions \"" + name_ + "\"";
}

bool transactions::committed(std::int64_t batch) {
  const clock::time_point deadline = clock::now() + to_.patience;
  while (producer_ == nullptr) open(deadline);
  return last_.batch >= batch;
}

void transactions::commit(std::int64_t batch, const std::vector<prepared>& all) {
  // Nothing to be seen of it, whether it is written once or twice.
  attempts_ = 0;
  if (std::all_of(all.begin(), all.end(),
                  [](const prepared& one) { return one.waiting->count() == 0; }))
    return;
  const marker m = make_marker(batch, all.size(), writer_);
  const clock::time_point deadline = clock::now() + to_.patience;
  waiting_since_.reset();
  for (;;) {
    if (producer_ == nullptr) {
      open(deadline);
      if (producer_ == nullptr) continue;
    }
    if (last_.batch >= batch) return;
    ++attempts_;
    switch (attempt(m, all, deadline)) {
      case outcome::done:
        last_ = m;
        if (outage_) log_info(description() + ": goes on");
        outage_ = false;
        return;
      case outcome::again:
      case outcome::new_producer: break;
    }
    (void)wait_on(deadline);
    std::this_thread::sleep_for(before_next_attempt);
  }
}

bool transactions::wait_on(clock::time_point deadline) const {
  if (lane_cancelled())
    throw error(description() +
                ": the stream ended while a batch waited for the brokers; it is not in the topic, "
                "unless its commit was on the way");
  return clock::now() < deadline;
}

template <class Call>
owned<rd_kafka_error_t> transactions::finish(clock::time_point deadline, const Call& call) {
  for (;;) {
    owned<rd_kafka_error_t> failure(call());
    if (failure == nullptr || rd_kafka_error_is_retriable(failure.get()) == 0 || !wait_on(deadline))
      return failure;
    slow(rd_kafka_error_string(failure.get()));
  }
}

void transactions::open(clock::time_point deadline) {
  auto fresh = std::make_unique<producer>(
      to_, std::vector<setting>{{"transactional.id", name_}, {"enable.idempotence", "true"}},
      answers_in_time(to_.settings));
  for (;;) {
    owned<rd_kafka_error_t> failure(rd_kafka_init_transactions(fresh->get(), slice_ms));
    if (failure == nullptr) break;
    const rd_kafka_resp_err_t code = rd_kafka_error_code(failure.get());
    refuse(code);
    const auto said = [&] {
      return std::string("can't begin: ") + rd_kafka_error_string(failure.get()) +
             fresh->last_trouble();
    };
    if (!wait_on(deadline) || (!opened_ && fresh->not_let_in()))
      throw error(description() + ": " + said());
    if (rd_kafka_error_is_fatal(failure.get()) != 0) {
      outage(said());
      std::this_thread::sleep_for(before_next_attempt);
      return;  // for another one
    }
    if (rd_kafka_error_is_retriable(failure.get()) == 0 && !may_pass(code))
      throw error(description() + ": " + said());
    slow(said());
    if (code != RD_KAFKA_RESP_ERR__TIMED_OUT) std::this_thread::sleep_for(before_next_attempt);
  }
  const marker found = read_marker(fresh->by(), to_.name, name_, [&] { return wait_on(deadline); });
  if (opened_ && found != last_ && !found.about.ends_with("writer=" + writer_))
    throw error(description() +
                ": another program of the same name has written since, and this one ends; give "
                "each a name of its own, or the stream (named)");
  last_ = found;
  opened_ = true;
  producer_ = std::move(fresh);
}

transactions::outcome transactions::attempt(const marker& m, const std::vector<prepared>& all,
                                            clock::time_point deadline) {
  // What is sent lies in memory of the batch's: a producer that is given up is gone before it is.
  const auto count = std::make_shared<deliveries>();
  outcome how = outcome::new_producer;
  try {
    how = run(m, all, deadline, count);
    // Reports may still be on their way here when the brokers have long agreed.
    if (how != outcome::new_producer && producer_->wait(*count, patient_for)) return how;
  } catch (...) {
    producer_.reset();
    throw;
  }
  producer_.reset();
  return how;
}

transactions::outcome transactions::run(const marker& m, const std::vector<prepared>& all,
                                        clock::time_point deadline,
                                        const std::shared_ptr<deliveries>& count) {
  rd_kafka_t* const client = producer_->get();
  owned<rd_kafka_error_t> failure(rd_kafka_begin_transaction(client));
  if (failure != nullptr) return after(std::move(failure), "begin", deadline);
  const auto given_up = [&] { return lane_cancelled() || clock::now() >= deadline; };
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (const prepared& one : all) {
    one.waiting->each([&](const staged_messages& some, bool stays) {
      code = producer_->send(some, !stays, count, given_up);
      return code == RD_KAFKA_RESP_ERR_NO_ERROR;
    });
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    refuse(code);
    return after(finish(deadline, [&] { return rd_kafka_abort_transaction(client, slice_ms); }),
                 "abort", deadline);
  }
  // The call for the mark can't be left while brokers are silent, so first they show that they are
  // there.
  while (!producer_->wait(*count, std::chrono::milliseconds(slice_ms)) && wait_on(deadline))
    slow("messages are not acknowledged" + producer_->last_trouble());
  const partition_list offsets = marker_offsets(m, to_.name);
  const owned<rd_kafka_consumer_group_metadata_t> group(
      rd_kafka_consumer_group_metadata_new(name_.c_str()));
  failure = finish(deadline, [&] {
    const int within = answer_within_ms_;
    rd_kafka_error_t* const how =
        rd_kafka_send_offsets_to_transaction(client, offsets.get(), group.get(), within);
    answer_within_ms_ = how == nullptr ? least_answer_ms : std::min(within * 2, most_answer_ms);
    return how;
  });
  if (failure != nullptr) return after(std::move(failure), "mark", deadline);
  failure = finish(deadline, [&] { return rd_kafka_commit_transaction(client, slice_ms); });
  if (failure != nullptr) {
    refuse(count->failure());
    return after(std::move(failure), "commit", deadline);
  }
  return outcome::done;
}

transactions::outcome transactions::after(owned<rd_kafka_error_t> failure, const char* doing,
                                          clock::time_point deadline) {
  if (failure == nullptr) return outcome::again;  // what was to be aborted is
  const std::string text = std::string("can't ") + doing + ": " +
                           rd_kafka_error_string(failure.get()) + producer_->last_trouble();
  refuse(rd_kafka_error_code(failure.get()));
  if (!wait_on(deadline)) throw error(description() + ": " + text + " (patience)");
  outage(text);
  if (rd_kafka_error_txn_requires_abort(failure.get()) == 0) return outcome::new_producer;
  const owned<rd_kafka_error_t> aborted =
      finish(deadline, [&] { return rd_kafka_abort_transaction(producer_->get(), slice_ms); });
  return aborted == nullptr ? outcome::again : outcome::new_producer;
}

void transactions::refuse(rd_kafka_resp_err_t code) const {
  if (!is_final(code)) return;
  throw error(description() + ": " + rd_kafka_err2str(code));
}

void transactions::slow(const std::string& what) {
  if (!waiting_since_) waiting_since_ = clock::now();
  if (clock::now() - *waiting_since_ >= patient_for) outage(what);
}

void transactions::outage(const std::string& what) {
  if (outage_) return;
  outage_ = true;
  log_warn(description() + ": the batch waits, " + what);
}

}  // namespace millrace::detail::kafka
