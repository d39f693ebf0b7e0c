// What a generator stamps its records with, and who counts what came of them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <set>
#include <string>
#include <string_view>

namespace millrace::fault {

/// A record tells by itself whether it is whole, and where in its producer's order it belongs.
struct record {
  std::int64_t producer = 0;
  std::int64_t sequence = 0;  // of the producer, from 0
  std::int64_t key = 0;
  std::int64_t sum = 0;   // of the three before
  std::int64_t seen = 0;  // records of its key so far, by the program's state; 0: it has none
};

constexpr std::int64_t producers = 4;
constexpr std::int64_t keys = 97;

constexpr std::int64_t sum_of(const record& r) {
  std::uint64_t h = 0x9e3779b97f4a7c15U;
  for (const std::int64_t part : {r.producer, r.sequence, r.key}) {
    h ^= static_cast<std::uint64_t>(part);
    h *= 0xff51afd7ed558ccdU;
    h ^= h >> 32;
  }
  return static_cast<std::int64_t>(h >> 1);  // databases have no unsigned numbers
}

/// The i-th record of all.
constexpr record record_at(std::int64_t i) {
  record r{i % producers, i / producers, 0, 0, 0};
  r.key = static_cast<std::int64_t>((static_cast<std::uint64_t>(i) * 2654435761U >> 7) %
                                    static_cast<std::uint64_t>(keys));
  r.sum = sum_of(r);
  return r;
}

inline std::string line_of(const record& r) {
  char text[160];
  std::snprintf(text, sizeof text, "%lld %lld %lld %lld %lld", static_cast<long long>(r.producer),
                static_cast<long long>(r.sequence), static_cast<long long>(r.key),
                static_cast<long long>(r.sum), static_cast<long long>(r.seen));
  return text;
}

struct verdict {
  std::int64_t lost = 0;
  std::int64_t duplicated = 0;
  std::int64_t corrupted = 0;
  std::int64_t out_of_order = 0;  // within a key
  std::int64_t records = 0;       // that were whole

  bool clean() const { return duplicated == 0 && corrupted == 0 && out_of_order == 0; }
};

/// Judges what a sink has, in the order in which batches made it visible, as it comes. Needs memory
/// for what is missing alone.
class oracle {
 public:
  /// Of `total` records that were given.
  explicit oracle(std::int64_t total) : total_(total) {}
  /// Of so many after all.
  void expect(std::int64_t total) { total_ = total; }
  /// One more than the last of all that has come.
  std::int64_t next() const { return next_; }

  void line(const std::string& text) {
    long long n[5] = {};
    int end = 0;
    const int read = std::sscanf(text.c_str(), "%lld %lld %lld %lld %lld%n", &n[0], &n[1], &n[2],
                                 &n[3], &n[4], &end);
    if (read != 5 || static_cast<std::size_t>(end) != text.size()) {
      ++result_.corrupted;
      return;
    }
    take({n[0], n[1], n[2], n[3], n[4]});
  }

  void take(const record& r) {
    const std::int64_t i = r.sequence * producers + r.producer;
    const bool whole = r.sum == sum_of(r) && r.producer >= 0 && r.producer < producers && i >= 0 &&
                       i < total_ && r.key == record_at(i).key;
    if (!whole) {
      ++result_.corrupted;
      return;
    }
    ++result_.records;
    key_order& order = keys_.at(static_cast<std::size_t>(r.key));
    while (next_ <= i) expect_one_more();
    if (!order.expected.empty() && order.expected.front() == i) {
      order.expected.pop_front();
    } else if (const auto found = std::find(order.expected.begin(), order.expected.end(), i);
               found != order.expected.end()) {
      // Those before it may still come, and are late then.
      missing_.insert(order.expected.begin(), found);
      order.expected.erase(order.expected.begin(), found + 1);
      ++result_.out_of_order;
    } else if (missing_.erase(i) != 0) {
      ++result_.out_of_order;
    } else {
      ++result_.duplicated;
      return;
    }
    ++order.seen;
    // State has counted those before it.
    if (r.seen != 0 && r.seen != order.seen) ++result_.out_of_order;
  }

  verdict judge() {
    while (next_ < total_) expect_one_more();
    verdict v = result_;
    v.lost = static_cast<std::int64_t>(missing_.size());
    for (const key_order& order : keys_) v.lost += static_cast<std::int64_t>(order.expected.size());
    return v;
  }
  /// So far, without what did not come.
  const verdict& so_far() const { return result_; }

 private:
  struct key_order {
    std::deque<std::int64_t> expected;  // of the records up to `next_`
    std::int64_t seen = 0;
  };

  void expect_one_more() {
    keys_.at(static_cast<std::size_t>(record_at(next_).key)).expected.push_back(next_);
    ++next_;
  }

  std::int64_t total_;
  std::int64_t next_ = 0;
  std::array<key_order, keys> keys_{};
  std::set<std::int64_t> missing_;  // that came out of order, or never
  verdict result_;
};

}  // namespace millrace::fault
