// kafka::topics: the driver names offsets, tasks read them.
#include <algorithm>
#include <atomic>
#include <regex>

#include "connectors/kafka/consumers.hpp"
#include "connectors/kafka/reporter.hpp"
#include "connectors/kafka/topic_offsets.hpp"
#include "millrace/detail/dataset/task_context.hpp"
#include "millrace/detail/engine/engine.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"

namespace millrace::detail::kafka {
namespace {

using namespace std::chrono_literals;
using millrace::kafka::offset_range;
using millrace::kafka::record;
using millrace::kafka::topics;

/// A chunk goes on when its messages have so many bytes, however few they are.
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;
/// How often a task that waits looks whether it was cancelled.
constexpr auto look_up = 50ms;

void check(const topics& o) {
  const int ways =
      (o.names.empty() ? 0 : 1) + (o.pattern.empty() ? 0 : 1) + (o.partitions.empty() ? 0 : 1);
  if (ways != 1)
    throw usage_error("kafka::topics: one of names, pattern and partitions must say what is read");
  try {
    const std::regex pattern(o.pattern);
  } catch (const std::regex_error& e) {
    throw usage_error("kafka::topics: the pattern is no regular expression (" +
                      std::string(e.what()) + "): " + o.pattern);
  }
  if (o.discovery <= 0ms || o.patience <= 0ms)
    throw usage_error("kafka::topics: discovery and patience must be positive");
}

/// Messages whose memory rows view, until the rows have gone on.
class pinned_rows {
 public:
  pinned_rows(const offset_range& range, output<record>& out) : range_(range), out_(out) {}

  void add(std::vector<owned<rd_kafka_message_t>>& messages) {
    for (owned<rd_kafka_message_t>& message : messages) {
      if (stopped_) break;
      const rd_kafka_message_t& m = *message;
      out_.put(row_of(m));
      bytes_ += m.len + m.key_len;
      pins_.push_back(std::move(message));
      if (out_.full() || bytes_ >= chunk_bytes) flush();
    }
    messages.clear();
  }
  void flush() {
    if (pins_.empty()) return;
    stopped_ = out_.flush() == flow::enough;
    pins_.clear();
    bytes_ = 0;
  }
  std::size_t room() const { return chunk_rows - pins_.size(); }
  bool stopped() const { return stopped_; }

 private:
  record row_of(const rd_kafka_message_t& m) const {
    record row{};
    if (m.key != nullptr) row.key = {static_cast<const char*>(m.key), m.key_len};
    if (m.payload != nullptr) row.value = {static_cast<const char*>(m.payload), m.len};
    row.key_is_null = m.key == nullptr;
    row.value_is_null = m.payload == nullptr;
    row.topic = range_.topic;
    row.partition = range_.partition;
    row.offset = m.offset;
    rd_kafka_timestamp_type_t type{};
    const std::int64_t time = rd_kafka_message_timestamp(&m, &type);
    if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
      row.timestamp =
          std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(time));
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(&m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return row;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0;
         rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         ++i) {
      millrace::kafka::header one{name, {}, value == nullptr};
      if (value != nullptr) one.value = {static_cast<const char*>(value), size};
      row.headers.push_back(one);
    }
    return row;
  }

  const offset_range& range_;
  output<record>& out_;
  std::vector<owned<rd_kafka_message_t>> pins_;
  std::size_t bytes_ = 0;
  bool stopped_ = false;
};

/// Reads ranges in tasks.
class range_reader {
 public:
  range_reader(topics options, reporter to)
      : options_(std::move(options)), reporter_(std::move(to)), consumers_(options_) {}

  /// What tasks have done since it was asked last.
  struct work {
    std::int64_t records = 0;
    std::int64_t bytes = 0;
    std::chrono::microseconds waited{0};  // for records to come
  };
  work take_work() {
    return {records_.exchange(0), bytes_.exchange(0),
            std::chrono::microseconds(waited_us_.exchange(0))};
  }

  void read(const offset_range& range, output<record>& out, const task_context& task) {
    if (range.from >= range.until) return;
    consumers::lease consumer = consumers_.take(range.topic, range.partition);
    try {
      read(range, consumer, out, task);
    } catch (...) {
      consumer.give_up();
      throw;
    }
  }

 private:
  using clock = std::chrono::steady_clock;

  void read(const offset_range& range, consumers::lease& consumer, output<record>& out,
            const task_context& task) {
    consumer->seek(range.from);
    pinned_rows rows(range, out);
    std::vector<owned<rd_kafka_message_t>> messages;
    clock::time_point progress = clock::now();
    bool outage = false;
    while (consumer->position() < range.until && !rows.stopped() && !task.cancelled()) {
      // The job's own thread may be in this task, and nobody else would tell the task.
      if (lane_cancelled()) throw task_cancelled();
      const std::int64_t before = consumer->position();
      // Nothing is held back while nothing comes.
      consumer->next(range.until, rows.room(), 0ms, messages);
      if (messages.empty() && consumer->position() == before) {
        rows.flush();
        const clock::time_point waiting = clock::now();
        consumer->next(range.until, chunk_rows, look_up, messages);
        waited_us_ +=
            std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - waiting).count();
      }
      count(messages);
      rows.add(messages);
      if (consumer->failure() != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rows.flush();
        if (!go_on_after_loss(range, consumer)) return;
        continue;
      }
      const clock::time_point now = clock::now();
      if (consumer->position() != before) {
        progress = now;
        outage = false;
      } else if (now - progress >= options_.patience) {
        throw error(description(range, consumer->position()) + ": nothing came for " +
                    std::to_string(options_.patience.count()) + " ms (patience)" +
                    consumer.from().last_trouble());
      } else if (!outage && now - progress >= 5s) {
        outage = true;
        reporter_.report(description(range, consumer->position()) +
                         ": nothing comes, the task waits" + consumer.from().last_trouble());
      }
    }
    rows.flush();
  }

  void count(const std::vector<owned<rd_kafka_message_t>>& messages) {
    std::int64_t bytes = 0;
    for (const auto& one : messages) bytes += static_cast<std::int64_t>(one->len + one->key_len);
    records_ += static_cast<std::int64_t>(messages.size());
    bytes_ += bytes;
  }

  /// The consumer failed at its position. False: nothing of the range is left.
  bool go_on_after_loss(const offset_range& range, const consumers::lease& consumer) {
    const std::string where = description(range, consumer->position());
    if (consumer->failure() != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET &&
        consumer->failure() != RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE &&
        !is_gone(consumer->failure()))
      throw error(where + ": " + consumer->failure_text());
    std::int64_t low = 0;
    std::int64_t high = 0;
    const rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        consumer.from().get(), range.topic.c_str(), range.partition, &low, &high, 10'000);
    std::int64_t next = range.until;
    std::string there = "the partition is gone";
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      there = "the partition has offsets from " + std::to_string(low) + " up to " +
              std::to_string(high);
      if (low > consumer->position()) next = std::min(low, range.until);
    } else if (may_pass(code) && !is_gone(code)) {
      throw error(where + ": " + consumer->failure_text() +
                  ", and the brokers don't answer: " + rd_kafka_err2str(code));
    }
    const std::string text =
        where + ": records up to " + std::to_string(next) + " are lost, " + there;
    if (options_.on_data_loss == millrace::kafka::on_data_loss::fail)
      throw error(text + " (on_data_loss = skip goes on without them)");
    reporter_.report(text);
    if (next >= range.until) return false;
    consumer->seek(next);
    return true;
  }

  std::string description(const offset_range& range, std::int64_t at) const {
    return "kafka " + options_.brokers + ", " + range.topic + "[" +
           std::to_string(range.partition) + "] at offset " + std::to_string(at);
  }

  topics options_;
  reporter reporter_;
  consumers consumers_;
  std::atomic<std::int64_t> records_{0};
  std::atomic<std::int64_t> bytes_{0};
  std::atomic<std::int64_t> waited_us_{0};
};

/// The source as the streaming room sees it. Copies share what they are connected by.
class offset_source {
 public:
  using record_type = record;
  using range = std::vector<offset_range>;

  /// Without a driver it only reads.
  offset_source(std::shared_ptr<topic_offsets> driver, std::shared_ptr<range_reader> reader)
      : driver_(std::move(driver)), reader_(std::move(reader)) {}

  void start() { driver_->start(); }
  void resume(const range& last) { driver_->resume(last); }
  range next(const batch_limits& limits) { return driver_->next(limits); }
  void committed(const range& r) { driver_->committed(r); }
  void stop() { driver_->stop(); }
  measurement measured() {
    const topic_offsets::progress p = driver_->last();
    const range_reader::work w = reader_->take_work();
    return {driver_->description(),
            {{"records", p.records},
             {"lag", p.left},
             {"lag_of_one_partition", p.most_left},
             {"partitions", p.partitions},
             {"answer_us", p.answer.count()},
             {"fetched_records", w.records},
             {"fetched_bytes", w.bytes},
             {"fetch_wait_us", w.waited.count()},
             {"group_commit_us", p.commit.count()}}};
  }

  int partitions(const range& r) const { return static_cast<int>(r.size()); }
  std::int64_t records(const range& r) const {
    std::int64_t all = 0;
    for (const offset_range& one : r) all += one.count();
    return all;
  }
  void read(const range& r, int partition, output<record>& out, const task_context& task) const {
    reader_->read(r[static_cast<std::size_t>(partition)], out, task);
  }

 private:
  std::shared_ptr<topic_offsets> driver_;
  std::shared_ptr<range_reader> reader_;
};
static_assert(chunk_source<offset_source>);

const row_type& range_type() { return row_type_of<offset_source::range>(); }

void collect_offsets(const node& dataset, std::vector<offset_range>& all) {
  if (const void* const range = range_of(dataset, range_type()); range != nullptr) {
    const auto& found = *static_cast<const offset_source::range*>(range);
    all.insert(all.end(), found.begin(), found.end());
  }
  for (const node_ptr& parent : dataset.parents()) collect_offsets(*parent, all);
}

}  // namespace

std::vector<offset_range> offsets_of(const node& dataset) {
  std::vector<offset_range> all;
  collect_offsets(dataset, all);
  // A batch of a stream has partitions unless brokers could not be reached yet.
  if (all.empty() && dataset.partitions() != 0)
    throw usage_error(
        "kafka::offsets_of: this dataset has no offsets, since it is not made of a "
        "Kafka stream by narrow operations alone: " +
        std::string(dataset.operation()));
  return all;
}

node_ptr read(std::shared_ptr<engine> context, topics source, std::vector<offset_range> ranges) {
  for (const offset_range& one : ranges) {
    if (one.from < 0 || one.from > one.until)
      throw usage_error("kafka::read: a range must begin at 0 or later and not end before it: " +
                        one.topic + "[" + std::to_string(one.partition) + "] from " +
                        std::to_string(one.from) + " up to " + std::to_string(one.until));
    source.names.push_back(one.topic);
  }
  if (!ranges.empty()) check(source);
  auto functions = std::make_shared<const range_functions>(range_functions_of(offset_source(
      nullptr, std::make_shared<range_reader>(std::move(source), reporter(context)))));
  return range_dataset(std::move(context), row_type_of<record>(), std::move(functions),
                       std::make_shared<const offset_source::range>(std::move(ranges)));
}

}  // namespace millrace::detail::kafka

millrace::detail::stream_ptr millrace::kafka::topics::make_stream(
    const detail::stream_engine_ptr& engine) const {
  detail::kafka::check(*this);
  const detail::kafka::reporter to(engine->core());
  return detail::range_stream(engine, detail::row_type_of<record>(),
                              detail::range_functions_of(detail::kafka::offset_source(
                                  std::make_shared<detail::kafka::topic_offsets>(*this, to),
                                  std::make_shared<detail::kafka::range_reader>(*this, to))));
}
