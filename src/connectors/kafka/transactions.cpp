#include "connectors/kafka/transactions.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

using namespace std::chrono_literals;

/// A call that waits for brokers returns after this time, to look whether patience is at its end.
constexpr int slice_ms = 5000;

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

}  // namespace

transactions::transactions(millrace::kafka::topic to, std::string name)
    : to_(std::move(to)), name_(std::move(name)), writer_(new_writer()) {}

std::string transactions::description() const {
  return "kafka " + to_.brokers + ", topic " + to_.name + ", transactions \"" + name_ + "\"";
}

bool transactions::committed(std::int64_t batch) {
  const clock::time_point deadline = clock::now() + to_.patience;
  while (producer_ == nullptr) open(deadline);
  return last_.batch >= batch;
}

void transactions::commit(std::int64_t batch, const std::vector<staged_messages_ptr>& all) {
  // Nothing to be seen of it, whether it is written once or twice.
  if (std::all_of(all.begin(), all.end(),
                  [](const staged_messages_ptr& one) { return one->entries().empty(); }))
    return;
  const marker m = make_marker(batch, all.size(), writer_);
  const clock::time_point deadline = clock::now() + to_.patience;
  for (;;) {
    if (producer_ == nullptr) {
      open(deadline);
      if (producer_ == nullptr) continue;
    }
    if (last_.batch >= batch) return;
    switch (attempt(m, all, deadline)) {
      case outcome::done:
        last_ = m;
        if (outage_) log_info(description() + ": goes on");
        outage_ = false;
        return;
      case outcome::again:
      case outcome::new_producer: break;
    }
    std::this_thread::sleep_for(20ms);
  }
}

void transactions::open(clock::time_point deadline) {
  auto fresh = std::make_unique<producer>(
      to_, std::vector<setting>{{"transactional.id", name_}, {"enable.idempotence", "true"}});
  for (;;) {
    owned<rd_kafka_error_t> failure(rd_kafka_init_transactions(fresh->get(), slice_ms));
    if (failure == nullptr) break;
    const rd_kafka_resp_err_t code = rd_kafka_error_code(failure.get());
    refuse(code);
    if (clock::now() >= deadline || (!opened_ && fresh->not_let_in()))
      throw error(description() + ": can't begin: " + rd_kafka_error_string(failure.get()) +
                  fresh->last_trouble());
    outage(std::string("can't begin: ") + rd_kafka_error_string(failure.get()) +
           fresh->last_trouble());
    if (rd_kafka_error_is_fatal(failure.get()) != 0) return;
    if (rd_kafka_error_is_retriable(failure.get()) == 0 && !may_pass(code))
      throw error(description() + ": can't begin: " + rd_kafka_error_string(failure.get()));
    std::this_thread::sleep_for(20ms);
  }
  const marker found = read_marker(to_, name_, deadline);
  if (opened_ && found != last_ && !found.about.ends_with("writer=" + writer_))
    throw error(description() +
                ": another program of the same name has written since, and this one ends; give "
                "each a name of its own, or the stream (named)");
  last_ = found;
  opened_ = true;
  producer_ = std::move(fresh);
}

transactions::outcome transactions::attempt(const marker& m,
                                            const std::vector<staged_messages_ptr>& all,
                                            clock::time_point deadline) {
  // Outlives what is sent: a producer that is given up is gone before this is.
  deliveries count;
  outcome how = outcome::new_producer;
  try {
    how = run(m, all, deadline, count);
    // Reports may still be on their way here when the brokers have long agreed.
    if (how != outcome::new_producer && count.wait(std::chrono::milliseconds(slice_ms))) return how;
  } catch (...) {
    producer_.reset();
    throw;
  }
  producer_.reset();
  return how;
}

transactions::outcome transactions::run(const marker& m,
                                        const std::vector<staged_messages_ptr>& all,
                                        clock::time_point deadline, deliveries& count) {
  rd_kafka_t* const client = producer_->get();
  owned<rd_kafka_error_t> failure(rd_kafka_begin_transaction(client));
  if (failure != nullptr) return after(std::move(failure), "begin", deadline);
  for (const staged_messages_ptr& one : all) {
    const rd_kafka_resp_err_t code = producer_->send(to_.name, *one, false, count);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    refuse(code);
    failure.reset(rd_kafka_abort_transaction(client, slice_ms));
    return after(std::move(failure), "abort", deadline);
  }
  const partition_list offsets = marker_offsets(m, to_.name);
  const owned<rd_kafka_consumer_group_metadata_t> group(
      rd_kafka_consumer_group_metadata_new(name_.c_str()));
  const auto until_patience = [&](const auto& call) {
    for (;;) {
      failure.reset(call());
      if (failure == nullptr) return true;
      if (rd_kafka_error_is_retriable(failure.get()) == 0 || clock::now() >= deadline) return false;
      outage(rd_kafka_error_string(failure.get()));
    }
  };
  if (!until_patience([&] {
        return rd_kafka_send_offsets_to_transaction(client, offsets.get(), group.get(), slice_ms);
      }))
    return after(std::move(failure), "mark", deadline);
  if (!until_patience([&] { return rd_kafka_commit_transaction(client, slice_ms); })) {
    refuse(count.failure());
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
  if (clock::now() >= deadline) throw error(description() + ": " + text + " (patience)");
  outage(text);
  if (rd_kafka_error_txn_requires_abort(failure.get()) == 0) return outcome::new_producer;
  const owned<rd_kafka_error_t> aborted(rd_kafka_abort_transaction(producer_->get(), slice_ms));
  return aborted == nullptr ? outcome::again : outcome::new_producer;
}

void transactions::refuse(rd_kafka_resp_err_t code) const {
  if (!is_final(code)) return;
  throw error(description() + ": " + rd_kafka_err2str(code));
}

void transactions::outage(const std::string& what) {
  if (outage_) return;
  outage_ = true;
  log_warn(description() + ": the batch waits, " + what);
}

}  // namespace millrace::detail::kafka
