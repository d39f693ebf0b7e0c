// take_sample: so many rows by chance, exactly.
#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "dataset/random.hpp"
#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

/// Positions over all rows, in ascending order.
std::vector<std::int64_t> choose_positions(bool replacement, std::int64_t n, std::int64_t total,
                                           partition_random& random) {
  std::vector<std::int64_t> chosen;
  if (replacement) {
    for (std::int64_t i = 0; i < n; ++i)
      chosen.push_back(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(total))));
  } else if (n >= total) {
    chosen.resize(static_cast<std::size_t>(total));
    std::iota(chosen.begin(), chosen.end(), 0);
  } else {
    // Floyd: each set of n positions has the same chance, and n numbers are drawn.
    std::unordered_set<std::int64_t> set;
    for (std::int64_t last = total - n; last < total; ++last) {
      const auto any =
          static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(last) + 1));
      chosen.push_back(set.insert(any).second ? any : *set.insert(last).first);
    }
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// Keeps the rows at some positions of a partition.
struct picker {
  row_buffer rows;
  const std::int64_t* next;
  const std::int64_t* end;
  std::int64_t at;

  static flow push(void* self, const chunk& in) {
    auto& me = *static_cast<picker*>(self);
    const std::uint32_t size = me.rows.type().size;
    for (; me.next != me.end && *me.next < me.at + in.count; ++me.next)
      me.rows.append({static_cast<char*>(in.rows) + (*me.next - me.at) * size, 1, false});
    me.at += in.count;
    return me.next == me.end ? flow::enough : flow::more;
  }
};

}  // namespace

row_buffer take_sample(const node_ptr& dataset, bool replacement, std::int64_t n,
                       std::uint64_t seed) {
  if (n < 0)
    throw usage_error("take_sample: the number of rows must not be negative: " + std::to_string(n));
  row_buffer all(dataset->rows());
  if (n == 0) return all;
  std::vector<std::int64_t> starts{0};
  for (const auto c : count_partitions(dataset, all_partitions(*dataset), "take_sample"))
    starts.push_back(starts.back() + c);
  if (starts.back() == 0) return all;
  partition_random random(seed, -1);
  const auto positions = choose_positions(replacement, n, starts.back(), random);
  const auto chosen_from = [&](int partition) {
    return std::lower_bound(positions.begin(), positions.end(),
                            starts[static_cast<std::size_t>(partition)]) -
           positions.begin();
  };
  std::vector<int> needed;
  for (int p = 0; p < dataset->partitions(); ++p)
    if (chosen_from(p) != chosen_from(p + 1)) needed.push_back(p);
  const auto results = run_job(
      {dataset, needed, "take_sample", [&](task_context& task, int partition) -> task_result {
         auto picked = std::make_shared<picker>(
             picker{row_buffer(dataset->rows()), positions.data() + chosen_from(partition),
                    positions.data() + chosen_from(partition + 1),
                    starts[static_cast<std::size_t>(partition)]});
         drain(task, *dataset, partition, {picked.get(), picker::push});
         return {picked, &picked->rows};
       }});
  for (const auto& r : results) all.append(std::move(*static_cast<row_buffer*>(r.get())));
  if (all.size() != positions.size())
    throw error("take_sample: the dataset had fewer rows the second time it was read; cache it");
  row_buffer shuffled(dataset->rows());
  shuffled.reserve(all.size());
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t left = order.size(); left > 0; --left) {
    std::swap(order[random.below(left)], order[left - 1]);
    shuffled.append({all.row(order[left - 1]), 1, true});
  }
  return shuffled;
}

}  // namespace millrace::detail
