// Which partition the rows of a key go to.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "millrace/detail/dataset/operations.hpp"
#include "millrace/detail/dataset/partitioner.hpp"

namespace millrace {

/// By the key's hash into `partitions` (> 0). Deterministic: the same on every machine, in every
/// run.
struct hash_partitioner {
  int partitions = 1;
};

namespace detail {

template <class P, class K>
concept is_user_partitioner = !std::is_same_v<P, hash_partitioner> && std::copy_constructible<P> &&
                              requires(const P& p, const K& k) {
                                { p.partitions() } -> std::convertible_to<int>;
                                { p(k) } -> std::convertible_to<int>;
                                { p == p } -> std::convertible_to<bool>;
                              };

/// A number of partitions, mr::hash_partitioner, or a type of the user's: a copyable value with
/// `int partitions() const`, `int operator()(const K&) const` (0 <= result < partitions()) and
/// `==`.
template <class K, class P>
partitioner_ptr partitioner_for(P p) {
  const row_type& key = row_type_of<K>();
  if constexpr (std::is_integral_v<P>) {
    return hash_partitioner_for(key, static_cast<int>(p));
  } else if constexpr (std::is_same_v<P, hash_partitioner>) {
    return hash_partitioner_for(key, p.partitions);
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
