#pragma once
// The loops somebody writes by hand for one job on one machine: no engine, no user functions, no
// fault tolerance. They are what our figures are ratios to.
//
//   plain  a good loop: boost::unordered_flat_map, string_view keys, one byte at a time
//   tuned  a week of work: AVX2 cutting, 16-byte inline keys in a table of its own
//
// Built as a shared library of its own with -O3 -march=native; only this header is seen by the
// rest, so no inline function built for this CPU can take the place of one of the engine's.
//
// Every text given must have 64 readable bytes after it and end with a line end.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hand {

enum class style { plain, tuned };

std::int64_t words_in(std::string_view text);
std::int64_t lines_in(std::string_view text);

/// Counts the words of one batch after the other, each batch anew. With two threads each counts
/// half of the batch, then each merges half of the keys. Not for use by several threads.
class word_counter {
 public:
  /// `threads` is 1 or 2. `tuned` takes up to 100,000 different words and ends the program past
  /// that.
  word_counter(style how, int threads);
  ~word_counter();
  word_counter(const word_counter&) = delete;
  word_counter& operator=(const word_counter&) = delete;

  /// The batch's bytes must stay until the next call.
  void count(std::string_view batch);

  /// Different words in the last batch.
  std::int64_t distinct() const;

  /// The last batch's words and counts, copied, in any order.
  std::vector<std::pair<std::string, std::int64_t>> words() const;

  class body;

 private:
  std::unique_ptr<body> body_;
};

/// Counts the words of one batch after the other and keeps the totals of all batches, or of the
/// last so many. Threads and styles as above.
class word_keeper {
 public:
  /// `window`: how many batches count; 0: all.
  word_keeper(style how, int threads, int window);
  ~word_keeper();
  word_keeper(const word_keeper&) = delete;
  word_keeper& operator=(const word_keeper&) = delete;

  /// The batch's bytes must stay until the next call.
  void count(std::string_view batch);

  /// Different words in all batches that count.
  std::int64_t distinct() const;

  class body;

 private:
  std::unique_ptr<body> body_;
};

inline constexpr std::string_view grep_needle = "ubcrd";

/// Counts the lines of one batch after the other that hold `grep_needle`.
class line_finder {
 public:
  line_finder(style how, int threads);
  ~line_finder();
  line_finder(const line_finder&) = delete;
  line_finder& operator=(const line_finder&) = delete;

  std::int64_t count(std::string_view batch);

  class body;

 private:
  std::unique_ptr<body> body_;
};

struct campaign_count {
  std::int64_t campaign;
  std::int64_t window;  // of 10 s, since the epoch
  std::int64_t views;
};

/// Yahoo streaming benchmark: views a campaign and window over all batches since `start`. Pinned:
/// held to the inlining that the first figures were taken with; else as the compiler likes it.
template <bool Pinned>
class view_counter {
 public:
  /// `ads` (lines `ad,campaign`) must stay.
  view_counter(std::string_view ads, int threads);
  ~view_counter();
  view_counter(const view_counter&) = delete;
  view_counter& operator=(const view_counter&) = delete;

  void start();
  void count(std::string_view batch);
  std::vector<campaign_count> result();

  class body;

 private:
  std::unique_ptr<body> body_;
};

// Pairs, on one thread. What is returned is only what it takes to check the result; the maps and
// vectors on the way are built and freed.

using pair_row = std::pair<std::int64_t, std::int64_t>;

void sort_by_key(std::vector<pair_row>& rows);  // std::sort

struct grouped {
  std::int64_t groups = 0;
  std::int64_t largest = 0;
};
grouped group_by_key(std::span<const pair_row> rows);

struct joined {
  std::int64_t rows = 0;
  std::int64_t sum = 0;  // of both values
};
/// A key is at most once in `right`.
joined join(std::span<const pair_row> left, std::span<const pair_row> right);

/// Different keys; the values are added up on the way.
std::int64_t sum_by_key(std::span<const std::pair<std::int64_t, int>> rows);
std::int64_t sum_by_key(std::span<const std::pair<std::string_view, int>> rows);

// Rows in memory, of integers and of short text, on one thread. What the narrow ones make goes
// into a buffer of 1,024 rows that is written over and over; the others give how many rows come
// out.

inline std::int64_t mapped(std::int64_t x) { return x * 3 + 1; }
inline std::string_view mapped(std::string_view t) { return t.substr(1); }
inline bool kept(std::int64_t x) { return x % 2 != 0; }
inline bool kept(std::string_view t) { return t.back() % 2 != 0; }

template <class T>
std::int64_t map_rows(std::span<const T> rows);
template <class T>
std::int64_t filter_rows(std::span<const T> rows);
template <class T>
T largest_row(std::span<const T> rows);  // REQUIRES: there is one
template <class T>
void sort_rows(std::vector<T>& rows);
template <class T>
std::int64_t distinct_rows(std::span<const T> rows);
template <class K>
std::int64_t reduce_rows(std::span<const std::pair<K, std::int64_t>> rows);
template <class K>
std::int64_t group_rows(std::span<const std::pair<K, std::int64_t>> rows);
/// A key is at most once in `right`.
template <class K>
std::int64_t join_rows(std::span<const std::pair<K, std::int64_t>> left,
                       std::span<const std::pair<K, std::int64_t>> right);

}  // namespace hand
