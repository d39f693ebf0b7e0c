// Which partition the rows of a key go to.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/partitioner.hpp"
#include "millrace/error.hpp"

namespace millrace {

/// By the key's hash into `partitions` (> 0). Deterministic: the same on every machine, in every
/// run.
struct hash_partitioner {
  int partitions = 1;
  friend bool operator==(const hash_partitioner&, const hash_partitioner&) = default;
};

/// A partitioner of any kind: what `rdd::partitioner()` gives. A handle, copied freely.
class any_partitioner {
 public:
  /// For the engine.
  explicit any_partitioner(detail::partitioner_ptr by) : by_(std::move(by)) {}
  const detail::partitioner_ptr& by() const { return by_; }

  int partitions() const { return by_->partitions; }
  /// The partition of a key, from 0. Throws usage_error where keys are of another type.
  template <class K>
  int operator()(const K& key) const {
    detail::check_key_type(*by_, detail::row_type_of<K>());
    return detail::partition_of(*by_, &key);
  }
  /// True where both put every key into the same partition, and are known to.
  friend bool operator==(const any_partitioner& a, const any_partitioner& b) {
    return a.by_->same_as(*b.by_);
  }
  friend bool operator==(const any_partitioner& a, const hash_partitioner& b) {
    return a.by_->by_hash() && a.by_->partitions == b.partitions;
  }

 private:
  detail::partitioner_ptr by_;
};

template <class T>
class rdd;

/// By ranges of keys of nearly equal size: partition 0 has the lowest keys (or, descending, the
/// highest). Made from a sample of a dataset of pairs: a job runs now. There may be fewer ranges
/// than asked for, since equal keys stay together: one for an empty dataset.
class range_partitioner : public any_partitioner {
 public:
  template <class K, class V>
  range_partitioner(int partitions, const rdd<std::pair<K, V>>& sample, bool ascending = true)
      : any_partitioner(make(partitions, sample.node(), ascending)) {
    static_assert(detail::is_ordered_v<K>, "millrace: this type has no order: give it operator<.");
  }

 private:
  static detail::partitioner_ptr make(int partitions, const detail::node_ptr& sample,
                                      bool ascending);
};

namespace detail {

template <class P, class K>
concept is_user_partitioner = !std::is_same_v<P, hash_partitioner> && std::copy_constructible<P> &&
                              requires(const P& p, const K& k) {
                                { p.partitions() } -> std::convertible_to<int>;
                                { p(k) } -> std::convertible_to<int>;
                                { p == p } -> std::convertible_to<bool>;
                              };

/// Says which operation of the program's was given a number that can't be.
template <class P>
void check_partitions([[maybe_unused]] std::string_view operation, [[maybe_unused]] const P& p) {
  if constexpr (std::is_integral_v<P>)
    if (p < 1)
      throw usage_error(std::string(operation) +
                        ": the number of partitions must be positive: " + std::to_string(p));
}

/// A number of partitions, mr::hash_partitioner, mr::range_partitioner, what `rdd::partitioner()`
/// gave, or a type of the user's: a copyable value with
/// `int partitions() const`, `int operator()(const K&) const` (0 <= result < partitions()) and
/// `==`.
template <class K, class P>
partitioner_ptr partitioner_for(P p) {
  const row_type& key = row_type_of<K>();
  if constexpr (std::is_integral_v<P>) {
    return hash_partitioner_for(key, static_cast<int>(p));
  } else if constexpr (std::is_same_v<P, hash_partitioner>) {
    return hash_partitioner_for(key, p.partitions);
  } else if constexpr (std::is_base_of_v<any_partitioner, P>) {
    check_key_type(*p.by(), key);
    return p.by();
  } else {
    static_assert(is_user_partitioner<P, K>,
                  "millrace: a partitioner is a copyable value with int partitions() const, "
                  "int operator()(const K&) const and ==.");
    static constexpr char kind = 0;
    const int n = p.partitions();
    return user_partitioner_for(
        key, n, keep_function(std::move(p)),
        [](const void* f, const void* k) -> int {
          return function_in<P>(f)(*static_cast<const K*>(k));
        },
        [](const void* a, const void* b) -> bool { return function_in<P>(a) == function_in<P>(b); },
        &kind);
  }
}

}  // namespace detail
}  // namespace millrace
