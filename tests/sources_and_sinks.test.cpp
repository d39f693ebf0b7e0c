// Sources and sinks of a program's own types.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

#include "millrace/error.hpp"
#include "millrace/source.hpp"
#include "millrace/testing.hpp"

namespace millrace {
namespace {

using namespace std::chrono_literals;
using testing::stream_fixture;

/// Numbers from 0 on, `per_batch` of them each batch, in partitions of ten.
struct numbers {
  using record_type = std::int64_t;
  struct range {
    std::int64_t from;
    std::int64_t to;
  };
  int per_batch = 25;
  std::int64_t at = 0;

  range next(const batch_limits& limits) {
    const range r{at, at + std::min<std::int64_t>(per_batch, limits.max_records)};
    at = r.to;
    return r;
  }
  int partitions(const range& r) const { return static_cast<int>((r.to - r.from + 9) / 10); }
  void read(const range& r, int partition, emit<std::int64_t>& out) const {
    if (at != 0) throw std::logic_error("what reads is not what was driven");
    const std::int64_t from = r.from + 10 * partition;
    for (std::int64_t i = from; i < std::min(from + 10, r.to) && !out.enough(); ++i) out(i);
  }
  std::int64_t records(const range& r) const { return r.to - r.from; }
};
static_assert(range_source<numbers> && stream_source<numbers> && !receiver_source<numbers>);

/// Begins where it is when the context starts.
struct starting_numbers : numbers {
  std::int64_t* now = nullptr;
  void start() { at = *now; }
  void read(const range& r, int, emit<std::int64_t>& out) const { out(r.from); }
  int partitions(const range&) const { return 1; }
};

TEST(RangeSource, start_is_called_when_the_context_starts) {
  stream_fixture s{{.batch = 1s}};
  std::int64_t now = 1;
  starting_numbers source;
  source.now = &now;
  auto rows = s.collect(s.streaming().stream(source));
  now = 100;
  s.advance(2);
  EXPECT_EQ(rows.batches(), (std::vector<std::vector<std::int64_t>>{{100}, {125}}));
}

TEST(RangeSource, each_batch_reads_the_range_that_was_named_for_it) {
  stream_fixture s{{.batch = 1s}};
  auto stream = s.streaming().stream(numbers{});
  auto rows = s.collect(stream);
  auto sizes = s.collect(stream.glom().map([](const auto& slice) { return slice.size(); }));
  auto again = s.collect(stream.map([](std::int64_t i) { return -i; }));
  s.advance(3);
  ASSERT_EQ(rows.batches().size(), 3U);
  std::int64_t next = 0;
  for (const auto& batch : rows.batches()) {
    EXPECT_EQ(batch.size(), 25U);
    for (const std::int64_t i : batch) EXPECT_EQ(i, next++);
  }
  EXPECT_EQ(sizes.batches(), (std::vector<std::vector<std::size_t>>(3, {10, 10, 5})));
  EXPECT_EQ(again.batches()[1].back(), -49);
}

TEST(RangeSource, a_limit_is_told_and_records_are_counted) {
  struct counting : streaming_listener {
    void batch_submitted(const batch_info& b) override { counts.push_back(b.num_records); }
    std::vector<std::int64_t> counts;
  } listener;
  stream_fixture s{{.batch = 1s, .conf = {{"spark.streaming.receiver.maxRate", "7"}}}};
  s.streaming().add_listener(listener);
  auto rows = s.collect(s.streaming().stream(numbers{}));
  s.advance(2);
  s.streaming().stop();
  EXPECT_EQ(rows.batches()[1].front(), 7);
  EXPECT_EQ(rows.batches()[1].size(), 7U);
  EXPECT_EQ(listener.counts, (std::vector<std::int64_t>{7, 7}));
  s.streaming().remove_listener(listener);
}

TEST(RangeSource, back_pressure_begins_low_and_doubles) {
  stream_fixture s{{.batch = 1s,
                    .conf = {{"streaming.backpressure.enabled", "true"},
                             {"streaming.backpressure.initialRate", "4"}}}};
  auto rows = s.collect(s.streaming().stream(numbers{}));
  s.advance(2);
  EXPECT_EQ(rows.batches()[0].size(), 4U);
  EXPECT_EQ(rows.batches()[1].size(), 8U);
}

TEST(RangeSource, errors_fail_the_batch) {
  struct broken {
    using record_type = int;
    int next(const batch_limits& l) {
      if (l.time.time_since_epoch() == 2s) throw std::runtime_error("no range");
      return 0;
    }
    int partitions(int) const { return where == 0 ? -1 : 1; }
    void read(int, int, emit<int>& out) const {
      out(1);
      if (where == 1) throw std::runtime_error("no rows");
    }
    int where;
  };
  for (const auto& [where, batches, text] :
       {std::tuple{0, 1, "negative"}, {1, 1, "no rows"}, {2, 2, "no range"}}) {
    stream_fixture s{{.batch = 1s}};
    s.collect(s.streaming().stream(broken{where}));
    s.advance(batches - 1);
    try {
      s.advance();
      ADD_FAILURE() << text;
    } catch (const stream_error& e) {
      EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
    }
  }
}

TEST(RangeSource, one_without_partitions_gives_empty_batches) {
  struct nothing {
    using record_type = std::string;
    int next(const batch_limits&) { return 0; }
    int partitions(int) const { return 0; }
    void read(int, int, emit<std::string>&) const {}
  };
  stream_fixture s{{.batch = 1s}};
  auto counts = s.collect(s.streaming().stream(nothing{}).count());
  s.advance(2);
  EXPECT_EQ(counts.batches(), (std::vector<std::vector<std::int64_t>>{{0}, {0}}));
}

/// What a sink was told, shared by its copies.
struct record {
  std::mutex mutex;
  std::vector<std::string> said;
  std::set<std::int64_t> committed;
  std::atomic<int> failures{0};
  void put(const std::string& text) {
    const std::lock_guard lock(mutex);
    said.push_back(text);
  }
};

std::string text_of(const output_id& id) {
  return id.application + "/" + id.operation + "/" +
         std::to_string(id.batch.time_since_epoch().count()) + "/" + std::to_string(id.partition) +
         "/" + std::to_string(id.attempt);
}

struct plain_sink {
  std::shared_ptr<record> to;
  void write(const output_id& id, partition_rows<int>& rows) const {
    int sum = 0;
    for (const int row : rows) sum += row;
    if (id.partition == 1 && to->failures-- > 0) throw std::runtime_error("the disk is full");
    to->put(text_of(id) + "=" + std::to_string(sum));
  }
};
static_assert(stream_sink<plain_sink, int> && !stream_sink<plain_sink, std::string>);

TEST(StreamSink, each_partition_is_written_with_its_id) {
  auto to = std::make_shared<record>();
  stream_fixture s{{.name = "app", .master = "local[2]", .batch = 1s}};
  auto in = s.input<int>();
  in.write(plain_sink{to});
  in.map([](int i) { return 2 * i; }).named("double").write(plain_sink{to});
  in.write(plain_sink{to});
  s.feed(in, {{1, 2, 3}, {}});
  s.run();
  std::sort(to->said.begin(), to->said.end());
  EXPECT_EQ(to->said,
            (std::vector<std::string>{
                "app/double/1000/0/0=2", "app/double/1000/1/0=10", "app/double/2000/0/0=0",
                "app/double/2000/1/0=0", "app/write#2/1000/0/0=1", "app/write#2/1000/1/0=5",
                "app/write#2/2000/0/0=0", "app/write#2/2000/1/0=0", "app/write/1000/0/0=1",
                "app/write/1000/1/0=5", "app/write/2000/0/0=0", "app/write/2000/1/0=0"}));
}

TEST(StreamSink, a_task_that_fails_writes_again_or_fails_the_batch) {
  auto to = std::make_shared<record>();
  to->failures = 2;
  stream_fixture s{{.master = "local[2,3]", .batch = 1s}};
  auto in = s.input<int>();
  in.write(plain_sink{to});
  s.feed(in, {{1, 2}, {3, 4}});
  s.advance();
  std::sort(to->said.begin(), to->said.end());
  EXPECT_EQ(to->said,
            (std::vector<std::string>{"millrace/write/1000/0/0=1", "millrace/write/1000/1/2=2"}));
  to->failures = 3;
  try {
    s.run();
    FAIL();
  } catch (const stream_error& e) {
    EXPECT_EQ(e.operation(), "write");
    EXPECT_NE(std::string(e.what()).find("the disk is full"), std::string::npos);
  }
}

template <class Batch>
struct two_phase_sink {
  std::shared_ptr<record> to;
  struct receipt {
    int partition;
    std::string sum;
  };
  receipt prepare(const output_id& id, partition_rows<int>& rows) const {
    int sum = 0;
    for (const int row : rows) sum += row;
    return {id.partition, std::to_string(sum)};
  }
  void commit(const Batch& batch, const std::vector<receipt>& all) const {
    std::string text = "commit " + std::to_string(time_of(batch));
    for (const receipt& one : all) text += " " + std::to_string(one.partition) + ":" + one.sum;
    to->put(text);
  }
  bool committed(const Batch& batch) const { return to->committed.count(time_of(batch)) != 0; }

  static std::int64_t time_of(batch_time t) { return t.time_since_epoch().count(); }
  static std::int64_t time_of(const output_id& id) {
    EXPECT_EQ(id.partition, -1);
    return time_of(id.batch);
  }
};

TEST(StreamSink, two_phases_commit_once_a_batch_what_is_not_committed) {
  auto to = std::make_shared<record>();
  to->committed = {2000};
  stream_fixture s{{.master = "local[2]", .batch = 1s}};
  auto in = s.input<int>();
  in.write(two_phase_sink<batch_time>{to});
  in.write(two_phase_sink<output_id>{to});
  s.feed(in, {{1, 2, 3}, {4}, {5, 6}});
  s.run();
  EXPECT_EQ(to->said, (std::vector<std::string>{"commit 1000 0:1 1:5", "commit 1000 0:1 1:5",
                                                "commit 3000 0:5 1:6", "commit 3000 0:5 1:6"}));
}

TEST(StreamSink, rows_that_view_text_can_be_written) {
  struct lines {
    std::shared_ptr<record> to;
    void write(const output_id&, partition_rows<std::pair<std::string_view, int>>& rows) const {
      for (const auto& [word, n] : rows) to->put(std::string(word) + std::to_string(n));
    }
  };
  auto to = std::make_shared<record>();
  stream_fixture s{{.master = "local", .batch = 1s}};
  auto in = s.input<std::string>();
  in.map([](const std::string& line) { return std::pair{std::string_view(line), 1}; })
      .reduce_by_key(std::plus<>{})
      .write(lines{to});
  s.feed(in, {{"a", "b", "a"}});
  s.run();
  EXPECT_EQ(to->said, (std::vector<std::string>{"a2", "b1"}));
}

}  // namespace
}  // namespace millrace
