// By hash, by range, by the user's own function; and which one holds when nothing is said.
#include <algorithm>
#include <utility>

#include "dataset/entry.hpp"
#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/partitioner.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

namespace {

void check(const char* what, int partitions) {
  if (partitions < 1)
    throw usage_error(std::string(what) +
                      ": the number of partitions must be positive: " + std::to_string(partitions));
}

struct hash_partitioning final : partitioner {
  using partitioner::partitioner;
  bool by_hash() const override { return true; }
  void assign(const char*, std::uint32_t, std::uint32_t, std::uint32_t*) const override {}
  bool same_as(const partitioner& other) const override {
    return other.by_hash() && other.partitions == partitions && &other.key == &key;
  }
};

struct range_partitioning final : partitioner {
  range_partitioning(const row_type& key_type, row_buffer_ptr b, bool up)
      : partitioner(key_type, static_cast<int>(b->size()) + 1),
        bounds(std::move(b)),
        ascending(up) {}

  bool by_range() const override { return true; }
  void assign(const char* keys, std::uint32_t stride, std::uint32_t n,
              std::uint32_t* to) const override {
    const auto count = static_cast<std::uint32_t>(bounds->size());
    for (std::uint32_t i = 0; i < n; ++i, keys += stride) {
      std::uint32_t low = 0;
      for (std::uint32_t high = count; low < high;) {
        const std::uint32_t middle = (low + high) / 2;
        if (less_rows(key, bounds->row(middle), keys)) low = middle + 1;
        else high = middle;
      }
      to[i] = ascending ? low : count - low;
    }
  }
  bool same_as(const partitioner& other) const override {
    const auto* o = dynamic_cast<const range_partitioning*>(&other);
    if (o == nullptr || &o->key != &key || o->ascending != ascending || o->partitions != partitions)
      return false;
    for (std::size_t i = 0; i < bounds->size(); ++i)
      if (!equal_rows(key, bounds->row(i), o->bounds->row(i))) return false;
    return true;
  }

  row_buffer_ptr bounds;
  bool ascending;
};

struct user_partitioning final : partitioner {
  user_partitioning(const row_type& key_type, int count, function_state f,
                    int (*p)(const void*, const void*), bool (*s)(const void*, const void*),
                    const void* k)
      : partitioner(key_type, count), function(std::move(f)), partition(p), same(s), kind(k) {}

  void assign(const char* keys, std::uint32_t stride, std::uint32_t n,
              std::uint32_t* to) const override {
    for (std::uint32_t i = 0; i < n; ++i, keys += stride) {
      const int p = partition(function.get(), keys);
      if (p < 0 || p >= partitions) refuse(p, keys);
      to[i] = static_cast<std::uint32_t>(p);
    }
  }
  bool same_as(const partitioner& other) const override {
    const auto* o = dynamic_cast<const user_partitioning*>(&other);
    return o != nullptr && o->kind == kind && &o->key == &key && o->partitions == partitions &&
           same(function.get(), o->function.get());
  }

  [[noreturn]] void refuse(int p, const void* bad_key) const {
    std::string text = "the partitioner gave a partition that does not exist for the key ";
    print_row(key, bad_key, text);
    throw usage_error(text + ": " + std::to_string(p) + " of " + std::to_string(partitions));
  }

  function_state function;
  int (*partition)(const void*, const void*);
  bool (*same)(const void*, const void*);
  const void* kind;  // an address that stands for the user's type
};

}  // namespace

partitioner_ptr hash_partitioner_for(const row_type& key, int partitions) {
  check("hash_partitioner", partitions);
  return std::make_shared<hash_partitioning>(key, partitions);
}

partitioner_ptr range_partitioner_for(const row_type& key, row_buffer_ptr bounds, bool ascending) {
  return std::make_shared<range_partitioning>(key, std::move(bounds), ascending);
}

partitioner_ptr user_partitioner_for(const row_type& key, int partitions, function_state function,
                                     int (*partition)(const void*, const void*),
                                     bool (*same)(const void*, const void*), const void* kind) {
  check("partitioner", partitions);
  return std::make_shared<user_partitioning>(key, partitions, std::move(function), partition, same,
                                             kind);
}

int partition_of(const partitioner& by, const void* key) {
  std::uint32_t to = 0;
  if (by.by_hash()) {
    entry_layout(&by.key, nullptr).hash_keys(static_cast<const char*>(key), 0, by.key.size, 1, &to);
    to = partition_of_hash(to, static_cast<std::uint32_t>(by.partitions));
  } else {
    by.assign(static_cast<const char*>(key), by.key.size, 1, &to);
  }
  return static_cast<int>(to);
}

void check_key_type(const partitioner& by, const row_type& key) {
  if (&by.key == &key) return;
  throw usage_error("the partitioner is for other keys than this dataset's: " +
                    std::string(by.key.name) + " and " + std::string(key.name));
}

int default_partitions(const std::vector<node_ptr>& parents) {
  const auto& context = parents[0]->context();
  if (context->parallelism_is_set()) return context->default_parallelism();
  int most = 1;
  for (const auto& p : parents) most = std::max(most, p->partitions());
  return most;
}

partitioner_ptr default_partitioner(const std::vector<node_ptr>& parents, const row_type& key) {
  const node* best = nullptr;
  int most = 0;
  for (const auto& p : parents) {
    most = std::max(most, p->partitions());
    if (p->by_key() != nullptr && &p->by_key()->key == &key &&
        (best == nullptr || p->partitions() > best->partitions()))
      best = p.get();
  }
  const int wanted = default_partitions(parents);
  // An existing partitioner is taken if it is within an order of magnitude of the largest parent.
  if (best != nullptr && (most < best->partitions() * 10 || best->partitions() >= wanted))
    return best->by_key();
  return hash_partitioner_for(key, wanted);
}

}  // namespace millrace::detail
