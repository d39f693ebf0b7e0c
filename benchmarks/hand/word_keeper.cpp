#include <array>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "hand.hpp"
#include "pool.hpp"
#include "tables.hpp"

namespace hand {

class word_keeper::body {
 public:
  virtual ~body() = default;
  virtual void count(std::string_view batch) = 0;
  virtual std::int64_t distinct() const = 0;
};

namespace {

template <class Table>
class keeper final : public word_keeper::body {
 public:
  keeper(int threads, int window)
      : window_(static_cast<std::size_t>(window)),
        pool_(threads),
        tables_(static_cast<std::size_t>(threads)) {}

  void count(std::string_view batch) override {
    const auto parts = cut_lines(batch, pool_.threads());
    pool_.run([&](int worker) {
      auto& table = tables_[static_cast<std::size_t>(worker)];
      table.clear();
      table.count(parts[static_cast<std::size_t>(worker)]);
    });
    pool_.run([&](int worker) { keep(kept_[static_cast<std::size_t>(worker)], worker); });
  }

  std::int64_t distinct() const override {
    return static_cast<std::int64_t>(kept_[0].words.size() + kept_[1].words.size());
  }

 private:
  struct total {
    std::string word;
    std::uint64_t count = 0;
  };
  struct part {
    text_map<total*> words;
    std::deque<total> totals;
    std::vector<total*> free;
    std::deque<std::vector<std::pair<total*, std::uint64_t>>> batches;
  };

  static total* add(part& to, std::string_view word) {
    const auto found = to.words.find(word);
    if (found != to.words.end()) return found->second;
    total* one;
    if (to.free.empty()) {
      one = &to.totals.emplace_back();
    } else {
      one = to.free.back();
      to.free.pop_back();
    }
    one->word = word;
    to.words.emplace(one->word, one);
    return one;
  }

  void keep(part& to, int number) {
    std::vector<std::pair<total*, std::uint64_t>> batch;
    for (const auto& table : tables_) {
      table.for_each(number, pool_.threads(), [&](std::string_view word, std::uint64_t count) {
        total* const one = add(to, word);
        one->count += count;
        if (window_ != 0) batch.emplace_back(one, count);
      });
    }
    if (window_ == 0) return;
    to.batches.push_back(std::move(batch));
    if (to.batches.size() <= window_) return;
    for (const auto& [one, count] : to.batches.front()) {
      one->count -= count;
      if (one->count != 0) continue;
      to.words.erase(one->word);
      to.free.push_back(one);
    }
    to.batches.pop_front();
  }

  std::size_t window_;
  pool pool_;
  std::vector<Table> tables_;
  std::array<part, 2> kept_;
};

}  // namespace

word_keeper::word_keeper(style how, int threads, int window) {
  if (how == style::plain) body_ = std::make_unique<keeper<plain_table>>(threads, window);
  else body_ = std::make_unique<keeper<tuned_table>>(threads, window);
}

word_keeper::~word_keeper() = default;

void word_keeper::count(std::string_view batch) { body_->count(batch); }

std::int64_t word_keeper::distinct() const { return body_->distinct(); }

}  // namespace hand
