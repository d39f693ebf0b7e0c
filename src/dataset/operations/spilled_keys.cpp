#include "dataset/operations/spilled_keys.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "dataset/heap_bytes.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

side_by_hash::side_by_hash(const row_type& pairs, row_runs input, std::size_t share,
                           std::uint64_t& arrived, std::string_view operation, task_context& task)
    : rows_(pairs, task, operation, share) {
  const entry_layout keys(pairs.field(0).type, nullptr);
  std::uint32_t hashes[chunk_capacity];
  row_order orders[chunk_capacity];
  runs_reader from(input, pairs);
  while (!task.cancelled() && from.next()) {
    keys.hash_keys(from.data(), pairs.field(0).offset, pairs.size, from.count(), hashes);
    for (std::uint32_t i = 0; i < from.count(); ++i) orders[i] = {hashes[i], arrived++};
    rows_.add(from.data(), from.count(), orders);
  }
}

bool side_by_hash::advance() {
  at_ = 0;
  ended_ = ended_ || !rows_.next();
  return !ended_;
}

void rows_of_hash::take(side_by_hash& from, std::uint64_t hash, std::size_t most,
                        std::string_view operation) {
  keys_.clear();
  rows_.clear();
  rows_.texts().clear();
  arrivals_.clear();
  std::size_t heap = 0;
  for (; from.more() && from.hash() == hash; from.pop()) {
    heap += heap_bytes(pairs_, from.row(), 1);
    arrivals_.push_back(from.arrival());
    rows_.append({from.row(), 1, true});
    const std::size_t bytes = rows_.size() * pairs_.size + rows_.texts().bytes() + heap;
    if (bytes <= most) continue;
    std::string key;
    print_row(*pairs_.field(0).type, static_cast<const char*>(rows_.row(0)) + key_at_, key);
    throw error(std::string(operation) +
                ": the rows of one key do not fit in the memory that one task may use, set "
                "memory.budget higher; bytes over " +
                std::to_string(most) + ", key " + key.substr(0, 100));
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const char* key = static_cast<const char*>(rows_.row(i)) + key_at_;
    const std::size_t k = find(key);
    if (k == keys_.size()) keys_.push_back({key, arrivals_[i], 0, {}, {}});
    ++keys_[k].count;
    keys_[k].addresses.push_back(rows_.row(i));
  }
  if (keys_.size() < 2 || !is_kept_whole(pairs_)) return;
  for (auto& k : keys_)
    for (const void* row : k.addresses) {
      const char* bytes = static_cast<const char*>(row);
      k.whole.insert(k.whole.end(), bytes, bytes + pairs_.size);
    }
}

std::size_t rows_of_hash::find(const char* key) const {
  std::size_t k = 0;
  while (k < keys_.size() && !equal_rows(*pairs_.field(0).type, keys_[k].key, key)) ++k;
  return k;
}

const void* rows_of_hash::rows(std::size_t k) const {
  if (!is_kept_whole(pairs_)) return keys_[k].addresses.data();
  return keys_.size() == 1 ? rows_.data() : keys_[k].whole.data();
}

sink placed_rows::at(std::uint64_t place) {
  place_ = place;
  return {this, [](void* self, const chunk& rows) {
            auto& me = *static_cast<placed_rows*>(self);
            row_order orders[chunk_capacity];
            for (std::uint32_t i = 0; i < rows.count; ++i) orders[i].major = me.place_;
            me.rows_.add(rows.rows, rows.count, orders);
            return flow::more;
          }};
}

flow placed_rows::give(const sink& to) {
  if (!rows_.next()) return flow::enough;
  return to({rows_.rows().data(), static_cast<std::uint32_t>(rows_.rows().size()), true});
}

namespace {

std::uint64_t least_hash(std::vector<std::unique_ptr<side_by_hash>>& sides) {
  std::uint64_t least = UINT64_MAX;
  for (auto& s : sides)
    if (s->more()) least = std::min(least, s->hash());
  return least;
}

class spilled_groups_cursor final : public cursor {
 public:
  spilled_groups_cursor(const std::vector<side_source>& sides, std::vector<row_runs> inputs,
                        const row_type& rows, const void* function, group_loop run,
                        std::string_view operation, task_context& task)
      : sides_(sides),
        inputs_(std::move(inputs)),
        run_(run),
        operation_(operation),
        task_(task),
        buffer_(allocate_aligned(std::size_t{chunk_capacity} * rows.size)),
        made_(rows, task, operation) {
    state_.function = function;
    state_.buffer = buffer_.get();
  }

  flow step(const sink& to) override {
    if (!std::exchange(grouped_, true)) group();
    return task_.cancelled() ? flow::enough : made_.give(to);
  }

 private:
  void group() {
    std::vector<std::size_t> order;  // in which keys arrive: as where all fits in memory
    for (std::size_t s = 0; s < sides_.size(); ++s) order.push_back(s);
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
      return inputs_[a].total < inputs_[b].total;
    });
    std::vector<std::unique_ptr<side_by_hash>> by_hash(sides_.size());
    std::uint64_t arrived = 0;
    const std::size_t share = task_.memory().share / sides_.size();
    for (const std::size_t s : order)
      by_hash[s] = std::make_unique<side_by_hash>(*sides_[s].rows, std::move(inputs_[s]), share,
                                                  arrived, operation_, task_);
    std::vector<rows_of_hash> rows;
    for (const auto& s : sides_) rows.emplace_back(*s.rows);
    while (!task_.cancelled()) {
      const std::uint64_t hash = least_hash(by_hash);
      if (hash == UINT64_MAX) return;
      for (std::size_t s = 0; s < rows.size(); ++s)
        rows[s].take(*by_hash[s], hash, task_.memory().share, operation_);
      for (std::size_t s = 0; s < rows.size(); ++s)
        for (std::size_t k = 0; k < rows[s].keys(); ++k)
          if (is_first(rows, s, rows[s].key(k))) push(rows, rows[s].key(k));
    }
  }

  /// Whether no side before has the key.
  static bool is_first(const std::vector<rows_of_hash>& rows, std::size_t s, const char* key) {
    for (std::size_t before = 0; before < s; ++before)
      if (rows[before].find(key) != rows[before].keys()) return false;
    return true;
  }

  void push(const std::vector<rows_of_hash>& rows, const char* key) {
    values_.clear();
    ends_.assign(rows.size() * 2, 0);
    starts_.clear();
    std::uint64_t arrival = UINT64_MAX;
    for (std::size_t s = 0; s < rows.size(); ++s) {
      const std::size_t k = rows[s].find(key);
      const bool has = k != rows[s].keys();
      values_.push_back(has ? rows[s].rows(k) : nullptr);
      if (has) {
        ends_[2 * s + 1] = rows[s].count(k);
        arrival = std::min(arrival, rows[s].arrival(k));
      }
      starts_.push_back(ends_.data() + 2 * s);
    }
    state_.to = made_.at(arrival);
    try {
      run_(state_, {key, 1, values_.data(), starts_.data()});
    } catch (...) {
      task_.failed_in(operation_, -1);
      throw;
    }
  }

  const std::vector<side_source>& sides_;
  std::vector<row_runs> inputs_;
  group_loop run_;
  std::string_view operation_;
  task_context& task_;
  aligned_memory buffer_;
  step_state state_;
  placed_rows made_;
  bool grouped_ = false;
  std::vector<const void*> values_;
  std::vector<std::uint32_t> ends_;
  std::vector<const std::uint32_t*> starts_;
};

class spilled_join_cursor final : public cursor {
 public:
  spilled_join_cursor(join_side held, join_side passing, const row_type& rows, join_loop run,
                      std::string_view operation, task_context& task)
      : held_(std::move(held)),
        passing_(std::move(passing)),
        run_(run),
        operation_(operation),
        task_(task),
        buffer_(allocate_aligned(std::size_t{chunk_capacity} * rows.size)),
        made_(rows, task, operation) {
    state_.buffer = buffer_.get();
  }

  flow step(const sink& to) override {
    if (!std::exchange(joined_, true)) join();
    return task_.cancelled() ? flow::enough : made_.give(to);
  }

 private:
  // Held rows that meet none come after all that pass by.
  static constexpr std::uint64_t after_all = std::uint64_t{1} << 63;

  void join() {
    std::vector<std::unique_ptr<side_by_hash>> by_hash;
    for (join_side* side : {&held_, &passing_}) {
      std::uint64_t arrived = 0;
      by_hash.push_back(std::make_unique<side_by_hash>(*side->source.rows, std::move(side->input),
                                                       task_.memory().share / 2, arrived,
                                                       operation_, task_));
    }
    side_by_hash& passing = *by_hash[1];
    rows_of_hash held(*held_.source.rows);
    std::vector<bool> met;
    const std::uint32_t key_at = passing_.source.rows->field(0).offset;
    while (!task_.cancelled()) {
      const std::uint64_t hash = least_hash(by_hash);
      if (hash == UINT64_MAX) return;
      held.take(*by_hash[0], hash, task_.memory().share, operation_);
      met.assign(held.keys(), false);
      // Rows that pass by need not fit in memory, however many have one key.
      for (; passing.more() && passing.hash() == hash; passing.pop()) {
        const std::size_t k = held.find(passing.row() + key_at);
        const void* row = passing.row();
        const std::uint32_t first = 0;
        const std::uint32_t last = k != held.keys() ? held.count(k) : 0;
        if (last != 0) met[k] = true;
        push(passing.arrival(),
             {passing_.left, 1, &row, last != 0 ? held.rows(k) : nullptr, &first, &last});
      }
      if (!held_.kept) continue;
      for (std::size_t k = 0; k < held.keys(); ++k) {
        if (met[k]) continue;
        const std::uint32_t none = 0;
        for (const void* row : held.addresses(k))
          push(after_all + held.arrival(k), {held_.left, 1, &row, nullptr, &none, &none});
      }
    }
  }

  void push(std::uint64_t place, const matches& in) {
    state_.to = made_.at(place);
    try {
      run_(state_, in);
    } catch (...) {
      task_.failed_in(operation_, -1);
      throw;
    }
  }

  join_side held_;
  join_side passing_;
  join_loop run_;
  std::string_view operation_;
  task_context& task_;
  aligned_memory buffer_;
  step_state state_;
  placed_rows made_;
  bool joined_ = false;
};

}  // namespace

std::unique_ptr<cursor> open_spilled_groups(const std::vector<side_source>& sides,
                                            std::vector<row_runs> inputs, const row_type& rows,
                                            const void* function, group_loop run,
                                            std::string_view operation, task_context& task) {
  return std::make_unique<spilled_groups_cursor>(sides, std::move(inputs), rows, function, run,
                                                 operation, task);
}

std::unique_ptr<cursor> open_spilled_join(join_side held, join_side passing, const row_type& rows,
                                          join_loop run, std::string_view operation,
                                          task_context& task) {
  return std::make_unique<spilled_join_cursor>(std::move(held), std::move(passing), rows, run,
                                               operation, task);
}

}  // namespace millrace::detail
