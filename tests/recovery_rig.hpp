// Programs that die on a file system in memory, and what is left of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "crashing_files.hpp"
#include "millrace/streaming_context.hpp"
#include "stream_on_manual_clock.hpp"

namespace millrace::test {

using namespace std::chrono_literals;

/// at, at + 1 … , so many a batch, in two partitions.
struct numbers {
  using record_type = int;
  struct range {
    int from, to;
  };
  range next(const batch_limits&) {
    const range r{at, at + a_batch};
    at = r.to;
    return r;
  }
  int partitions(const range&) const { return 2; }
  void read(const range& r, int partition, emit<int>& out) const {
    const int middle = (r.from + r.to) / 2;
    for (int i = partition == 0 ? r.from : middle; i < (partition == 0 ? middle : r.to); ++i)
      out(i);
  }
  void resume(const range& last) { at = last.to; }
  int at = 1;
  int a_batch = 5;
};

/// What a database would hold: it outlives the program.
template <class T>
struct ledger {
  std::mutex mutex;
  std::map<batch_time, std::vector<T>> batches;
  std::vector<std::string> wrong;

  std::vector<T> all() const {
    std::vector<T> rows;
    for (const auto& [time, batch] : batches) rows.insert(rows.end(), batch.begin(), batch.end());
    return rows;
  }
};

template <class T>
struct ledger_sink {
  std::shared_ptr<ledger<T>> to;

  std::vector<T> prepare(const output_id&, partition_rows<T>& rows) const {
    std::vector<T> all;
    for (const T& row : rows) all.push_back(row);
    return all;
  }
  bool committed(batch_time time) const {
    const std::lock_guard lock(to->mutex);
    return to->batches.contains(time);
  }
  void commit(batch_time time, std::vector<std::vector<T>> receipts) const {
    const std::lock_guard lock(to->mutex);
    std::vector<T> all;
    for (const std::vector<T>& one : receipts) all.insert(all.end(), one.begin(), one.end());
    if (!to->batches.empty() && to->batches.rbegin()->first >= time)
      to->wrong.push_back("batch committed after a later one, or twice");
    to->batches.insert_or_assign(time, std::move(all));
  }
};

using settings_list = std::vector<std::pair<std::string, std::string>>;

/// One life of a program.
class run {
 public:
  using build = std::function<void(streaming_context&)>;

  run(crashing_files& files, const build& graph, const settings_list& conf = {},
      std::chrono::milliseconds begin = 0ms)
      : clock_(detail::time_point_ms(begin)),
        sc_(stream_on_manual_clock::make_context(&clock_, conf)),
        ssc_(sc_, 1s) {
    ssc_.core()->checkpoint("mem/checkpoint");
    ssc_.core()->checkpoint_on(files);
    graph(ssc_);
  }
  ~run() { ssc_.stop(); }
  run(const run&) = delete;
  run& operator=(const run&) = delete;

  /// The newest batch of an earlier life.
  batch_time start(std::chrono::milliseconds from = 0ms) {
    return at_ = std::max(detail::time_point_ms(from), ssc_.core()->start_stepped());
  }
  /// Batches up to this time.
  void until(std::chrono::milliseconds time) {
    while (at_ < detail::time_point_ms(time)) {
      at_ += 1s;
      clock_.set(std::max(clock_.now(), at_));
      ssc_.core()->step(at_);
    }
  }

 private:
  detail::manual_clock clock_;
  context sc_;
  streaming_context ssc_;
  batch_time at_{};
};

inline std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const usage_error& e) {
    return e.what();
  }
  return "no usage_error";
}

inline std::shared_ptr<ledger<int>> new_ledger() { return std::make_shared<ledger<int>>(); }

/// A run that does not go on from an earlier one begins with other numbers.
inline run::build numbers_to(std::shared_ptr<ledger<int>> to, int from = 1) {
  return [to, from](streaming_context& ssc) {
    ssc.stream(numbers{.at = from}).write(ledger_sink<int>{to});
  };
}

inline std::vector<int> consecutive(int from, int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(from + i);
  return all;
}

constexpr auto the_end = 8s;

/// Runs until it dies, or to the end. False: it died.
inline bool live(crashing_files& files, const std::shared_ptr<ledger<int>>& rows, int from) {
  try {
    run one(files, numbers_to(rows, from));
    one.start();
    one.until(the_end);
  } catch (const error&) {
    return false;
  }
  return !files.dead();
}

/// Whether each batch up to the end is there once, and each number too.
inline void expect_nothing_lost(const ledger<int>& rows) {
  const std::vector<int> all = rows.all();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all, consecutive(all.front(), 5 * 8));
  EXPECT_EQ(rows.batches.size(), 8U);
  EXPECT_TRUE(rows.wrong.empty());
}

}  // namespace millrace::test
