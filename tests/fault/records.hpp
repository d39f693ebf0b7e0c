// What a generator stamps its records with, and who counts what came of them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::fault {

/// A record tells by itself whether it is whole, and where in its producer's order it belongs.
struct record {
  std::int64_t producer = 0;
  std::int64_t sequence = 0;  // of the producer, from 0
  std::int64_t key = 0;
  std::uint64_t check = 0;
  std::int64_t seen = 0;  // records of its key so far, by the program's state; 0: it has none
};

constexpr std::int64_t producers = 4;
constexpr std::int64_t keys = 97;

constexpr std::uint64_t check_of(const record& r) {
  std::uint64_t h = 0x9e3779b97f4a7c15U;
  for (const std::int64_t part : {r.producer, r.sequence, r.key}) {
    h ^= static_cast<std::uint64_t>(part);
    h *= 0xff51afd7ed558ccdU;
    h ^= h >> 32;
  }
  return h;
}

/// The i-th record of all.
constexpr record record_at(std::int64_t i) {
  record r{i % producers, i / producers, 0, 0, 0};
  r.key = static_cast<std::int64_t>((static_cast<std::uint64_t>(i) * 2654435761U >> 7) %
                                    static_cast<std::uint64_t>(keys));
  r.check = check_of(r);
  return r;
}

inline std::string line_of(const record& r) {
  char text[160];
  std::snprintf(text, sizeof text, "%lld %lld %lld %llu %lld\n", static_cast<long long>(r.producer),
                static_cast<long long>(r.sequence), static_cast<long long>(r.key),
                static_cast<unsigned long long>(r.check), static_cast<long long>(r.seen));
  return text;
}

struct verdict {
  std::int64_t lost = 0;
  std::int64_t duplicated = 0;
  std::int64_t corrupted = 0;
  std::int64_t out_of_order = 0;  // within a key
  std::int64_t records = 0;       // that were whole
};

/// Judges the lines of a sink, in the order in which batches made them visible; `total` records
/// were given.
class oracle {
 public:
  explicit oracle(std::int64_t total) {
    for (std::int64_t i = 0; i < total; ++i) {
      const record r = record_at(i);
      expected_[r.key].push_back({r.producer, r.sequence});
      missing_.insert({r.producer, r.sequence});
    }
  }

  void line(const std::string& text) {
    record r;
    long long n[5] = {};
    unsigned long long check = 0;
    int end = 0;
    const int read = std::sscanf(text.c_str(), "%lld %lld %lld %llu %lld%n", &n[0], &n[1], &n[2],
                                 &check, &n[4], &end);
    r = {n[0], n[1], n[2], check, n[4]};
    if (read != 5 || static_cast<std::size_t>(end) != text.size() || r.check != check_of(r)) {
      ++result_.corrupted;
      return;
    }
    ++result_.records;
    const std::pair<std::int64_t, std::int64_t> id{r.producer, r.sequence};
    if (missing_.erase(id) == 0) {
      ++result_.duplicated;
      return;
    }
    // Of a key each record comes at its place, and state has counted those before.
    std::size_t& at = next_[r.key];
    const auto& order = expected_[r.key];
    const bool counted = r.seen == 0 || r.seen == static_cast<std::int64_t>(at) + 1;
    if (at >= order.size() || order[at] != id || !counted) ++result_.out_of_order;
    ++at;
  }

  verdict judge() const {
    verdict v = result_;
    v.lost = static_cast<std::int64_t>(missing_.size());
    return v;
  }

 private:
  std::map<std::int64_t, std::vector<std::pair<std::int64_t, std::int64_t>>> expected_;  // by key
  std::set<std::pair<std::int64_t, std::int64_t>> missing_;
  std::map<std::int64_t, std::size_t> next_;
  verdict result_;
};

}  // namespace millrace::fault
