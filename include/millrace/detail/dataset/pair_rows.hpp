// What operations by key ask of their rows, and what joins and groups make of them.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/detail/dataset/grouping.hpp"
#include "millrace/detail/dataset/node.hpp"
#include "millrace/detail/dataset/row_traits.hpp"

namespace millrace {

template <class T>
class rdd;

namespace detail {

template <class T>
concept pair_row = is_pair_v<T>;

template <class K>
constexpr void check_key() {
  static_assert(
      is_hashable_v<K>,
      "millrace: this type cannot be a key: it needs == and a hash. Specialise std::hash for "
      "it, or make it a plain aggregate of values that have one.");
}
template <class K>
constexpr void check_order() {
  static_assert(is_ordered_v<K>, "millrace: this type has no order: give it operator<.");
}

// The halves of a pair; for other rows only names, so that declarations can be written.
struct no_pair {};
template <class T>
struct pair_types {
  using key = no_pair;
  using value = no_pair;
};
template <class K, class V>
struct pair_types<std::pair<K, V>> {
  using key = std::remove_const_t<K>;
  using value = V;
};

/// The value type of the other side of a join.
template <class T, class Other>
struct other_side {
  static_assert(pair_row<Other> &&
                    std::is_same_v<typename pair_types<T>::key, typename pair_types<Other>::key>,
                "millrace: joins and groups are of pairs with the same key type on both sides; map "
                "the keys of one to the type of the other first.");
  using value = typename pair_types<Other>::value;
};
template <class T, class Other>
using other_value = typename other_side<T, Other>::value;

template <class Side>
inline constexpr bool is_dataset_v = false;
template <class Row>
inline constexpr bool is_dataset_v<rdd<Row>> = true;

/// What cogroup makes of pairs T and other sides: datasets of pairs, and last perhaps a number of
/// partitions or a partitioner, which adds no values.
template <class T, class Side>
struct side_values {
  using type = std::tuple<>;
};
template <class T, class Other>
struct side_values<T, rdd<Other>> {
  using type = std::tuple<other_value<T, Other>>;
};
template <class K, class Values>
struct cogroup_of;
template <class K, class... V>
struct cogroup_of<K, std::tuple<V...>> {
  using row = std::pair<K, std::tuple<std::vector<V>...>>;
  static constexpr group_loop loop = cogroup_values<K, V...>;
};
template <class T, class... Side>
struct cogrouped
    : cogroup_of<typename pair_types<T>::key,
                 decltype(std::tuple_cat(std::declval<std::tuple<typename pair_types<T>::value>>(),
                                         std::declval<typename side_values<T, Side>::type>()...))> {
};

template <class Row>
void add_side(std::vector<node_ptr>& sides, const rdd<Row>& other) {
  sides.push_back(other.node());
}
template <class Partitions>
void add_side(std::vector<node_ptr>&, const Partitions&) {}

}  // namespace detail

}  // namespace millrace
