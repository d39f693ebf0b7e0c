// The samples of a sort: bounds that cut the keys into ranges of nearly equal size.
#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "engine/actions/drain.hpp"
#include "millrace/detail/engine/jobs.hpp"

namespace millrace::detail {

namespace {

/// Every key has the same chance to be kept (reservoir sampling, Vitter's algorithm R). Seeded by
/// the partition: the same bounds in every run.
class reservoir {
 public:
  reservoir(const row_type& rows, int partition, std::size_t size)
      : keys(*rows.field(0).type),
        rows_(rows),
        size_(size),
        random_(static_cast<std::uint64_t>(partition) + 1) {}

  static flow push(void* self, const chunk& rows) {
    static_cast<reservoir*>(self)->add(rows);
    return flow::more;
  }

  row_buffer keys;
  std::int64_t seen = 0;

 private:
  void add(const chunk& rows) {
    char* key = static_cast<char*>(rows.rows) + rows_.field(0).offset;
    for (std::uint32_t i = 0; i < rows.count; ++i, key += rows_.size, ++seen) {
      if (keys.size() < size_) {
        keys.append({key, 1, false});
      } else if (const auto at = random_() % static_cast<std::uint64_t>(seen + 1); at < size_) {
        row_buffer next(keys.type());  // made aside: copying may fail
        copy_rows(keys.type(), next.place(), key, 1);
        next.added();
        own_row(keys.type(), next.data(), keys.texts());
        destroy_rows(keys.type(), keys.row(at), 1);
        move_rows(keys.type(), keys.row(at), next.data(), 1);
      }
    }
  }

  const row_type& rows_;
  std::size_t size_;
  std::mt19937_64 random_;
};

constexpr std::size_t samples_per_range = 20;
constexpr std::size_t most_samples = 1'000'000;

}  // namespace

row_buffer_ptr range_bounds(const node_ptr& dataset, int partitions) {
  const row_type& key = *dataset->rows().field(0).type;
  auto bounds = std::make_shared<row_buffer>(key);
  if (partitions <= 1 || dataset->partitions() == 0) return bounds;
  // Three times what is needed, since partitions may differ in size.
  const std::size_t wanted =
      std::min(samples_per_range * static_cast<std::size_t>(partitions), most_samples);
  const std::size_t each = 3 * wanted / static_cast<std::size_t>(dataset->partitions()) + 1;
  const auto results = run_job({dataset, all_partitions(*dataset), "sort_by_key",
                                [&](task_context& task, int partition) -> task_result {
                                  auto r =
                                      std::make_shared<reservoir>(dataset->rows(), partition, each);
                                  drain(task, *dataset, partition, {r.get(), reservoir::push});
                                  return r;
                                }});
  struct candidate {
    const void* key;
    double weight;  // rows that it stands for
  };
  std::vector<candidate> all;
  double total = 0;
  for (const auto& result : results) {
    const auto& r = *static_cast<const reservoir*>(result.get());
    for (std::size_t i = 0; i < r.keys.size(); ++i) {
      const double weight = static_cast<double>(r.seen) / static_cast<double>(r.keys.size());
      all.push_back({r.keys.row(i), weight});
      total += weight;
    }
  }
  std::stable_sort(all.begin(), all.end(), [&](const candidate& a, const candidate& b) {
    return less_rows(key, a.key, b.key);
  });
  const double step = total / partitions;
  double sum = 0;
  double target = step;
  for (const auto& c : all) {
    sum += c.weight;
    if (sum < target || static_cast<int>(bounds->size()) == partitions - 1) continue;
    // A key that fills several ranges makes one bound: equal keys stay together.
    if (!bounds->empty() && !less_rows(key, bounds->row(bounds->size() - 1), c.key)) continue;
    bounds->append({const_cast<void*>(c.key), 1, false});
    target += step;
  }
  return bounds;
}

}  // namespace millrace::detail
