// Kafka: topics as a stream, read exactly once, and a topic as a sink, written exactly once.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/detail/dataset/row_traits.hpp"
#include "millrace/detail/kafka/messages.hpp"
#include "millrace/sink.hpp"
#include "millrace/source.hpp"

namespace millrace {
template <class T>
class rdd;
namespace detail {
class engine;
}
}  // namespace millrace

namespace millrace::kafka {

// ---- what is read

struct header {
  std::string_view name{};
  std::string_view value{};
  bool value_is_null = false;
};

/// A record of a topic. All text views Kafka's own memory and obeys the rule of rows: it lives as
/// long as the row does, and whatever keeps the row copies it.
struct record {
  std::string_view key{};  ///< empty where it is null
  std::string_view value{};
  bool key_is_null = false;
  bool value_is_null = false;  ///< a tombstone, where the topic is compacted
  std::vector<header> headers{};
  std::string_view topic{};
  int partition = 0;
  std::int64_t offset = 0;
  /// As the producer or the broker set it; the epoch where the record has none.
  std::chrono::sys_time<std::chrono::milliseconds> timestamp{};
};

struct topic_partition {
  std::string topic{};
  int partition = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 in <=> for a pointer
  friend auto operator<=>(const topic_partition&, const topic_partition&) = default;
};

/// From `from` up to, without, `until`.
struct offset_range {
  std::string topic{};
  int partition = 0;
  std::int64_t from = 0;
  std::int64_t until = 0;
  /// Records at most: compacted topics and transactions leave gaps.
  std::int64_t count() const { return until - from; }
  friend bool operator==(const offset_range&, const offset_range&) = default;
};

// ---- where reading begins

struct earliest_offsets {};
struct latest_offsets {};
inline constexpr earliest_offsets earliest{};
inline constexpr latest_offsets latest{};
/// `offsets{{{"clicks", 0}, 1200}, {{"clicks", 1}, 0}}`; partitions left out begin at their
/// beginning.
struct offsets : std::map<topic_partition, std::int64_t> {
  using map::map;
};
/// The first record of that time or later; where there is none, what comes next:
/// `timestamp{std::chrono::system_clock::now() - 1h}`.
struct timestamp {
  timestamp() = default;
  template <class Duration>
  timestamp(std::chrono::sys_time<Duration> at)
      : time(std::chrono::ceil<std::chrono::milliseconds>(at)) {}

  std::chrono::sys_time<std::chrono::milliseconds> time{};
};
using start_position = std::variant<latest_offsets, earliest_offsets, offsets, timestamp>;

/// What happens where records that were to be read are gone: deleted by retention before they were
/// read, cut off after an unclean change of leaders, or gone with their topic.
enum class on_data_loss {
  fail,  ///< the batch, and with it the stream; the message says what is lost
  skip,  ///< goes on with what is there; what is lost is logged and told to the listeners
};
/// What happens where a named topic is not there when the stream begins.
enum class on_missing_topic { fail, wait };

/// Settings of librdkafka by their names, for all that is not an option here:
/// `{"fetch.wait.max.ms", "50"}`. An unknown name is a usage_error that says the nearest.
/// `name.file` and `name.env` take the value from a file (without the line's end) or from the
/// environment when a client is made:
/// `{"sasl.password.file", "/run/secrets/kafka"}`; so a secret is in no program and no log. Values
/// of secrets are never printed.
using librdkafka_settings = std::vector<std::pair<std::string, std::string>>;

/// A stream of topics: `ssc.stream(mr::kafka::topics{.brokers = "host:9092", .names =
/// {"clicks"}})`. Rows are `record`s, a partition of a batch for each partition of the topics.
///
/// The driver names the offsets that a batch reads; tasks read them by assigning and seeking, so no
/// group ever rebalances, and a batch that runs again reads the same records. Offsets live in the
/// checkpoint; without one each run begins at `start`. Consumers stay between batches and fetch
/// ahead (queued.min.messages, queued.max.messages.kbytes a partition). streaming.receiver.maxRate
/// and back-pressure bound what a batch reads; what the partitions have waiting shares it.
///
/// Partitions that are added later join from their beginning, topics that begin to match `pattern`
/// too. Aborted transactions are not read (isolation.level).
///
/// While the brokers can't be reached, batches are empty and a task waits for its records, up to
/// `patience`; then all goes on where it was. The log and `receiver_error` say so once an outage.
struct topics {
  using record_type = record;

  std::string brokers{};  ///< "host:port,host:port"
  // One of these three says what is read.
  std::vector<std::string> names{};
  std::string pattern{};  ///< ECMAScript; the whole name of a topic
  std::vector<topic_partition> partitions{};
  /// To which offsets are committed after a batch, for those who watch the lag; nothing is read
  /// back. Empty: nowhere.
  std::string group{};
  start_position start = latest;
  kafka::on_data_loss on_data_loss = kafka::on_data_loss::fail;
  kafka::on_missing_topic on_missing_topic = kafka::on_missing_topic::fail;
  /// How often new partitions and topics are looked for.
  std::chrono::milliseconds discovery{10'000};
  /// How long a task waits for records that must be there, before its batch fails.
  std::chrono::milliseconds patience{300'000};
  kafka::librdkafka_settings settings{};

  /// For the engine. Throws usage_error for options that can't be.
  detail::stream_ptr make_stream(const detail::stream_engine_ptr& engine) const;
};

}  // namespace millrace::kafka

namespace millrace::detail::kafka {

std::vector<millrace::kafka::offset_range> offsets_of(const node& dataset);
node_ptr read(std::shared_ptr<engine> context, millrace::kafka::topics source,
              std::vector<millrace::kafka::offset_range> ranges);

}  // namespace millrace::detail::kafka

namespace millrace::kafka {

/// The offsets that a dataset of a Kafka stream reads, partition by partition, through any number
/// of narrow operations (map, filter, flat_map, union_with, …). usage_error where there are none,
/// as behind a shuffle.
template <class T>
std::vector<offset_range> offsets_of(const rdd<T>& dataset) {
  return detail::kafka::offsets_of(*dataset.node());
}

/// These records as a dataset, a partition a range: `mr::kafka::read(sc, "host:9092", ranges)`.
template <class Context>
auto read(const Context& sc, std::string brokers, std::vector<offset_range> ranges,
          kafka::librdkafka_settings settings = {}) {
  topics source{.brokers = std::move(brokers), .settings = std::move(settings)};
  return rdd<record>(detail::kafka::read(sc.core(), std::move(source), std::move(ranges)));
}

// ---- what is written

/// A row that says all of what is sent. A `record` that was read may be written too: its key,
/// value, headers and time.
struct message {
  std::optional<std::string> key{};
  std::optional<std::string> value{};
  std::vector<std::pair<std::string, std::string>> headers{};
  int partition = -1;                                            ///< -1: by the key
  std::chrono::sys_time<std::chrono::milliseconds> timestamp{};  ///< the epoch: now
};

enum class delivery { exactly_once, at_least_once };

/// A sink: `counts.write(mr::kafka::topic{.brokers = "host:9092", .name = "counts"})`. Rows are
/// pairs (key and value), `message`s, `record`s, or values without a key. Text is sent as it is, an
/// empty optional as null, anything else in its text form.
///
/// `exactly_once`: a batch is one transaction, which carries its own id, so that whoever reads only
/// what is committed (isolation.level = read_committed) sees each batch once, whatever was killed
/// and restarted between. The transaction is called "millrace.<application>.<operation>", and so is
/// the consumer group in which the sink keeps the time of the newest batch: the program's name and
/// the stream's (`named`) must stay the same and be no other program's. A second program of that
/// name fences the first, which ends. A batch's messages wait for its commit in memory, and past
/// their part of the memory budget on disk. An outage of the brokers, mid-transaction too, holds
/// the batch up. `at_least_once`: sent while tasks run and acknowledged when the batch is done;
/// what runs again is sent again.
struct topic {
  std::string brokers{};
  std::string name{};
  kafka::delivery delivery = kafka::delivery::exactly_once;
  /// How long a batch waits for brokers that don't answer, before it fails.
  std::chrono::milliseconds patience{300'000};
  kafka::librdkafka_settings settings{};
  /// For the engine: shared by copies.
  std::shared_ptr<detail::kafka::sink_state> state = detail::kafka::make_sink_state();

  /// The transactions keep which batch was the last.
  static constexpr bool commits_in_order = true;

  template <class T>
  detail::kafka::prepared prepare(const output_id& id, partition_rows<T>& rows) const;
  void commit(const output_id& batch, std::vector<detail::kafka::prepared> all) const;
  bool committed(const output_id& batch) const;
  measurement measured(const output_id& batch) const;
};

}  // namespace millrace::kafka

namespace millrace::detail::kafka {

/// What a part of a row is sent as.
template <class T>
std::optional<std::string_view> bytes_of(const T& value, std::string& scratch) {
  if constexpr (is_text<T>) {
    return std::string_view(value);
  } else if constexpr (is_optional_v<T>) {
    if (!value.has_value()) return std::nullopt;
    return bytes_of(*value, scratch);
  } else {
    scratch.clear();
    print_row(row_type_of<T>(), &value, scratch);
    return std::string_view(scratch);
  }
}

/// A partition of a batch on its way out.
class partition_writer {
 public:
  /// Throws usage_error for options that can't be.
  partition_writer(const millrace::kafka::topic& to, const task_context& task);
  ~partition_writer();
  partition_writer(const partition_writer&) = delete;
  partition_writer& operator=(const partition_writer&) = delete;

  template <class T>
  void add(const T& row) {
    if constexpr (std::is_same_v<T, millrace::kafka::message>) {
      add_message({row.key, row.value, row.partition, row.timestamp.time_since_epoch().count()});
      for (const auto& h : row.headers) messages_.add_header(h.first, h.second);
    } else if constexpr (std::is_same_v<T, millrace::kafka::record>) {
      outgoing m{{}, {}, -1, row.timestamp.time_since_epoch().count()};
      if (!row.key_is_null) m.key = row.key;
      if (!row.value_is_null) m.value = row.value;
      add_message(m);
      for (const auto& h : row.headers)
        messages_.add_header(h.name, h.value_is_null ? std::nullopt : std::optional(h.value));
    } else if constexpr (is_pair_v<T>) {
      add_message({bytes_of(row.first, key_text_), bytes_of(row.second, value_text_), -1, 0});
    } else {
      add_message({std::nullopt, bytes_of(row, value_text_), -1, 0});
    }
  }
  prepared finish();

 private:
  void add_message(const outgoing& m) {
    if (messages_.bytes() >= pass_on_at) pass_on();
    messages_.add(m);
  }
  /// To those that wait for the transaction, or on their way.
  void pass_on();

  static constexpr std::size_t pass_on_at = std::size_t{256} << 10;  // bytes
  const millrace::kafka::topic& to_;
  const task_context& task_;
  staged_messages messages_;
  std::string key_text_;
  std::string value_text_;
  prepared result_;
};

}  // namespace millrace::detail::kafka

template <class T>
millrace::detail::kafka::prepared millrace::kafka::topic::prepare(const output_id&,
                                                                  partition_rows<T>& rows) const {
  detail::kafka::partition_writer to(*this, rows.task());
  for (const T& row : rows) to.add(row);
  return to.finish();
}
