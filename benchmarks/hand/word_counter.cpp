#include <array>
#include <stdexcept>

#include "hand.hpp"
#include "pool.hpp"
#include "tables.hpp"

namespace hand {

class word_counter::body {
 public:
  virtual ~body() = default;
  virtual void count(std::string_view batch) = 0;
  virtual std::int64_t distinct() const = 0;
  virtual std::vector<std::pair<std::string, std::int64_t>> words() const = 0;
};

namespace {

template <class Table>
class counter final : public word_counter::body {
 public:
  explicit counter(int threads) : pool_(threads), tables_(static_cast<std::size_t>(threads)) {}

  void count(std::string_view batch) override {
    if (threads() == 1) {
      tables_[0].clear();
      tables_[0].count(batch);
      return;
    }
    const auto parts = cut_lines(batch, threads());
    pool_.run([&](int worker) {
      auto& table = tables_[static_cast<std::size_t>(worker)];
      table.clear();
      table.count(parts[static_cast<std::size_t>(worker)]);
    });
    pool_.run([&](int worker) { merge(worker); });
  }

  std::int64_t distinct() const override {
    if (threads() == 2) return static_cast<std::int64_t>(merged_[0].size() + merged_[1].size());
    std::int64_t words = 0;  // walked, as whoever uses the result would
    tables_[0].for_each(0, 1, [&](std::string_view, std::uint64_t) { ++words; });
    return words;
  }

  std::vector<std::pair<std::string, std::int64_t>> words() const override {
    std::vector<std::pair<std::string, std::int64_t>> all;
    const auto add = [&](std::string_view word, std::uint64_t count) {
      all.emplace_back(word, static_cast<std::int64_t>(count));
    };
    if (threads() == 1) tables_[0].for_each(0, 1, add);
    for (const auto& part : merged_) {
      for (const auto& [word, count] : part) add(word, count);
    }
    return all;
  }

 private:
  int threads() const { return pool_.threads(); }

  void merge(int part) {
    auto& result = merged_[static_cast<std::size_t>(part)];
    result.clear();
    for (const auto& table : tables_) {
      table.for_each(part, threads(),
                     [&](std::string_view word, std::uint64_t count) { result[word] += count; });
    }
  }

  pool pool_;
  std::vector<Table> tables_;
  std::array<text_map<std::uint64_t>, 2> merged_;
};

}  // namespace

word_counter::word_counter(style how, int threads) {
  if (threads != 1 && threads != 2) throw std::invalid_argument("1 or 2 threads");
  if (how == style::plain) {
    body_ = std::make_unique<counter<plain_table>>(threads);
  } else {
    body_ = std::make_unique<counter<tuned_table>>(threads);
  }
}

word_counter::~word_counter() = default;

void word_counter::count(std::string_view batch) { body_->count(batch); }

std::int64_t word_counter::distinct() const { return body_->distinct(); }

std::vector<std::pair<std::string, std::int64_t>> word_counter::words() const {
  return body_->words();
}

std::int64_t words_in(std::string_view text) {
  std::int64_t words = 0;
  cut_words_plain(text, [&](const char*, std::size_t) { ++words; });
  return words;
}

std::int64_t lines_in(std::string_view text) { return std::count(text.begin(), text.end(), '\n'); }

}  // namespace hand
